package spool

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/girok/girok/record"
)

// events collects what a spool reports.
type events struct {
	mu   sync.Mutex
	list []Event
}

func (e *events) report(ev Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.list = append(e.list, ev)
}

func (e *events) count(k EventKind) (n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, ev := range e.list {
		if ev.Kind == k {
			n++
		}
	}
	return n
}

// testConfig has handlers at bits 0 and 1.
func testConfig() RunConfig {
	return RunConfig{Service: "shop", Handlers: []HandlerConfig{{Bit: 0, Name: "a"}, {Bit: 1, Name: "b"}}}
}

// openSpool opens a spool that is sealed at the end of the test. An empty dir is
// a spool in memory.
func openSpool(t testing.TB, opts Options) (*Spool, *events) {
	t.Helper()
	ev := &events{}
	opts.Report = ev.report
	opts.Plain = openPlain
	if opts.Config.Service == "" {
		opts.Config = testConfig()
	}
	s, err := Open(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Seal()
		s.Release()
	})
	if s.Degraded() != (opts.Dir == "") {
		t.Fatalf("degraded: %v; %v", s.Degraded(), ev.list)
	}
	return s, ev
}

// payload is a record's: mask, kind and encoding, then who wrote it and its
// number, then filling that follows from both.
func payload(mask uint64, who, n, size int) []byte {
	p := make([]byte, max(size, 24))
	binary.LittleEndian.PutUint64(p, mask)
	p[9] = record.EncodingGirok
	binary.LittleEndian.PutUint32(p[12:], uint32(who))
	binary.LittleEndian.PutUint64(p[16:], uint64(n))
	for i := 24; i < len(p); i++ {
		p[i] = byte(who + n + i)
	}
	return p
}

// whose takes a payload apart and looks at every byte of it.
func whose(t testing.TB, p []byte) (who, n int) {
	t.Helper()
	who, n = int(binary.LittleEndian.Uint32(p[12:])), int(binary.LittleEndian.Uint64(p[16:]))
	for i := 24; i < len(p); i++ {
		if p[i] != byte(who+n+i) {
			t.Fatalf("record %d of %d is damaged at byte %d", n, who, i)
		}
	}
	return who, n
}

func mustAppend(t testing.TB, w *Writer, p []byte) uint64 {
	t.Helper()
	pos, err := w.Append(p)
	if err != nil {
		t.Fatal(err)
	}
	return pos
}

// readAll reads what there is for now; status is what ended it. A Gap is noted
// and passed.
type read struct {
	refs   []Ref
	gaps   [][2]uint64
	status Status
}

func readAll(t testing.TB, r *Reader) (got read) {
	t.Helper()
	for {
		f, st := r.Next()
		switch st {
		case Frame:
			f.Payload = append([]byte(nil), f.Payload...)
			got.refs = append(got.refs, f)
		case Gap:
			got.gaps = append(got.gaps, [2]uint64{r.GapFrom, r.GapTo})
		default:
			got.status = st
			return got
		}
	}
}

// inOrder fails unless the records are exactly first to last-1 of one writer.
func (got *read) inOrder(t testing.TB, first, last int) {
	t.Helper()
	if len(got.refs) != last-first {
		t.Errorf("%d records, want %d", len(got.refs), last-first)
	}
	for i := range got.refs {
		if _, n := whose(t, got.refs[i].Payload); n != first+i {
			t.Fatalf("record %d where %d should be", n, first+i)
		}
	}
}

// both runs a test on disk and in memory.
func both(t *testing.T, f func(t *testing.T, dir string)) {
	t.Run("disk", func(t *testing.T) { f(t, t.TempDir()) })
	t.Run("memory", func(t *testing.T) { f(t, "") })
	t.Run("plain", func(t *testing.T) {
		openPlain = true
		defer func() { openPlain = false }()
		f(t, t.TempDir())
	})
}

// openPlain makes openSpool write without a mapping.
var openPlain bool

