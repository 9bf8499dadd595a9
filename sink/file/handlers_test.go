package file

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// folder is what lies in a folder: name=content, in order of name.
func folder(tb testing.TB, dir string) string {
	tb.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		tb.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			tb.Fatal(err)
		}
		all = append(all, e.Name()+"="+strings.ReplaceAll(string(b), "\n", "/"))
	}
	return strings.Join(all, " ")
}

func TestRotating(t *testing.T) {
	tests := []struct {
		name  string
		max   int64
		keep  int
		end   string
		lines []string
		want  string
	}{
		{"at most one byte less", 10, 3, "\n", []string{"1234", "1234", "1234"}, "a=1234/ a.1=1234/ a.2=1234/"},
		{"filled", 11, 3, "\n", []string{"1234", "1234", "1234"}, "a=1234/ a.1=1234/1234/"},
		{"the oldest goes", 6, 1, "\n", []string{"1234", "5678", "9abc"}, "a=9abc/ a.1=5678/"},
		{"an empty file too", 4, 2, "\n", []string{"1234", "5678"}, "a=5678/ a.1=1234/ a.2="},
		{"characters of the line, bytes of the file", 8, 2, "\n", []string{"가나", "다라"}, "a=다라/ a.1=가나/"},
		{"whatever ends the line", 8, 2, "", []string{"123", "4567"}, "a=4567 a.1=123"},
		{"no backups: it grows", 4, 0, "\n", []string{"1234", "5678"}, "a=1234/5678/"},
		{"no limit", 0, 3, "\n", []string{"1234", "5678"}, "a=1234/5678/"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			h := NewRotating(Options{Path: filepath.Join(dir, "a"), Format: plain(t), Truncate: tt.max > 0, End: tt.end, HasEnd: true},
				RotatingOptions{MaxBytes: tt.max, Backups: tt.keep})
			for _, line := range tt.lines {
				if err := h.Handle(message(t, line)); err != nil {
					t.Fatal(err)
				}
			}
			if err := h.Close(); err != nil {
				t.Error(err)
			}
			if got := folder(t, dir); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// TestRotatingTogether: two handlers of one file stand for two processes. Python
// would put half-empty files aside.
func TestRotatingTogether(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	var wg sync.WaitGroup
	const lines, size = 200, 1000
	for range 2 {
		h := NewRotating(Options{Path: path, Format: plain(t)}, RotatingOptions{MaxBytes: size, Backups: 1000})
		defer h.Close()
		for range 2 {
			wg.Go(func() {
				for range lines {
					if err := h.Handle(message(t, "123456789")); err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
	wg.Wait()
	all := folder(t, dir)
	if n := strings.Count(all, "123456789/"); n != 4*lines {
		t.Errorf("%d lines of %d", n, 4*lines)
	}
	if files := strings.Count(all, "="); files > 2*4*lines*10/size {
		t.Errorf("%d files", files)
	}
}

// TestRotatingCant: a name that can't be given away loses no record.
func TestRotatingCant(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "a.1", "x"), 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "a")
	h := NewRotating(Options{Path: path, Format: plain(t)}, RotatingOptions{MaxBytes: 8, Backups: 1})
	defer h.Close()
	if err := h.Handle(message(t, "1234")); err != nil {
		t.Fatal(err)
	}
	if err := h.Handle(message(t, "5678")); err == nil || !strings.Contains(err.Error(), "a.1") {
		t.Errorf("got %v", err)
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "1234\n5678\n" {
		t.Errorf("got %q, %v", b, err)
	}
}

func zone(tb testing.TB, name string) *time.Location {
	tb.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		tb.Fatal(err)
	}
	return loc
}

// TestTimed: each record stands at a time, and is its text. What is wanted is what
// CPython 3.11 does.
func TestTimed(t *testing.T) {
	tests := []struct {
		name     string
		when     string
		interval int64
		zone     string
		at       int64
		changed  string // of a file that is there before
		times    []string
		want     string
	}{
		{"seconds", "s", 2, "UTC", 86400, "", []string{"2024-03-05T10:00:00Z", "2024-03-05T10:00:01Z", "2024-03-05T10:00:02Z"},
			"a=10:00:02/ a.2024-03-05_10-00-00=10:00:00/10:00:01/"},
		{"hours count from the start, and a long silence is one", "H", 1, "UTC", 86400, "", []string{"2024-03-05T10:30:00Z", "2024-03-05T11:29:59Z", "2024-03-05T15:00:00Z"},
			"a=15:00:00/ a.2024-03-05_10=10:30:00/11:29:59/"},
		{"midnight in Seoul", "midnight", 1, "Asia/Seoul", 86400, "", []string{"2024-03-05T14:59:59Z", "2024-03-05T15:00:00Z"},
			"a=15:00:00/ a.2024-03-05=14:59:59/"},
		{"half past twelve", "midnight", 1, "UTC", 45000, "", []string{"2024-03-05T12:29:59Z", "2024-03-05T12:30:00Z"},
			"a=12:30:00/ a.2024-03-04=12:29:59/"},
		{"two nights are one, named two days back", "midnight", 2, "UTC", 86400, "", []string{"2024-03-05T12:00:00Z", "2024-03-06T12:00:00Z"},
			"a=12:00:00/ a.2024-03-04=12:00:00/"},
		{"Wednesdays, when it is Tuesday", "W2", 1, "UTC", 86400, "", []string{"2024-03-05T12:00:00Z", "2024-03-06T12:00:00Z", "2024-03-07T00:00:00Z"},
			"a=00:00:00/ a.2024-02-29=12:00:00/12:00:00/"},
		{"the file is old", "D", 1, "UTC", 86400, "2024-03-01T08:00:00Z", []string{"2024-03-05T12:00:00Z"},
			"a=12:00:00/ a.2024-03-01=old/"},
		{"the night that is an hour longer", "midnight", 1, "Europe/Berlin", 86400, "", []string{"2024-10-26T12:00:00Z", "2024-10-26T22:00:00Z", "2024-10-27T22:59:59Z", "2024-10-27T23:00:00Z"},
			"a=23:00:00/ a.2024-10-26=12:00:00/ a.2024-10-27=22:00:00/22:59:59/"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "a")
			if tt.changed != "" {
				at, err := time.Parse(time.RFC3339, tt.changed)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte("old\n"), 0o644); err != nil {
					t.Fatal(err)
				}
				if err := os.Chtimes(path, at, at); err != nil {
					t.Fatal(err)
				}
			}
			when, err := ParseWhen(tt.when)
			if err != nil {
				t.Fatal(err)
			}
			var now time.Time
			var h *Timed
			for i, text := range tt.times {
				if now, err = time.Parse(time.RFC3339, text); err != nil {
					t.Fatal(err)
				}
				if i == 0 {
					h = NewTimed(Options{Path: path, Format: plain(t)}, TimedOptions{
						When: when, Interval: tt.interval, At: tt.at, Location: zone(t, tt.zone), Now: func() time.Time { return now },
					})
				}
				if err := h.Handle(message(t, text[11:19])); err != nil {
					t.Fatal(err)
				}
			}
			if err := h.Close(); err != nil {
				t.Error(err)
			}
			if got := folder(t, dir); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// TestDelayed: what is not there yet is not put aside, and a line that can't be
// encoded makes the file even so. CPython does the same.
func TestDelayed(t *testing.T) {
	when, err := ParseWhen("s")
	if err != nil {
		t.Fatal(err)
	}
	ascii, err := NewEncoding("ascii", "")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	now := time.Unix(1_700_000_000, 0)
	h := NewTimed(Options{Path: filepath.Join(dir, "a"), Format: plain(t)}, TimedOptions{When: when, Interval: 1, At: 86400, Location: time.UTC, Now: func() time.Time { return now }})
	now = now.Add(time.Minute)
	if err := errors.Join(h.Handle(message(t, "late")), h.Close()); err != nil {
		t.Fatal(err)
	}
	e := New(Options{Path: filepath.Join(dir, "b"), Format: plain(t), Encoding: ascii})
	if err := e.Handle(message(t, "é")); err == nil {
		t.Error("é is no ASCII")
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if got, want := folder(t, dir), "a=late/ b="; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestTimedPrunes: as CPython 3.11, which takes look-alikes for its own.
func TestTimedPrunes(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"app.log.2024-01-01", "app.log.2024-01-02.gz", "app.log.2024-01-03_10", "app.log.old", "other.log.2024-01-01"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	now := time.Date(2024, 3, 5, 12, 0, 0, 0, time.UTC)
	when, err := ParseWhen("D")
	if err != nil {
		t.Fatal(err)
	}
	h := NewTimed(Options{Path: filepath.Join(dir, "app.log"), Format: plain(t)}, TimedOptions{
		When: when, Interval: 1, Backups: 2, UTC: true, At: 86400, Now: func() time.Time { return now },
	})
	defer h.Close()
	for range 2 {
		if err := h.Handle(message(t, "x")); err != nil {
			t.Fatal(err)
		}
		now = now.Add(24 * time.Hour)
	}
	want := "app.log=x/ app.log.2024-01-02.gz= app.log.2024-01-03_10= app.log.2024-03-05=x/ app.log.old= other.log.2024-01-01="
	if got := folder(t, dir); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestParseWhen(t *testing.T) {
	for _, tt := range []struct{ when, want string }{
		{"Y", "Invalid rollover interval specified: Y"},
		{"", "Invalid rollover interval specified: "},
		{"w", "You must specify a day for weekly rollover from 0 to 6 (0 is Monday): W"},
		{"W7", "Invalid day specified for weekly rollover: W7"},
	} {
		if _, err := ParseWhen(tt.when); err == nil || err.Error() != tt.want {
			t.Errorf("%q: got %v", tt.when, err)
		}
	}
}

func TestWatched(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	h := NewWatched(Options{Path: path, Format: plain(t)})
	defer h.Close()
	write := func(text string) {
		t.Helper()
		if err := h.Handle(message(t, text)); err != nil {
			t.Fatal(err)
		}
	}
	write("1")
	if err := os.Rename(path, path+".old"); err != nil {
		t.Fatal(err)
	}
	write("2")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	write("3")
	write("4")
	if got, want := folder(t, dir), "a=3/4/ a.old=1/"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestEncodings(t *testing.T) {
	tests := []struct {
		name, mode, line, want, err string
	}{
		{"UTF8", "", "é", "é\n", ""},
		{"utf-8-sig", "", "é", "\ufeffé\n", ""},
		{"latin-1", "", "é", "\xe9\n", ""},
		{"ISO_8859-1", "replace", "é가", "\xe9?\n", ""},
		{"ascii", "", "plain", "plain\n", ""},
		{"ascii", "", "INFO café!", "", `'ascii' codec can't encode character '\xe9' in position 8: ordinal not in range(128)`},
		{"ascii", "strict", "a가나", "", `'ascii' codec can't encode characters in position 1-2: ordinal not in range(128)`},
		{"ascii", "ignore", "é가", "\n", ""},
		{"ascii", "backslashreplace", "é가🔥", `\xe9\uac00\U0001f525` + "\n", ""},
		{"ascii", "xmlcharrefreplace", "é가", "&#233;&#44032;\n", ""},
		{"utf-16", "", "é🔥", "\xff\xfe\xe9\x00\x3d\xd8\x25\xdd\n\x00", ""},
		{"UTF-16BE", "", "é", "\x00\xe9\x00\n", ""},
		{"utf-32", "", "é", "\xff\xfe\x00\x00\xe9\x00\x00\x00\n\x00\x00\x00", ""},
		{"cp949", "", "", "", "unknown encoding: cp949; girok has utf-8, utf-8-sig, ascii, latin-1, utf-16 and utf-32, and others where the program is opened with encodings.All, of github.com/girok/girok/encodings"},
	}
	for _, tt := range tests {
		t.Run(tt.name+" "+tt.mode, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "a")
			e, err := NewEncoding(tt.name, tt.mode)
			if err == nil {
				h := NewRotating(Options{Path: path, Format: plain(t), Encoding: e}, RotatingOptions{})
				defer h.Close()
				if err = h.Open(); err != nil {
					t.Fatal(err)
				}
				err = h.Handle(message(t, tt.line))
				if n := h.Written() + h.Failed(); n != 1 {
					t.Errorf("%d records are counted", n)
				}
			}
			if err != nil && err.Error() != tt.err || err == nil && tt.err != "" {
				t.Errorf("got %v, want %s", err, tt.err)
			}
			if b, _ := os.ReadFile(path); string(b) != tt.want {
				t.Errorf("got %q", b)
			}
		})
	}
}

// TestMarkOnce: the mark stands at the beginning of an empty file, and of no other.
func TestMarkOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	e, err := NewEncoding("utf-8-sig", "")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		h := New(Options{Path: path, Format: plain(t), Encoding: e})
		for range 2 {
			if err := h.Handle(message(t, "x")); err != nil {
				t.Fatal(err)
			}
		}
		if err := h.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if b, _ := os.ReadFile(path); string(b) != "\ufeffx\nx\nx\nx\n" {
		t.Errorf("got %q", b)
	}
}

func TestPythonModes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	x := New(Options{Path: path, Format: plain(t), New: true})
	if err := x.Open(); err != nil {
		t.Fatal(err)
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	if err := New(Options{Path: path, Format: plain(t), New: true}).Open(); !os.IsExist(err) {
		t.Errorf("mode x with a file that is there: %v", err)
	}
	w := New(Options{Path: path, Format: plain(t), Truncate: true, End: "\r\n", HasEnd: true})
	defer w.Close()
	for _, step := range []func() error{
		func() error { return w.Handle(message(t, "1")) },
		w.Retire, // a late call does not empty the file
		func() error { return w.Handle(message(t, "2")) },
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	if b, _ := os.ReadFile(path); string(b) != "1\r\n2\r\n" {
		t.Errorf("got %q", b)
	}
}
