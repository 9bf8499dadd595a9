package files

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/girok/girok/config"
	"github.com/girok/girok/sink"
	"github.com/girok/girok/sink/sinktest"
)

var ctx = context.Background()

// lake is one table under test, with what deliver would have in the journal.
type lake struct {
	testing.TB
	dir  string // of the table
	keys string
	told bytes.Buffer
	run  *sinktest.Spool
	s    sink.Journaled
}

func newLake(t testing.TB, more string) *lake {
	path := filepath.Join(t.TempDir(), "lake")
	l := &lake{TB: t, dir: filepath.Join(path, "logs"), keys: "path: '" + path + "'\ntable: logs\n" + more, run: sinktest.NewRun(7)}
	return l
}

func (l *lake) open() error {
	l.Helper()
	env := sink.Env{Service: "svc", Handler: "lake", Location: time.UTC, Log: slog.New(slog.NewTextHandler(&l.told, nil))}
	s, err := Kind.Open(ctx, env, sinktest.Decode(l, Kind, l.keys))
	if err == nil {
		l.s = s.(sink.Journaled)
	}
	return err
}

func (l *lake) batch(messages ...string) *sink.Batch {
	var records []sinktest.Record
	for _, m := range messages {
		records = append(records, sinktest.Log(m))
	}
	return sinktest.Batch("lake", l.run.Part(records...))
}

// send prepares and writes a batch; its mark stays in it, as in the journal.
func (l *lake) send(b *sink.Batch) (err error) {
	if b.Mark, err = l.s.Prepare(ctx, b, nil); err != nil {
		return err
	}
	return l.s.Write(ctx, b)
}

func (l *lake) must(err error) {
	l.Helper()
	if err != nil {
		l.Fatal(err)
	}
}

func (l *lake) messages() (list []string) {
	l.Helper()
	for _, row := range readAll(l, l.dir) {
		m, _ := row["message"].(jsonString)
		list = append(list, string(m))
	}
	return list
}

func (l *lake) want(messages ...string) {
	l.Helper()
	if got := l.messages(); strings.Join(got, ",") != strings.Join(messages, ",") {
		l.Errorf("got %q, want %q", got, messages)
	}
}

// What stands in a file, byte for byte, and its name.
func TestBytes(t *testing.T) {
	const columns = `columns:
  message: message
  t: time
  n: {from: attr.n, type: int}
  f: {from: attr.f, type: float}
  b: {from: attr.b, type: bool}
  d: {from: attr.d, type: 'decimal(10,2)'}
  raw: {from: attr.raw, type: bytes}
`
	records := []sinktest.Record{
		sinktest.Log("plain", slog.Int("n", -1), slog.Float64("f", 1e21), slog.Bool("b", true), slog.String("d", "1.50"), slog.Any("raw", []byte("hi"))),
		sinktest.Log("", slog.String("more", "a \"b\"\n"), slog.Any("raw", []byte{})),
		sinktest.Log("a,b", slog.Any("j", json.RawMessage("[1,\n 2]"))),
	}
	const time = "2026-11-25T20:32:58.123456Z"
	for format, want := range map[string]string{
		"ndjson": `{"message":"plain","t":"` + time + `","n":-1,"f":1e+21,"b":true,"d":"1.50","raw":"aGk=","attributes":null}
{"message":"","t":"` + time + `","n":null,"f":null,"b":null,"d":null,"raw":"","attributes":{"more":"a \"b\"\n"}}
{"message":"a,b","t":"` + time + `","n":null,"f":null,"b":null,"d":null,"raw":null,"attributes":{"j":[1,2]}}
`,
		"csv": `message,t,n,f,b,d,raw,attributes
plain,` + time + `,-1,1e+21,true,1.50,aGk=,
"",` + time + `,,,,,"","{""more"":""a \""b\""\n""}"
"a,b",` + time + `,,,,,,"{""j"":[1,2]}"
`,
	} {
		l := newLake(t, "create: true\nformat: "+format+"\n"+columns)
		l.must(l.open())
		b := sinktest.Batch("lake", l.run.Part(records...))
		l.must(l.send(b))
		name := filepath.Join(l.dir, "20261125T203258Z-"+b.Name+"."+format)
		if list := filesOf(t, l.dir); len(list) != 1 || list[0] != name {
			t.Errorf("files %q, want %s", list, name)
		}
		text, err := os.ReadFile(name)
		if err != nil || string(text) != want {
			t.Errorf("got\n%s\nwant\n%s (%v)", text, want, err)
		}
	}
}

// A name that is there is the batch, whatever is in it: another version of girok may
// have made other lines of it.
func TestNameIsTaken(t *testing.T) {
	l := newLake(t, "create: true\n")
	l.must(l.open())
	b := l.batch("one", "two")
	l.must(l.send(b))
	l.keys = strings.Replace(l.keys, "create: true", "create: true\nformat: csv\nrest: drop\ncolumns: {message: message}", 1)
	l.must(l.open())
	l.must(l.send(b)) // with its mark, as from the journal
	l.want("one", "two")
	b.Mark = nil
	l.must(l.send(b)) // as after the state was lost: but a CSV file has another name
	if n := len(filesOf(t, l.dir)); n != 2 {
		t.Errorf("%d files", n)
	}
}

