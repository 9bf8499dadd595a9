package spool

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func names(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err.Error()
	}
	var list []string
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return strings.Join(list, " ")
}

func TestFreeDelivered(t *testing.T) {
	files := threeFiles()
	run := deadRun(t, files...)
	end := files[2].h.end()
	c := run.Counters()
	free := func(want bool, left string) {
		t.Helper()
		gone, err := run.FreeDelivered(end)
		if gone != want || err != nil {
			t.Errorf("gone %v, %v", gone, err)
		}
		if got := names(t, run.path); !want && got != left {
			t.Errorf("left: %s, want %s", got, left)
		}
	}
	free(false, "000001.seg 000002.seg 000003.seg config")
	c.Slot(0).SetFreeBelow(end)
	free(false, "000001.seg 000002.seg 000003.seg config")
	c.Slot(1).SetFreeBelow(files[1].h.base)
	free(false, "000002.seg 000003.seg config")
	c.Slot(1).SetFreeBelow(end)
	free(true, "")
	if _, err := os.Stat(run.path); !os.IsNotExist(err) {
		t.Error("the folder is still there")
	}
	free(true, "")
	r := run.Reader(0)
	defer r.Close()
	if got := readAll(t, r); got.status != End || len(got.refs) != 0 {
		t.Errorf("a run that is gone: %+v", got)
	}
}

func TestTrim(t *testing.T) {
	files := threeFiles()
	files[1] = newFile(2, files[1].h.base, files[1].h.size)
	at := files[1].add(rec(10))
	end := at + frameSize(100)
	run := deadRun(t, files[:2]...)
	spare := newFile(3, files[2].h.base, files[2].h.size) // made ahead, never used
	write(t, filepath.Join(run.path, segmentName(3)), spare.b)
	for range 2 {
		if err := run.Trim(end); err != nil {
			t.Fatal(err)
		}
		if got := names(t, run.path); got != "000001.seg 000002.seg config" {
			t.Errorf("left: %s", got)
		}
		if held := uint64(run.Held()); held != files[0].h.size+end-files[1].h.base {
			t.Errorf("%d bytes are held", held)
		}
		r := run.Reader(0)
		got := readAll(t, r)
		if got.inOrder(t, 0, 11); got.status != End || r.FramesEnd() != end || r.Damaged != 0 {
			t.Errorf("status %d, end %d of %d, %d damaged", got.status, r.FramesEnd(), end, r.Damaged)
		}
		r.Close()
	}
	empty := deadRun(t, newFile(1, 0, 64<<10))
	if err := empty.Trim(0); err != nil || empty.Held() != headerSize {
		t.Errorf("an empty run: %v, %d bytes are held", err, empty.Held())
	}
}

func TestLivingRunsAreLeftAlone(t *testing.T) {
	files := threeFiles()
	run, _, _ := livingRun(t, files...)
	passAll(run, 1<<40)
	if gone, err := run.FreeDelivered(1 << 40); gone || err != nil {
		t.Errorf("FreeDelivered: %v, %v", gone, err)
	}
	if err := run.Trim(0); err != nil || run.Held() != 3*64<<10 {
		t.Errorf("Trim: %v, %d bytes are held", err, run.Held())
	}
}

// The own run gives segments back while it lives, and goes when it is delivered.
func TestOwnRunIsFreed(t *testing.T) {
	s, ev := openSpool(t, Options{Dir: t.TempDir(), segment: minSegment})
	w := s.Writer()
	for i := range 100 {
		pos := mustAppend(t, w, payload(1, 0, i, big))
		passAll(w.Run(), pos)
	}
	for deadline := time.Now().Add(30 * time.Second); w.Run().Held() > 4*minSegment && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	if held := w.Run().Held(); held > 4*minSegment {
		t.Errorf("%d bytes are held though all is delivered", held)
	}
	s.Seal()
	passAll(w.Run(), w.Tail())
	if !s.OwnDelivered() {
		t.Error("all is delivered")
	}
	if err := s.RemoveOwn(); err != nil {
		t.Error(err)
	}
	if got := names(t, filepath.Join(s.Dir(), "runs")); got != "" || len(s.Runs()) != 0 {
		t.Errorf("left: %s", got)
	}
	if n := ev.count(EventLost) + ev.count(EventDisk); n != 0 {
		t.Errorf("events %v", ev.list)
	}
}

