package spool

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// backdate makes a dead run one that began at another time, as if the clock was set
// since.
func backdate(t *testing.T, run *Run, at time.Time) *Run {
	t.Helper()
	cfg := run.Config
	cfg.Created, cfg.Began = at, time.Time{}
	b, err := json.Marshal(&cfg)
	must(t, err, os.WriteFile(filepath.Join(run.Path(), configFile), b, 0o600))
	to := filepath.Join(filepath.Dir(run.Path()), cfg.folder())
	if to != run.Path() {
		must(t, os.Rename(run.Path(), to))
	}
	moved, err := openListed(to)
	must(t, err)
	return moved
}

// ended is a dead run with one record.
func ended(t *testing.T, dir string) *Run {
	t.Helper()
	s, _ := openSpool(t, Options{Dir: dir})
	mustAppend(t, s.Writer(), payload(1, 0, 0, 100))
	s.Seal()
	s.Release()
	r, err := openRun(s.Writer().Run().Path())
	must(t, err)
	return r
}

// A run that begins after another one is newer, whatever the clock says: that of a
// program, of a reload, and one that is made whole. It knows what the clock said.
func TestNewestAfterTheClockWasSetBack(t *testing.T) {
	for _, ahead := range []time.Duration{0, 300 * time.Millisecond, time.Hour, 70 * 365 * 24 * time.Hour} {
		t.Run(ahead.String(), func(t *testing.T) {
			dir := t.TempDir()
			begin := time.Now()
			last := backdate(t, ended(t, dir), begin.Add(ahead))
			follows := func(what string, c *RunConfig) {
				t.Helper()
				if !c.Created.After(last.Config.Created) {
					t.Errorf("%s: created %v, and the run before %v", what, c.Created, last.Config.Created)
				}
				if s := c.Start(); s.Before(begin.Round(0)) || s.After(time.Now()) {
					t.Errorf("%s: began at %v, between %v and now", what, s, begin)
				}
				if c.Created.After(last.Config.Created.Add(time.Minute)) {
					t.Errorf("%s: created at %v, long after %v", what, c.Created, last.Config.Created)
				}
			}
			s, _ := openSpool(t, Options{Dir: dir})
			own := s.Writer().Run()
			follows("a program", &own.Config)
			last = own
			retire, err := s.Renew(testConfig())
			must(t, err)
			retire()
			follows("a reload", &s.Writer().Run().Config)
			last = s.Writer().Run()
			m, err := Make(s.Dir(), testConfig())
			must(t, err, m.Append(payload(1, 0, 0, 100)), m.Seal())
			follows("one that is made", &m.cfg)
			// Another program begins before that is to be seen.
			other, _ := openSpool(t, Options{Dir: dir})
			last = &Run{Config: m.cfg}
			follows("another program", &other.Writer().Run().Config)
			must(t, m.Publish())
			runs, err := List(s.Dir())
			must(t, err)
			if len(runs) != 5 || runs[4].ID != other.Writer().Run().ID || runs[3].ID != m.ID || runs[1].ID != own.ID {
				t.Errorf("%d runs, not in the order in which they began", len(runs))
			}
			if names := runNames(t, s.Dir()); ahead >= time.Hour && !slices.IsSorted(names) {
				t.Errorf("names: %v", names)
			}
		})
	}
}

// runNames are the folders of runs, in the order in which the runs count.
func runNames(t *testing.T, service string) (names []string) {
	t.Helper()
	runs, err := List(service)
	must(t, err)
	for _, r := range runs {
		names = append(names, filepath.Base(r.Path()))
	}
	return names
}

// Once the run that a wrong clock had named is gone, the clock is believed again; where
// there can be no name after the last one, and among folders that are no runs, always.
func TestClockIsBelievedAgain(t *testing.T) {
	dir := t.TempDir()
	far := backdate(t, ended(t, dir), time.Now().AddDate(100, 0, 0))
	must(t, os.RemoveAll(far.Path()))
	runs := filepath.Dir(far.Path())
	for _, name := range []string{"99991231T235959Z-0000000000000001", "99990101T000000Z-0000000000000002", "zzz", "lost+found", ".gone-30000101T000000Z-0000000000000003"} {
		must(t, os.Mkdir(filepath.Join(runs, name), 0o700))
	}
	s, _ := openSpool(t, Options{Dir: dir})
	if c := s.Writer().Run().Config; !c.Began.IsZero() || time.Since(c.Created) > time.Minute {
		t.Errorf("%+v", c)
	}
}

// A run that is made with a time keeps it: what it tells of is as old as that.
func TestMadeOfAnOldRun(t *testing.T) {
	dir := t.TempDir()
	old := backdate(t, ended(t, dir), time.Now().Add(-time.Hour))
	m, err := Make(filepath.Dir(filepath.Dir(old.Path())), old.Config)
	must(t, err, m.Append(payload(1, 0, 0, 100)), m.Seal(), m.Publish())
	s, _ := openSpool(t, Options{Dir: dir})
	if runs := s.Runs(); len(runs) != 3 || !runs[2].Own() || !runs[0].Config.Created.Equal(runs[1].Config.Created) {
		t.Errorf("%d runs: %v", len(runs), runNames(t, s.Dir()))
	}
}

// The writer in docs does the same, and girok after it.
func TestPythonWriterAfterTheClockWasSetBack(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("NOT TESTED, needs python3: that docs/write_spool.py makes runs that are the newest")
	}
	dir := t.TempDir()
	backdate(t, ended(t, dir), time.Now().Add(time.Hour))
	want := 1
	for range 2 {
		for range 2 {
			cmd := exec.Command(python, "../docs/write_spool.py", dir, "shop", "x", `[{"bit": 3, "name": "table", "class": "sqlite", "keys": {}}]`)
			cmd.Stdin = strings.NewReader("line\n")
			out, err := cmd.CombinedOutput()
			must(t, err)
			names := runNames(t, filepath.Join(dir, "shop"))
			if want++; len(names) != want || filepath.Base(strings.TrimSpace(string(out))) != names[want-1] {
				t.Fatalf("%s, and the runs are %v", out, names)
			}
		}
		own := filepath.Base(ended(t, dir).Path())
		names := runNames(t, filepath.Join(dir, "shop"))
		if want++; len(names) != want || names[want-1] != own {
			t.Fatal(fmt.Sprint(own, ", and the runs are ", names))
		}
	}
}
