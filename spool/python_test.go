package spool

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/girok/girok/record"
)

// The reader in docs, which is written from the format's description, must read
// what this package writes.
func TestPythonReader(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("NOT TESTED, needs python3: that docs/read_spool.py reads a spool")
	}
	s, _ := openSpool(t, Options{Dir: t.TempDir()})
	w := s.Writer()
	var req record.RequestEncoder
	for i := range 200 {
		e := record.NewEncoder(nil)
		e.Begin(&record.Header{Mask: 3, Kind: record.Kind(i % 5), Level: record.Level(i - 100), Time: time.Unix(int64(i)*1e7-1e9, int64(i)), Logger: strings.Repeat("l", i), Message: fmt.Sprint("message é ", i)})
		if i%2 == 0 {
			e.Caller(record.EncodeCaller(record.Caller{File: "a.go", Function: "f", Line: i * 10}))
		}
		if i%3 == 0 {
			e.Source("syslog")
		}
		if i%5 == 0 {
			e.ID("01HQZZZZZZZZZZZZZZZZZZZZZZ")
		}
		for _, a := range []slog.Attr{
			slog.Int("i", -i), slog.Uint64("u", math.MaxUint64), slog.Float64("f", 1.5*float64(i)), slog.Bool("b", i%2 == 0), slog.String("s", "日本\n"),
			slog.Any("x", []byte{0, 255}), slog.Time("t", time.Unix(-5, 7).In(time.FixedZone("", -3600))), slog.Duration("d", -time.Hour),
			slog.Group("g", slog.Any("n", nil), slog.Group("h", slog.Int64("i", math.MinInt64))), slog.Any("j", map[string]int{"a": 1}), slog.Any("e", errors.New("no")),
			slog.Int("i", 2), slog.String("long", strings.Repeat("x", i*100)),
		} {
			e.Attr(a)
		}
		mustAppend(t, w, e.Finish())
		if i%50 == 9 {
			req.Begin("request", fmt.Sprint(i), nil)
			for range 3 {
				req.Add(e.Finish())
			}
			mustAppend(t, w, req.Finish())
		}
		e.Release()
	}
	s.Seal()
	s.Release()
	// A torn frame and a hole must not stop it.
	path := filepath.Join(w.Run().Path(), segmentName(1))
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	must(t, err)
	r := w.Run().Reader(0)
	defer r.Close()
	all := readAll(t, r)
	_, err = f.WriteAt([]byte{0xff}, int64(all.refs[50].Position+40))
	must(t, err)
	_, err = f.WriteAt(make([]byte, all.refs[100].Next-all.refs[100].Position), int64(all.refs[100].Position))
	must(t, err, f.Close())

	var stderr bytes.Buffer
	cmd := exec.Command(python, "../docs/read_spool.py", w.Run().Path())
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr.Bytes())
	}
	var want []any
	for i, f := range all.refs {
		if i != 50 && i != 100 {
			for index, p := range f.Records() {
				want = append(want, plainRecord(t, f.Position, index, p))
			}
		}
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(lines) != len(want) {
		t.Fatalf("%d lines, want %d", len(lines), len(want))
	}
	for i, line := range lines {
		if got := decode(t, []byte(line)); !reflect.DeepEqual(got, want[i]) {
			t.Fatalf("record %d:\npython %v\ngo     %v", i, got, want[i])
		}
	}
}

// What a writer says that was made from the description must be read here.
func TestPythonWriter(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("NOT TESTED, needs python3: that docs/write_spool.py writes a spool")
	}
	s, _ := openSpool(t, Options{Dir: t.TempDir()})
	const lines = 3000
	var input strings.Builder
	for i := range lines {
		fmt.Fprintf(&input, "line %d %s\n", i, strings.Repeat("é", i%7*500))
	}
	cmd := exec.Command(python, "../docs/write_spool.py", s.opts.Dir, "shop", "from.python", `[{"bit": 3, "name": "table", "class": "sqlite", "keys": {}}]`)
	cmd.Stdin = strings.NewReader(input.String())
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if _, err := cmd.Output(); err != nil {
		t.Fatalf("%v\n%s", err, stderr.Bytes())
	}
	runs := s.Runs()
	if len(runs) != 2 {
		t.Fatalf("%d runs, want mine and Python's", len(runs))
	}
	run := runs[0]
	if run.Own() {
		run = runs[1]
	}
	if run.Alive() || run.Config.Mask() != 8 {
		t.Errorf("alive %v, mask %d", run.Alive(), run.Config.Mask())
	}
	r := run.Reader(0)
	defer r.Close()
	got := readAll(t, r)
	for i, f := range got.refs {
		var v record.View
		must(t, v.Parse(f.Payload))
		if want := fmt.Sprintf("line %d %s", i, strings.Repeat("é", i%7*500)); string(v.Message) != want || v.Mask != 8 || string(v.Logger) != "from.python" {
			t.Fatalf("record %d is %.40q, want %.40q", i, v.Message, want)
		}
	}
	if len(got.refs) != lines || got.status != End || r.Damaged != 0 || r.cur.seq == 1 {
		t.Errorf("%d records, status %d, %d damaged, %d segments", len(got.refs), got.status, r.Damaged, r.cur.seq)
	}
	if run.unreadable(must2(run.segments())) {
		t.Error("it looks damaged")
	}
}

func must2[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func decode(t *testing.T, text []byte) (v any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	must(t, d.Decode(&v))
	return v
}

// plainRecord is a record in the shape that read_spool.py prints.
func plainRecord(t *testing.T, position uint64, index uint32, payload []byte) any {
	t.Helper()
	var v record.View
	must(t, v.Parse(payload))
	m := map[string]any{
		"position": position, "index": index, "mask": v.Mask, "kind": v.Kind.String(), "flags": v.Flags, "level": int(v.Level), "time": []any{v.Seconds, v.Nanos},
		"logger": string(v.Logger), "message": string(v.Message), "attributes": plainAttrs(v.Attrs()),
	}
	if c, ok := v.Caller(); ok {
		m["line"], m["file"], m["function"] = c.Line, c.File, c.Function
	}
	if v.Source != nil {
		m["source"] = string(v.Source)
	}
	if v.ID != nil {
		m["id"] = string(v.ID)
	}
	text, err := json.Marshal(m)
	must(t, err)
	return decode(t, text)
}

func plainAttrs(a record.Attrs) []any {
	list := []any{}
	var key []byte
	var v record.Value
	for a.Next(&key, &v) {
		var x any
		switch v.Type {
		case record.False, record.True:
			x = v.Type == record.True
		case record.Int, record.Duration:
			x = v.Int()
		case record.Uint:
			x = v.Num
		case record.Float:
			text := fmt.Sprint(v.Float())
			if !strings.Contains(text, ".") {
				text += ".0" // as Python writes it
			}
			x = json.Number(text)
		case record.String, record.JSON, record.Err:
			x = string(v.Raw)
		case record.Bytes:
			x = fmt.Sprintf("%x", v.Raw)
		case record.Time:
			x = []any{int64(v.Num), v.Nanos, v.Offset}
		case record.Group:
			x = plainAttrs(v.Attrs())
		}
		list = append(list, []any{string(key), v.Type, x})
	}
	return list
}
