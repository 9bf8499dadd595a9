package file

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/girok/girok/internal/disk"
	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
	"github.com/girok/girok/sink/sinktest"
)

// paper is one file, the sink that writes it, and the journal of its batches.
type paper struct {
	testing.TB
	path string
	keys string
	s    *Spooled
	run  *sinktest.Spool
	last sink.Mark
	said *bytes.Buffer
}

func newPaper(tb testing.TB, keys string) *paper {
	tb.Helper()
	p := &paper{TB: tb, path: filepath.Join(tb.TempDir(), "logs", "out.log"), keys: keys, run: sinktest.NewRun(1), said: new(bytes.Buffer)}
	p.open()
	return p
}

func (p *paper) env() sink.Env {
	return sink.Env{Service: "s", Handler: "h", Location: time.FixedZone("KST", 9*3600), Log: slog.New(slog.NewTextHandler(p.said, nil))}
}

func (p *paper) open() {
	p.Helper()
	s, err := p.tryOpen(p.env())
	if err != nil {
		p.Fatal(err)
	}
	p.s = s
	p.Cleanup(func() { s.Close() })
}

func (p *paper) tryOpen(env sink.Env) (*Spooled, error) {
	kind := KindWith(testZstd)
	c := sinktest.Decode(p, kind, fmt.Sprintf("filename: %q\nformatter: {format: '%%(message)s'}\n%s", p.path, p.keys))
	s, err := kind.Open(context.Background(), env, c)
	if err != nil {
		return nil, err
	}
	return s.(*Spooled), nil
}

// reopen is the next process.
func (p *paper) reopen() {
	p.Helper()
	if err := p.s.Close(); err != nil {
		p.Fatal(err)
	}
	p.open()
}

func (p *paper) batch(texts ...string) *sink.Batch {
	var records []sinktest.Record
	for _, text := range texts {
		records = append(records, sinktest.Log(text))
	}
	return sinktest.Batch("h", p.run.Part(records...))
}

// prepare is what stands in the journal before the batch is written.
func (p *paper) prepare(b *sink.Batch) error {
	m, err := p.s.Prepare(context.Background(), b, p.last)
	if err == nil {
		b.Mark = m
	}
	return err
}

func (p *paper) send(b *sink.Batch) error {
	err := p.prepare(b)
	if err == nil {
		err = p.s.Write(context.Background(), b)
	}
	if err == nil {
		p.last = b.Mark
	}
	return err
}

func (p *paper) write(texts ...string) {
	p.Helper()
	if err := p.send(p.batch(texts...)); err != nil {
		p.Fatal(err)
	}
}

// begin prepares a batch and leaves as much of it in the file as a kill would.
func (p *paper) begin(written int, texts ...string) *sink.Batch {
	p.Helper()
	b := p.batch(texts...)
	if err := p.prepare(b); err != nil {
		p.Fatal(err)
	}
	p.raw(p.path, string(p.s.left[:written]))
	return b
}

// raw is what somebody else writes.
func (p *paper) raw(path, text string) {
	p.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err == nil {
		_, err = f.WriteString(text)
		f.Close()
	}
	if err != nil {
		p.Fatal(err)
	}
}

func (p *paper) again(b *sink.Batch) {
	p.Helper()
	if err := p.send(b); err != nil {
		p.Fatal(err)
	}
}

func (p *paper) want(text string) {
	p.Helper()
	wantFile(p, p.path, text)
}

func (p *paper) said1(text string) {
	p.Helper()
	if !strings.Contains(p.said.String(), text) {
		p.Errorf("it said %q, want %q", p.said, text)
	}
}

func (p *paper) move(from, to string) {
	p.Helper()
	if err := os.Rename(from, to); err != nil {
		p.Fatal(err)
	}
}