func TestAppendAndRead(t *testing.T) {
	both(t, func(t *testing.T, dir string) {
		s, ev := openSpool(t, Options{Dir: dir})
		w := s.Writer()
		r := w.Run().Reader(0)
		defer r.Close()
		if got := readAll(t, r); len(got.refs) != 0 || got.status != Wait {
			t.Errorf("an empty run: %+v", got)
		}
		sizes := []int{24, 25, 31, 32, 33, 200, 4096, 100_000, record.MaxPayload, 24}
		for i, size := range sizes {
			if pos := mustAppend(t, w, payload(1, 0, i, size)); pos%8 != 0 {
				t.Errorf("position %d", pos)
			}
			got := readAll(t, r)
			if len(got.refs) != 1 || len(got.refs[0].Payload) != size || got.refs[0].Mask() != 1 || got.status != Wait {
				t.Fatalf("record %d: %d records, status %d", i, len(got.refs), got.status)
			}
			got.inOrder(t, i, i+1)
		}
		again := w.Run().Reader(0)
		all := readAll(t, again)
		all.inOrder(t, 0, len(sizes))
		again.Close()
		middle := w.Run().Reader(all.refs[4].Position)
		rest := readAll(t, middle)
		rest.inOrder(t, 4, len(sizes))
		middle.Close()
		s.Seal()
		if got := readAll(t, r); got.status != End || len(got.refs) != 0 {
			t.Errorf("after Seal: %+v", got)
		}
		if r.FramesEnd() != w.Tail() || w.Run().Counters().Committed() != w.Tail() {
			t.Errorf("frames end at %d, committed %d, tail %d", r.FramesEnd(), w.Run().Counters().Committed(), w.Tail())
		}
		if r.Damaged != 0 || ev.count(EventLost) != 0 {
			t.Errorf("%d damaged, %v", r.Damaged, ev.list)
		}
	})
}

func TestAppendRefuses(t *testing.T) {
	both(t, func(t *testing.T, dir string) {
		s, _ := openSpool(t, Options{Dir: dir})
		w := s.Writer()
		for _, size := range []int{0, 7, 8, minPayload - 1, record.MaxPayload + 1} {
			p := make([]byte, size)
			if size > 0 {
				p[0] = 3
			}
			if _, err := w.Append(p); !errors.Is(err, ErrLength) {
				t.Errorf("%d bytes: %v", size, err)
			}
		}
		if n, _, _ := w.Run().Counters().Slot(1).Lost(); n != 3 {
			t.Errorf("%d lost, want the 3 that had a mask", n)
		}
		mustAppend(t, w, append([]byte{1}, make([]byte, minPayload-1)...))
		r := w.Run().Reader(0)
		defer r.Close()
		if got := readAll(t, r); len(got.refs) != 1 {
			t.Errorf("the shortest payload: %+v", got)
		}
	})
}

func TestSeal(t *testing.T) {
	both(t, func(t *testing.T, dir string) {
		s, ev := openSpool(t, Options{Dir: dir})
		w := s.Writer()
		mustAppend(t, w, payload(3, 0, 0, 100))
		if !w.Run().Alive() {
			t.Error("a run that is open is dead")
		}
		s.Seal()
		s.Seal()
		if w.Run().Alive() {
			t.Error("a sealed run is alive")
		}
		tail := w.Tail()
		for range 3 {
			if _, err := w.Append(payload(2, 0, 1, 100)); !errors.Is(err, ErrClosed) {
				t.Errorf("append after Seal: %v", err)
			}
		}
		c := w.Run().Counters()
		if n, _, _ := c.Slot(0).Lost(); n != 0 {
			t.Errorf("handler 0 lost %d", n)
		}
		if n, first, last := c.Slot(1).Lost(); n != 3 || first != tail || last != tail {
			t.Errorf("handler 1 lost %d, %d to %d; the tail is %d", n, first, last, tail)
		}
		if ev.count(EventLost) != 3 {
			t.Errorf("events %v", ev.list)
		}
		r := w.Run().Reader(0)
		defer r.Close()
		got := readAll(t, r)
		got.inOrder(t, 0, 1)
		if got.status != End {
			t.Errorf("status %d", got.status)
		}
	})
}

