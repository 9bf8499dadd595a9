package deliver

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/girok/girok/record"
	"github.com/girok/girok/spool"
)

// refused makes n dead letters and returns the service's folder.
func refused(t *testing.T, dir string, s *store, n int) string {
	t.Helper()
	s.reject = func(msg string) (string, bool) { return "no seat", strings.HasPrefix(msg, "m") }
	p := start(t, dir, 0, one(s), "a")
	p.append(1, "good") // in the same batch: so it is not the table
	p.appendN(1, n)
	p.d.Start()
	p.flush()
	p.stop()
	s.set(func() { s.reject = nil })
	if list, err := Letters(p.spool.Dir()); err != nil || len(list) != n {
		t.Fatalf("%d letters (%v)", len(list), err)
	}
	return p.spool.Dir()
}

func replayed(t *testing.T, service string) (cfg spool.RunConfig, list []*Letter) {
	t.Helper()
	letters, err := Letters(service)
	if err != nil {
		t.Fatal(err)
	}
	for i := range letters {
		list = append(list, &letters[i])
	}
	return spool.RunConfig{Service: "svc", Host: "host", Handlers: []spool.HandlerConfig{{Bit: 5, Name: "h0", Class: "fake", Keys: fakeKeys("a")}}}, list
}

// Letters that are given back are delivered once, with the ids that they had,
// wherever the process dies that gives them back.
func TestReplay(t *testing.T) {
	const n = 30
	died := errors.New("died")
	for name, replay := range map[string]func(t *testing.T, service string) error{
		"whole": func(t *testing.T, service string) error {
			cfg, list := replayed(t, service)
			return Replay(service, cfg, list)
		},
		"asked for twice": func(t *testing.T, service string) error {
			cfg, list := replayed(t, service)
			return errors.Join(Replay(service, cfg, list), Replay(service, cfg, list))
		},
		"dies after the note, and is asked for again": func(t *testing.T, service string) error {
			cfg, list := replayed(t, service)
			n, err := makeReplay(service, cfg, list)
			if err == nil {
				err = writeNote(service, n)
			}
			if err != nil {
				t.Fatal(err)
			}
			return Replay(service, cfg, list)
		},
		"dies before the note": func(t *testing.T, service string) error {
			cfg, list := replayed(t, service)
			if _, err := makeReplay(service, cfg, list); err != nil {
				t.Fatal(err)
			}
			return died
		},
		"dies after the note": func(t *testing.T, service string) error {
			cfg, list := replayed(t, service)
			n, err := makeReplay(service, cfg, list)
			if err == nil {
				err = writeNote(service, n)
			}
			if err != nil {
				t.Fatal(err)
			}
			return died
		},
		"dies among the letters": func(t *testing.T, service string) error {
			cfg, list := replayed(t, service)
			n, err := makeReplay(service, cfg, list)
			if err == nil {
				err = writeNote(service, n)
			}
			id, _ := record.ParseRunID(n.Run)
			if err == nil {
				_, err = spool.PublishMade(service, id)
			}
			for _, l := range list[:len(list)/2] {
				err = errors.Join(err, os.Remove(l.File))
			}
			if err != nil {
				t.Fatal(err)
			}
			return died
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir, s := t.TempDir(), newStore()
			service := refused(t, dir, s, n)
			err := replay(t, service)
			if err != nil && err != died {
				t.Fatal(err)
			}
			p := start(t, dir, 0, one(s), "a")
			p.d.Start()
			p.append(1, "after")
			p.flush()
			if name == "dies before the note" {
				time.Sleep(3 * fast.Scan)
				once(t, s, 2)
				cfg, list := replayed(t, service)
				if err := Replay(service, cfg, list); err != nil {
					t.Fatal(err)
				}
			}
			eventually(t, "all given back", func() bool { return s.count() == n+2 })
			once(t, s, n+2) // ids too
			p.stop()
			left, _ := filepath.Glob(filepath.Join(service, "dead", "*"))
			for _, path := range left {
				if files, _ := os.ReadDir(path); len(files) > 0 || strings.HasSuffix(path, noteSuffix) {
					t.Errorf("left: %s %v", path, files)
				}
			}
			if runs, _ := os.ReadDir(filepath.Join(service, "runs")); len(runs) != 0 {
				t.Errorf("left: %v", runs)
			}
		})
	}
}

// What is refused again is a letter again, and still the same record.
func TestReplayRefused(t *testing.T) {
	dir, s := t.TempDir(), newStore()
	service := refused(t, dir, s, 3)
	s.set(func() { s.reject = func(msg string) (string, bool) { return "still no seat", msg == "m1" } })
	cfg, list := replayed(t, service)
	if err := Replay(service, cfg, list); err != nil {
		t.Fatal(err)
	}
	p := start(t, dir, 0, one(s), "a")
	p.d.Start()
	eventually(t, "two are in", func() bool { return s.count() == 3 })
	eventually(t, "one is a letter", func() bool { l, _ := Letters(service); return len(l) == 1 })
	p.stop()
	again, err := Letters(service)
	if err != nil || len(again) != 1 || again[0].Reason != "still no seat" {
		t.Fatalf("%+v, %v", again, err)
	}
	var v record.View
	if err := v.Parse(again[0].Frame); err != nil || v.ID == nil {
		t.Errorf("the letter has no id of its own: %v", err)
	}
}