// What a kill leaves is completed, in whatever way the file was handled in
// between.
func TestResume(t *testing.T) {
	const first, second = "a1\na2\n", "b1\nb2\nb3\n"
	aside := func(p *paper) string { return filepath.Join(filepath.Dir(p.path), "out.log.1") }
	for _, c := range []struct {
		name    string
		written int // bytes of the second batch
		change  func(p *paper)
		want    string
		moved   string // what the file has that was moved away
		says    string
	}{
		{name: "nothing was written", want: first + second},
		{name: "a line and a half", written: 4, want: first + second},
		{name: "all of it", written: 9, want: first + second},
		{name: "renamed", written: 4, change: func(p *paper) { p.move(p.path, aside(p)) }, want: "", moved: first + second},
		{name: "renamed after all of it", written: 9, change: func(p *paper) { p.move(p.path, aside(p)) }, want: "", moved: first + second},
		{name: "renamed, and another made", written: 4, change: func(p *paper) { p.move(p.path, aside(p)); p.raw(p.path, "x\n") }, want: "x\n", moved: first + second},
		{name: "removed", written: 4, change: func(p *paper) { os.Remove(p.path) }, want: second, says: "is gone"},
		{name: "copied", written: 4, change: func(p *paper) { p.move(p.path, aside(p)); p.raw(p.path, first+"b1\nb"); os.Remove(aside(p)) }, want: first + second, says: "copy"},
		{name: "replaced", written: 4, change: func(p *paper) { os.Remove(p.path); p.raw(p.path, "quite another file\n") }, want: "quite another file\n" + second},
		{name: "emptied", written: 4, change: func(p *paper) { os.Truncate(p.path, 0) }, want: second, says: "was cut"},
		{name: "zeros of a power cut", written: 4, change: func(p *paper) { p.raw(p.path, "\x00\x00\x00") }, want: first + second},
		{name: "only zeros", change: func(p *paper) { p.raw(p.path, "\x00\x00\x00") }, want: first + second},
		{name: "somebody writes behind half a line", written: 4, change: func(p *paper) { p.raw(p.path, "x\ny\n") }, want: first + "b1\nbx\ny\nb2\nb3\n", says: "somebody else"},
		{name: "somebody writes, without a line end", written: 3, change: func(p *paper) { p.raw(p.path, "xy") }, want: first + "b1\nxy\nb2\nb3\n", says: "somebody else"},
		{name: "somebody writes before it", change: func(p *paper) { p.raw(p.path, "x\n") }, want: first + "x\n" + second, says: "somebody else"},
		{name: "somebody writes behind all of it", written: 9, change: func(p *paper) { p.raw(p.path, "x\n") }, want: first + second + "x\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, samely := range []bool{true, false} { // the same process, and the next
				p := newPaper(t, "")
				p.write("a1", "a2")
				b := p.begin(c.written, "b1", "b2", "b3")
				if !samely {
					if err := p.s.Close(); err != nil {
						t.Fatal(err)
					}
				}
				if c.change != nil {
					c.change(p)
				}
				if samely && c.name == "copied" {
					continue // the old file is still open, and has a name no more
				}
				if !samely {
					p.open()
				}
				// Twice: the process dies once more before its journal is there.
				old := b.Mark
				if err := p.prepare(b); err != nil {
					t.Fatal(err)
				}
				b.Mark = old
				p.reopen()
				p.again(b)
				if c.moved != "" {
					wantFile(t, aside(p), c.moved)
				}
				if c.want != "" {
					p.want(c.want)
				}
				p.said1(c.says)
				p.write("c")
				p.want(c.want + "c\n")
			}
		})
	}
}

// A line that somebody has left without an end does not swallow ours.
func TestTornLineOfAnother(t *testing.T) {
	p := newPaper(t, "")
	p.write("a")
	p.raw(p.path, "torn")
	b := p.begin(3, "b1", "b2")
	p.want("a\ntorn\nb1")
	p.reopen()
	p.again(b)
	p.write("c")
	p.want("a\ntorn\nb1\nb2\nc\n")
}

// Another version makes other lines of the same records: what was begun is taken
// back.
func TestOtherLines(t *testing.T) {
	p := newPaper(t, "")
	p.write("a")
	b := p.begin(4, "b1", "b2")
	if err := p.s.Close(); err != nil {
		t.Fatal(err)
	}
	p.keys = "sync: true\n"
	p.open()
	p.s.format = numbered{}
	p.again(b)
	p.want("a\nline\nline\n")
}

type numbered struct{}

func (numbered) Append(dst []byte, _ *record.View) []byte { return append(dst, "line"...) }
func (numbered) NeedsCaller() bool                        { return false }