// A seal while others roll must not be undone by a roll that began before it.
func TestSealAgainstRolls(t *testing.T) {
	both(t, func(t *testing.T, dir string) {
		for range 5 {
			s, _ := openSpool(t, Options{Dir: dir, MaxBytes: 4 << 20})
			w := s.Writer()
			var wg sync.WaitGroup
			for g := range 4 {
				wg.Go(func() {
					for {
						if _, err := w.Append(payload(1, g, 0, 100_000)); errors.Is(err, ErrClosed) {
							return
						}
					}
				})
			}
			time.Sleep(3 * time.Millisecond)
			s.Seal()
			tail := w.Tail()
			wg.Wait()
			if w.Tail() != tail {
				t.Error("the tail moved after Seal")
			}
		}
	})
}

func TestOpenRefuses(t *testing.T) {
	for _, name := range []string{"", ".", "..", ".x", "a/b", "a\\b", "a\x00"} {
		if _, err := Open(Options{Dir: t.TempDir(), Config: RunConfig{Service: name}}); err == nil {
			t.Errorf("service %q: no error", name)
		}
	}
	for _, bits := range [][]int{{-1}, {64}, {3, 3}} {
		cfg := RunConfig{Service: "x"}
		for _, b := range bits {
			cfg.Handlers = append(cfg.Handlers, HandlerConfig{Bit: b})
		}
		if _, err := Open(Options{Dir: t.TempDir(), Config: cfg}); err == nil {
			t.Errorf("bits %v: no error", bits)
		}
	}
}

// What is in memory because no folder is set must not come from, or go to, the
// folder that the program happens to stand in.
func TestMemoryRunTouchesNoFolder(t *testing.T) {
	t.Chdir(t.TempDir())
	stray := filepath.Join("shop", "runs", gonePrefix+"x")
	if err := os.MkdirAll(stray, 0o700); err != nil {
		t.Fatal(err)
	}
	s, ev := openSpool(t, Options{})
	s.Account()
	if runs := s.Runs(); len(runs) != 1 || runs[0] != s.Writer().Run() || !runs[0].Own() || runs[0].Path() != "" {
		t.Errorf("runs %v", runs)
	}
	if _, err := os.Stat(stray); err != nil {
		t.Error("a folder was removed:", err)
	}
	if ev.count(EventDegraded) != 1 {
		t.Errorf("events %v", ev.list)
	}
}

func TestRunsInOrder(t *testing.T) {
	dir := t.TempDir()
	var ids []record.RunID
	for i := range 3 {
		s, _ := openSpool(t, Options{Dir: dir})
		mustAppend(t, s.Writer(), payload(1, i, 0, 100))
		ids = append(ids, s.Writer().Run().ID)
		time.Sleep(time.Millisecond)
	}
	s, _ := openSpool(t, Options{Dir: dir})
	ids = append(ids, s.Writer().Run().ID)
	runs := s.Runs()
	listed, err := List(s.Dir())
	if err != nil || len(runs) != 4 || len(listed) != 4 {
		t.Fatalf("%d runs, %d listed, %v", len(runs), len(listed), err)
	}
	for i := range runs {
		if runs[i].ID != ids[i] || listed[i].ID != ids[i] || runs[i].Own() != (i == 3) || runs[i].Handler(1).Name != "b" || runs[i].Handler(2) != nil {
			t.Errorf("run %d: %+v", i, runs[i].Config)
		}
	}
	if again := s.Runs(); fmt.Sprint(again) != fmt.Sprint(runs) {
		t.Error("another look gives other runs")
	}
}