// A folder without config is no run; older than a minute and unlocked, it goes.
func TestUnbornRuns(t *testing.T) {
	s, ev := openSpool(t, Options{Dir: t.TempDir()})
	runs := filepath.Join(s.Dir(), "runs")
	old := time.Now().Add(-2 * time.Minute)
	mk := func(name, file string, at time.Time) string {
		path := filepath.Join(runs, name)
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
		if file != "" {
			write(t, filepath.Join(path, file), nil)
		}
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
		return path
	}
	mk("young", "", time.Now())
	mk("old", "", old)
	mk("old-files", segmentName(1), old)
	held := mk("held", lockFileName, old)
	lock, err := os.Open(filepath.Join(held, lockFileName))
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if err := takeLock(lock); err != nil {
		t.Fatal(err)
	}
	// A run that is half removed must neither be read again nor stay.
	f := newFile(1, 0, 64<<10)
	f.add(rec(0))
	if err := os.Rename(deadRun(t, f).path, filepath.Join(runs, gonePrefix+"x")); err != nil {
		t.Fatal(err)
	}
	// What can't be read is told once, and stays.
	bad := mk("bad", "", old)
	write(t, filepath.Join(bad, configFile), []byte("{"))
	newer := mk("newer", "", old)
	write(t, filepath.Join(newer, configFile), []byte(`{"format": 2, "id": "1122334455667788"}`))
	wild := mk("wild", "", old)
	write(t, filepath.Join(wild, configFile), []byte(`{"format": 1, "id": "1122334455667788", "handlers": [{"bit": 64}]}`))
	write(t, filepath.Join(runs, "file"), nil)
	for range 2 {
		if list := s.Runs(); len(list) != 1 || !list[0].Own() {
			t.Errorf("runs %v", list)
		}
	}
	own := filepath.Base(s.Writer().Run().Path())
	if got := names(t, runs); got != own+" bad file held newer wild young" {
		t.Errorf("left: %s", got)
	}
	if n := ev.count(EventUnreadable); n != 3 {
		t.Errorf("%d events, want one for each folder that can't be read: %v", n, ev.list)
	}
	if _, err := List(s.Dir()); err == nil {
		t.Error("List tells nothing of what can't be read")
	}
}

// A copy beside a run, such as somebody makes before he tries something, is no other
// run: its records would come again when the run is gone and so are its positions.
func TestCopyOfARun(t *testing.T) {
	ev := &events{}
	s, err := Open(Options{Dir: t.TempDir(), Config: testConfig(), Report: ev.report})
	must(t, err)
	defer s.Seal()
	mustAppend(t, s.Writer(), payload(1, 0, 0, 100))
	own := s.Writer().Run().Path()
	for _, name := range []string{own + ".bak", filepath.Join(filepath.Dir(own), "copy-"+filepath.Base(own))} {
		must(t, os.CopyFS(name, os.DirFS(own)))
	}
	for range 2 {
		if list := s.Runs(); len(list) != 1 || !list[0].Own() {
			t.Errorf("runs %v", list)
		}
	}
	if n := ev.count(EventUnreadable); n != 2 {
		t.Errorf("%d events, want one for each copy: %v", n, ev.list)
	}
	if dead := s.deadRuns(); len(dead) > 0 {
		t.Errorf("segments of %s would go to make room", dead[0].path)
	}
	must(t, os.CopyFS(s.Dir()+".bak", os.DirFS(s.Dir())))
	if list, err := List(s.Dir() + ".bak"); len(list) != 0 || err == nil {
		t.Errorf("a copy of the service has %d runs; %v", len(list), err)
	}
	list, err := List(s.Dir())
	if len(list) != 1 || err == nil || !strings.Contains(err.Error(), own+".bak is taken for a copy") {
		t.Errorf("List has %d runs, and tells %v", len(list), err)
	}
}

func TestUnusableFolders(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	write(t, file, nil)
	tests := map[string]func() string{
		"a file in the way": func() string { return file },
		"writable by others": func() string {
			d := filepath.Join(dir, "open")
			must(t, os.MkdirAll(filepath.Join(d, "shop"), 0o700), os.Chmod(filepath.Join(d, "shop"), 0o777))
			return d
		},
		"runs writable by others": func() string {
			d := filepath.Join(dir, "openruns")
			runs := filepath.Join(d, "shop", "runs")
			must(t, os.MkdirAll(runs, 0o700), os.Chmod(runs, 0o722))
			return d
		},
		"of somebody else": func() string {
			d := filepath.Join(dir, "others")
			must(t, os.MkdirAll(filepath.Join(d, "shop"), 0o700))
			if err := os.Chown(filepath.Join(d, "shop"), os.Getuid()+1, -1); err != nil {
				t.Log("NOT TESTED, needs root: a folder of somebody else: ", err)
				return file
			}
			return d
		},
	}
	for name, make := range tests {
		t.Run(name, func(t *testing.T) {
			d := make()
			// A run that a stranger left there is not believed.
			f := newFile(1, 0, 64<<10)
			f.add(rec(0))
			os.Rename(deadRun(t, f).path, filepath.Join(d, "shop", "runs", "20260101T000000Z-1122334455667788"))
			ev := &events{}
			s, err := Open(Options{Dir: d, Config: testConfig(), Report: ev.report})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Seal()
			if !s.Degraded() || ev.count(EventDegraded) != 1 {
				t.Fatalf("degraded: %v, events %v", s.Degraded(), ev.list)
			}
			mustAppend(t, s.Writer(), payload(1, 0, 0, 100))
			r := s.Writer().Run().Reader(0)
			defer r.Close()
			got := readAll(t, r)
			got.inOrder(t, 0, 1)
			if list := s.Runs(); len(list) != 1 {
				t.Errorf("runs %v", list)
			}
		})
	}
}

func must(t testing.TB, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// What is let go twice ends where it ended: nobody is to look for records behind that.
func TestReleasedTwice(t *testing.T) {
	s, err := Open(Options{Dir: t.TempDir(), Config: RunConfig{Service: "s", Handlers: []HandlerConfig{{Name: "a"}}}})
	if err != nil {
		t.Fatal(err)
	}
	run, end := s.Writer().Run(), s.Writer().Tail()
	for range 2 {
		s.Seal()
		s.Release()
		if got := run.Counters().Committed(); got != end {
			t.Errorf("committed up to %d, want %d", got, end)
		}
	}
}