// What a process that died had made is not seen; it is made anew, and what never
// comes again is removed after a day.
func TestLeftBehind(t *testing.T) {
	l := newLake(t, "create: true\n")
	l.must(l.open())
	b := l.batch("one")
	mark, err := l.s.Prepare(ctx, b, nil)
	l.must(err)
	l.want()
	old := filepath.Join(l.dir, hidden+"old")
	l.must(os.WriteFile(old, nil, 0o600))
	long := time.Now().Add(-leftAfter - time.Hour)
	l.must(os.Chtimes(old, long, long))
	l.must(l.open()) // another process
	if _, err := os.Stat(old); !os.IsNotExist(err) {
		t.Errorf("what was left a day ago is there: %v", err)
	}
	b.Mark = mark
	l.must(l.send(b))
	l.want("one")
	if left, _ := os.ReadDir(l.dir); len(left) != 1 {
		t.Errorf("%d files", len(left))
	}
	if err := l.s.Write(ctx, l.batch("two")); err == nil {
		t.Error("a batch that was not prepared is written")
	}
}

// Names are in the order of time, and never too long.
func TestNames(t *testing.T) {
	at := time.Date(2026, 11, 26, 1, 2, 3, 0, time.UTC)
	long := strings.Repeat("핸들러", 100)
	for _, batch := range []string{"a/b-1", long + "-1", "x" + long + "-1"} {
		name := fileName(at, batch)
		if !strings.HasPrefix(name, "20261126T010203Z-") || filepath.Base(name) != name || len(hidden)+len(name) > 220 {
			t.Errorf("%q", name)
		}
	}
	if fileName(at, long+"-1") == fileName(at, "x"+long+"-1") || fileName(at, "a/b-1") == fileName(at, "a_b-1") {
		t.Error("two batches have one name")
	}
}

// A folder that can't be used is told, with what to do; it heals by itself.
func TestRefused(t *testing.T) {
	l := newLake(t, "create: true\n")
	l.must(os.WriteFile(filepath.Dir(l.dir), nil, 0o600))
	refused := func(err error) {
		t.Helper()
		var r *sink.Refused
		if !errors.As(err, &r) || r.Remedy == "" {
			t.Errorf("got %T: %v", err, err)
		}
	}
	refused(l.open()) // a file is where the folder of the tables should be
	l.must(os.Remove(filepath.Dir(l.dir)))
	l.must(os.Mkdir(filepath.Dir(l.dir), 0o700))
	l.must(os.WriteFile(l.dir, nil, 0o600))
	refused(l.open())
	l.must(os.Remove(l.dir))
	l.must(l.open())
	l.must(l.send(l.batch("one")))
	l.want("one")
	refused(failed(&os.PathError{Op: "mkdir", Path: "x", Err: syscall.EACCES}))
	refused(failed(&os.PathError{Op: "mkdir", Path: "x", Err: syscall.EROFS}))
}

func TestMistakes(t *testing.T) {
	for keys, want := range map[string]string{
		"path: x\ntable: a//b\n":                  "is the name of a folder",
		"path: x\ntable: .a\n":                    "is the name of a folder",
		"path: x\ntable: a\nformat: parquet\n":    "parquet",
		"path: x\ntable: a\ncompress: snappy\n":   "snappy",
		"table: a\n":                              "path",
		"path: x\ntable: a\ncreate_folder: yes\n": "create_folder",
	} {
		doc, err := config.Parse("c.yaml", []byte(keys))
		if err != nil {
			t.Fatal(err)
		}
		var ps config.Problems
		Kind.Decode(doc.Root, &ps, &struct{}{})
		if err := ps.Err(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", keys, err)
		}
	}
}

func TestKeys(t *testing.T) {
	dir := t.TempDir()
	c := sinktest.Decode(t, Kind, "path: data\ntable: logs\nbatch: {records: 5, bytes: 1KiB, age: 2s}\n")
	if got := c.Limits(); got != (sink.Limits{Records: 5, Bytes: 1 << 10, Age: config.Duration(2 * time.Second)}) {
		t.Errorf("limits %+v", got)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	if a, b := c.Endpoint(sink.Env{Dir: dir}), c.Endpoint(sink.Env{Dir: link}); a != b || a != filepath.Join(dir, "data") {
		t.Errorf("endpoints %s and %s", a, b)
	}
}

// A kill between the names of two files: the batch comes again and each file is there
// once.
func TestHalfNamed(t *testing.T) {
	l := newLake(t, "create: true\n")
	top := filepath.Dir(l.dir)
	l.keys = strings.Replace(l.keys, "table: logs", "table: logs/{date}", 1)
	l.must(l.open())
	dated := func(day int, message string) sinktest.Record {
		r := sinktest.Log(message)
		r.Time = time.Date(2026, 11, day, 12, 0, 0, 0, time.UTC)
		return r
	}
	b := sinktest.Batch("lake", l.run.Part(dated(25, "a"), dated(26, "b"), dated(25, "a2")))
	mark, err := l.s.Prepare(ctx, b, nil)
	l.must(err)
	second := filepath.Join(top, "logs", "2026-11-26")
	l.must(os.Rename(second, second+".away"))
	if err := l.s.Write(ctx, b); err == nil {
		t.Fatal("a file was named in a folder that is not there")
	}
	l.must(os.Rename(second+".away", second))
	l.must(l.open()) // another process
	b.Mark = mark
	l.must(l.send(b))
	for day, want := range map[string]int{"2026-11-25": 2, "2026-11-26": 1} {
		dir := filepath.Join(top, "logs", day)
		if rows, files := readAll(t, dir), filesOf(t, dir); len(rows) != want || len(files) != 1 {
			t.Errorf("%s: %d rows in %q, want %d in one file", day, len(rows), files, want)
		}
	}
}