func TestMovedAway(t *testing.T) {
	p := newPaper(t, "")
	p.write("a")
	p.move(p.path, p.path+".1")
	p.write("b")
	if err := os.Remove(p.path); err != nil {
		t.Fatal(err)
	}
	p.write("c")
	wantFile(t, p.path+".1", "a\n")
	p.want("c\n")
	if err := os.RemoveAll(filepath.Dir(p.path)); err != nil {
		t.Fatal(err)
	}
	p.write("d")
	p.want("d\n")
}

func TestOneOwner(t *testing.T) {
	p := newPaper(t, "")
	p.write("a")
	refused := func(err error, words string) {
		t.Helper()
		var r *sink.Refused
		if !errors.As(err, &r) || !strings.Contains(err.Error(), words) || r.Remedy == "" {
			t.Errorf("got %v", err)
		}
	}
	// Another process: its lock is that of another open file.
	f, err := os.OpenFile(p.path+".x", os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := lock(f); err != nil {
		t.Fatal(err)
	}
	p.move(p.path+".x", p.path)
	refused(p.send(p.batch("b")), "another process has a lock")
	f.Close()
	p.write("b")
	p.want("b\n")
}

// Two runs of a handler write one file, the second with other keys, or another
// name of the handler: while a batch of one is under way the other waits.
func TestTwoSinksOfOneFile(t *testing.T) {
	p := newPaper(t, "")
	env := p.env()
	env.Handler = "renamed"
	other, err := p.tryOpen(env)
	if err != nil {
		t.Fatal(err)
	}
	b := p.begin(1, "a")
	_, err = other.Prepare(context.Background(), p.batch("b"), nil)
	var retry *sink.Retry
	if !errors.As(err, &retry) {
		t.Fatalf("got %v", err)
	}
	p.again(b)
	first := p.s
	p.s = other
	p.write("b")
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	p.s = first
	p.write("c")
	p.want("a\nb\nc\n")
}

func TestRefusedPaths(t *testing.T) {
	for name, make := range map[string]func(path string) error{
		"a folder":           func(path string) error { return os.MkdirAll(path, 0o755) },
		"in a file":          func(path string) error { return os.WriteFile(filepath.Dir(path), nil, 0o644) },
		"a link to nowhere":  func(path string) error { return os.MkdirAll(filepath.Dir(path), 0o755) },
		"a name that's long": func(string) error { return nil },
	} {
		p := newPaper(t, "")
		if name == "a link to nowhere" {
			p.path = filepath.Join(p.path, "..", "loop")
		}
		if err := make(p.path); err != nil {
			t.Fatal(err)
		}
		switch name {
		case "a link to nowhere":
			if err := os.Symlink(p.path, p.path); err != nil {
				t.Fatal(err)
			}
		case "a name that's long":
			p.path = filepath.Join(filepath.Dir(p.path), strings.Repeat("x", 300))
		}
		p.reopen()
		var r *sink.Refused
		if err := p.send(p.batch("a")); !errors.As(err, &r) || r.Remedy == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// names lists the folder of the file.
func (p *paper) names() (names []string) {
	entries, err := os.ReadDir(filepath.Dir(p.path))
	if err != nil {
		p.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestRotateBytes(t *testing.T) {
	p := newPaper(t, "rotate: {bytes: 10B, keep: 2}\n")
	for i := range 5 {
		p.write(fmt.Sprint("line ", i)) // 7 bytes: each its own file
	}
	p.write("a line that is longer than ten bytes")
	p.s.file.tidy.work.Wait()
	got := linesOf(t, p.path)
	if want := []string{"line 3\n", "line 4\n", "a line that is longer than ten bytes\n"}; !slices.Equal(got, want) {
		t.Errorf("%q in %q", got, p.names())
	}
	if p.s.config.Limits().Bytes != 2 {
		t.Errorf("batches are cut at %d bytes", p.s.config.Limits().Bytes)
	}
}

// A batch goes to a new day's file by the clock of the zone, and the old file has
// the day on which it was begun in its name.
func TestRotateEvery(t *testing.T) {
	for every, label := range map[string]string{"day": "2026-11-25", "hour": "2026-11-25T23"} {
		p := newPaper(t, "rotate: {every: "+every+"}\n")
		p.write("a")
		p.write("b")
		begun := func(at time.Time) {
			p.s.file.began = at.Unix()
			var m mark
			if err := json.Unmarshal(p.last, &m); err != nil {
				t.Fatal(err)
			}
			m.Began = at.Unix()
			p.last, _ = json.Marshal(m)
		}
		night := time.Date(2026, 11, 25, 14, 59, 59, 0, time.UTC) // 23:59:59 in Seoul
		begun(night)
		p.reopen() // the journal knows when it was begun
		p.write("c")
		begun(night)
		p.write("d")
		want := []string{"out-" + label + ".2.log", "out-" + label + ".log", "out.log"}
		if got := p.names(); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", every, got, want)
		}
		if got := strings.Join(linesOf(t, p.path), ""); got != "a\nb\nc\nd\n" {
			t.Errorf("%s: %q", every, got)
		}
	}
}

// A kill in the middle of rotation: the file has its new name and there is no
// other, or an empty one.
func TestRotationDies(t *testing.T) {
	for _, made := range []bool{false, true} {
		p := newPaper(t, "rotate: {bytes: 10B}\n")
		p.write("line 1")
		p.move(p.path, filepath.Join(filepath.Dir(p.path), "out-2026-11-25T120000.log"))
		if made {
			p.raw(p.path, "")
		}
		p.reopen()
		p.write("line 2")
		b := p.begin(3, "line 3") // in a file of its own
		p.reopen()
		p.again(b)
		if got := strings.Join(linesOf(t, p.path), ""); got != "line 1\nline 2\nline 3\n" {
			t.Errorf("%q in %q", got, p.names())
		}
	}
}

func TestCompress(t *testing.T) {
	for _, name := range []string{"gzip", "zstd"} {
		t.Run(name, func(t *testing.T) { compressed(t, name) })
	}
}

func compressed(t *testing.T, name string) {
	p, how := newPaper(t, "rotate: {bytes: 10B, compress: "+name+", keep: 3}\n"), packingOf(t, name)
	dir := filepath.Dir(p.path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	// What kills have left: half a copy, and a file beside its whole copy.
	p.raw(filepath.Join(dir, ".out-2026-01-01.log"+how.suffix+".new"), "half")
	p.raw(filepath.Join(dir, "out-2026-01-02.log"), "whole\n")
	p.raw(filepath.Join(dir, "out-2026-01-02.log"+how.suffix), packed(t, how, "whole\n"))
	p.raw(filepath.Join(dir, "out-today.log"), "somebody else's")
	p.raw(filepath.Join(dir, "out-2026-01-03.log"), "longer than its copy\n")
	p.raw(filepath.Join(dir, "out-2026-01-03.log"+how.suffix), packed(t, how, "no copy\n"))
	p.write("line 1")
	p.s.file.tidy.work.Wait()
	if got, want := p.names(), []string{"out-2026-01-02.log" + how.suffix, "out-2026-01-03.log", "out-2026-01-03.log" + how.suffix, "out-today.log", "out.log"}; !slices.Equal(got, want) {
		t.Fatalf("%q, want %q", got, want)
	}
	p.said1("is not its copy: both stay")
	if err := os.Remove(filepath.Join(dir, "out-2026-01-03.log")); err != nil {
		t.Fatal(err)
	}
	for i := 2; i <= 5; i++ {
		p.write(fmt.Sprint("line ", i))
		p.s.file.tidy.work.Wait()
	}
	list, err := asides(p.path)
	if err != nil || len(list) != 3 {
		t.Fatal(list, err)
	}
	text := ""
	for _, a := range list {
		f, err := os.Open(a.path)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(unpacked(t, a.path, f))
		f.Close()
		if err != nil {
			t.Fatal(a.path, err)
		}
		text += string(b)
	}
	if text != "line 2\nline 3\nline 4\n" {
		t.Errorf("%q in %q", text, p.names())
	}
}

// With sync, and where the spool survives a power cut, a batch is on the disk before
// Write returns; also one that an earlier process had written and not answered.
func TestSync(t *testing.T) {
	defer func() { syncData = disk.SyncData }()
	for keys, durable := range map[string]bool{"": false, "sync: true\n": false, "sync: false\n": true} {
		p := newPaper(t, keys)
		synced := 0
		syncData = func(f *os.File) error {
			wantFile(t, f.Name(), "a\nb\n")
			synced++
			return nil
		}
		p.s.env.Durable = durable
		b := p.batch("a", "b")
		p.again(b)
		p.reopen()
		p.s.env.Durable = durable
		p.again(b)
		want := 2
		if keys == "" {
			want = 0
		}
		if synced != want {
			t.Errorf("%q: synced %d times, want %d", keys, synced, want)
		}
	}
}

// What a line shows of the process is that of the one that logged.
func TestProcessOfTheRecord(t *testing.T) {
	p := newPaper(t, "")
	p.s.config.Formatter = nil
	c := sinktest.Decode(t, Kind, fmt.Sprintf("filename: %q\nformatter: {format: '%%(process)d %%(relativeCreated)d %%(message)s'}\n", p.path)).(Config)
	f, err := c.formatter(time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	p.s.format = f
	p.run.Origin.PID, p.run.Origin.Started = 4711, sinktest.At.Add(-2*time.Second)
	p.write("a")
	p.want("4711 2000 a\n")
}

// A record that can't be read goes to the dead letters; one that a newer girok
// wrote waits.
func TestUnreadable(t *testing.T) {
	p := newPaper(t, "")
	part := p.run.Part(sinktest.Log("a"), sinktest.Log("b"), sinktest.Log("c"))
	part.Items[1].Payload = part.Items[1].Payload[:20]
	var reject *sink.Reject
	if err := p.send(sinktest.Batch("h", part)); !errors.As(err, &reject) || len(reject.Rows) != 1 || reject.Rows[0].Index != 1 {
		t.Fatalf("got %v", err)
	}
	p.again(sinktest.Batch("h", part.Without(1)))
	newer := p.run.Part(sinktest.Log("d"))
	newer.Items[0].Payload[9] = 99
	if err := p.send(sinktest.Batch("h", newer)); !errors.Is(err, record.ErrEncoding) {
		t.Fatalf("got %v", err)
	}
	p.want("a\nc\n")
}

// textOf reads all files, also compressed ones, oldest first.
func (p *paper) text() string {
	p.Helper()
	list, err := asides(p.path)
	if err != nil {
		p.Fatal(err)
	}
	var all strings.Builder
	for _, a := range append(list, aside{path: p.path}) {
		f, err := os.Open(a.path)
		if err != nil {
			p.Fatal(err)
		}
		if _, err := io.Copy(&all, unpacked(p, a.path, f)); err != nil {
			p.Fatal(a.path, err)
		}
		f.Close()
	}
	return all.String()
}

// A folder that changes while it is listed may show neither a file nor its
// compressed copy: still no name is given twice.
func TestNamesAreTaken(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.log")
	for _, c := range []struct {
		there, listed []string
		want          string
	}{
		{nil, nil, "out-2026-11-25.log"},
		{[]string{"out-2026-11-25.log"}, nil, "out-2026-11-25.2.log"},
		{[]string{"out-2026-11-25.2.log.gz"}, nil, "out-2026-11-25.3.log"},
		{[]string{"out-2026-11-25.4.log.zst"}, []string{"out-2026-11-25.3.log"}, "out-2026-11-25.5.log"},
	} {
		for _, name := range c.there {
			if err := os.WriteFile(filepath.Join(filepath.Dir(path), name), nil, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		var list []aside
		for _, name := range c.listed {
			list = append(list, aside{path: name, label: "2026-11-25", n: 3})
		}
		got, err := nextAside(path, "2026-11-25", list)
		if err != nil || filepath.Base(got) != c.want {
			t.Errorf("%v listed, %v there: %s, %v; want %s", c.listed, c.there, got, err, c.want)
		}
	}
}

func TestRotateWhileCompressing(t *testing.T) {
	p := newPaper(t, "rotate: {bytes: 10B, compress: zstd}\n")
	var want strings.Builder
	for i := range 100 {
		line := fmt.Sprint("line ", i)
		want.WriteString(line + "\n")
		p.write(line)
		if i%3 == 0 {
			p.s.file.tidy.work.Wait() // now and then all is packed but the last
		}
	}
	p.s.file.tidy.work.Wait()
	if got := p.text(); got != want.String() {
		t.Errorf("%d lines, want 100", strings.Count(got, "\n"))
	}
}
