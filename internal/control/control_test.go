//go:build unix

package control

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
)

var ctx = context.Background()

// program answers what the tests want.
type program struct {
	rows  func(ctx context.Context, sql string) (sink.Rows, error)
	level atomic.Int32
}

func (p *program) Query(ctx context.Context, kind, endpoint, sql string) (sink.Rows, error) {
	if kind != "box" || endpoint != "/here" {
		return nil, fmt.Errorf("no %s at %s", kind, endpoint)
	}
	return p.rows(ctx, sql)
}

func (p *program) Level(logger string) Level {
	return Level{Logger: logger, Level: record.Level(p.level.Load())}
}

func (p *program) SetLevel(logger string, level record.Level, d time.Duration) (Level, error) {
	if logger == "bad" {
		panic("in an answer")
	}
	p.level.Store(int32(level))
	return Level{Logger: logger, Level: level, Until: time.Unix(0, int64(d)).UTC()}, nil
}

// list is rows in memory; n rows of the last one, for ever if n < 0.
type list struct {
	ctx    context.Context
	values []any
	n      int
	closed chan struct{}
}

func (l *list) Columns() []sink.Column {
	c := make([]sink.Column, len(l.values))
	for i := range c {
		c[i] = sink.Column{Name: fmt.Sprint("c", i), JSON: i == 0}
	}
	return c
}

func (l *list) Next(context.Context) ([]any, error) {
	if err := l.ctx.Err(); err != nil {
		return nil, err
	}
	if l.n == 0 {
		return nil, io.EOF
	}
	l.n--
	return l.values, nil
}

func (l *list) Close() error {
	if l.closed != nil {
		close(l.closed)
	}
	return nil
}

func serve(t *testing.T, p *program) *Server {
	t.Helper()
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	s, err := Listen()
	if err != nil {
		t.Fatal(err)
	}
	s.Serve(p)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestQuery(t *testing.T) {
	values := []any{
		nil, true, int64(math.MaxInt64), int64(-1), 2.0, math.Inf(1), "text\n<&>", "no \xff UTF-8", []byte{0, 255}, []byte{},
		time.Date(2026, 11, 25, 20, 32, 58, 123456789, time.UTC), "",
	}
	p := &program{}
	p.rows = func(ctx context.Context, sql string) (sink.Rows, error) {
		if sql != "select all" {
			return nil, errors.New("no such table: " + sql)
		}
		return &list{ctx: ctx, values: values, n: 3}, nil
	}
	s := serve(t, p)
	rows, err := Query(ctx, s.Path(), "box", "/here", "select all")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	if c := rows.Columns(); len(c) != len(values) || c[0] != (sink.Column{Name: "c0", JSON: true}) || c[1] != (sink.Column{Name: "c1"}) {
		t.Errorf("columns %v", c)
	}
	for range 3 {
		row, err := rows.Next(ctx)
		if err != nil || !reflect.DeepEqual(row, values) {
			t.Fatalf("got %#v, %v", row, err)
		}
	}
	for range 2 {
		if _, err := rows.Next(ctx); err != io.EOF {
			t.Errorf("after the last: %v", err)
		}
	}
	for _, at := range [][3]string{{"box", "/here", "nowhere"}, {"box", "/there", "select all"}} {
		if _, err := Query(ctx, s.Path(), at[0], at[1], at[2]); err == nil || !strings.HasPrefix(err.Error(), "no ") {
			t.Errorf("%s: %v", at, err)
		}
	}
}

func TestLevel(t *testing.T) {
	p := &program{}
	s := serve(t, p)
	l, err := SetLevel(ctx, s.Path(), "a.b", record.Debug, time.Minute)
	if err != nil || l.Level != record.Debug || !l.Until.Equal(time.Unix(60, 0)) {
		t.Errorf("got %+v, %v", l, err)
	}
	if l, err = AskLevel(ctx, s.Path(), "a.b"); err != nil || l.Level != record.Debug || l.Logger != "a.b" {
		t.Errorf("got %+v, %v", l, err)
	}
	if _, err := SetLevel(ctx, s.Path(), "bad", record.Debug, 0); err == nil || !strings.Contains(err.Error(), "in an answer") {
		t.Errorf("a panic: %v", err)
	}
}

// TestClientsThatMisbehave wants an answer, or the end, for each, and a server
// that goes on.
func TestClientsThatMisbehave(t *testing.T) {
	s := serve(t, &program{})
	for _, c := range []struct{ line, want string }{
		{"{}\n", "no request"},
		{`{"do":"stop"}` + "\n", "no request"},
		{"rubbish\n", "invalid character"},
		{strings.Repeat("x", maxRequest+1), "at most 1048576 bytes"},
		{`{"do":"level","level":"high"}` + "\n", "cannot unmarshal"},
	} {
		conn, err := net.Dial("unix", s.Path())
		if err != nil {
			t.Fatal(err)
		}
		go func() { _, _ = io.WriteString(conn, c.line) }() // it may be let go while it writes
		if got, _ := io.ReadAll(conn); !strings.Contains(string(got), c.want) || !strings.HasSuffix(string(got), "}\n") {
			t.Errorf("%.40s: got %q, want %s", c.line, got, c.want)
		}
		conn.Close()
	}
	var hanging []net.Conn
	for range maxClients + 1 {
		conn, err := net.Dial("unix", s.Path())
		if err != nil {
			t.Fatal(err)
		}
		hanging = append(hanging, conn)
	}
	first := make(chan string, len(hanging))
	for _, conn := range hanging {
		go func() {
			got, _ := bufio.NewReader(conn).ReadString('\n')
			first <- got
		}()
	}
	if got := <-first; !strings.Contains(got, "too many clients") {
		t.Errorf("one too many: %q", got)
	}
	for _, conn := range hanging {
		conn.Close()
	}
	for end := time.Now().Add(10 * time.Second); ; {
		if _, err := AskLevel(ctx, s.Path(), "a"); err == nil {
			break
		} else if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}

// TestQueryEndsWithItsClient wants the rows closed when the client goes, also
// one that never reads.
func TestQueryEndsWithItsClient(t *testing.T) {
	p := &program{}
	closed := make(chan struct{})
	p.rows = func(ctx context.Context, sql string) (sink.Rows, error) {
		return &list{ctx: ctx, values: []any{strings.Repeat("x", 1000)}, n: -1, closed: closed}, nil
	}
	s := serve(t, p)
	mine, cancel := context.WithCancel(ctx)
	rows, err := Query(mine, s.Path(), "box", "/here", "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := rows.Next(mine); err != nil {
		t.Fatal(err)
	}
	cancel()
	<-closed
	if _, err := rows.Next(mine); err == nil {
		t.Error("rows after the end of the context")
	}
}

// TestCloseEndsQueries also while a client takes nothing.
func TestCloseEndsQueries(t *testing.T) {
	p := &program{}
	closed := make(chan struct{})
	p.rows = func(ctx context.Context, sql string) (sink.Rows, error) {
		return &list{ctx: ctx, values: []any{strings.Repeat("x", 1000)}, n: -1, closed: closed}, nil
	}
	s := serve(t, p)
	rows, err := Query(ctx, s.Path(), "box", "/here", "")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	<-closed
	for err == nil {
		_, err = rows.Next(ctx)
	}
	if err == io.EOF {
		t.Error("an answer that was cut off looks whole")
	}
	if _, err := os.Stat(filepath.Dir(s.Path())); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the folder stays: %v", err)
	}
}

func TestPlace(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_RUNTIME_DIR", dir)
	s, err := Listen()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if filepath.Dir(filepath.Dir(s.Path())) != dir {
		t.Errorf("it lies at %s", s.Path())
	}
	for path, want := range map[string]fs.FileMode{s.Path(): fs.ModeSocket | 0o600, filepath.Dir(s.Path()): fs.ModeDir | 0o700} {
		if st, err := os.Stat(path); err != nil || st.Mode() != want {
			t.Errorf("%s: %v, %v, want %v", path, st.Mode(), err, want)
		}
	}
	stale := filepath.Join(filepath.Dir(s.Path()), "0123456789abcdef.sock")
	l, err := net.Listen("unix", stale)
	if err != nil {
		t.Fatal(err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false) // as after a kill
	l.Close()
	s.place.sweep()
	if _, err := os.Stat(stale); err != nil {
		t.Errorf("a young socket is gone: %v", err)
	}
	old := time.Now().Add(-2 * staleAfter)
	for _, path := range []string{stale, s.Path()} {
		if err := os.Chtimes(path, old, old); err != nil {
			t.Fatal(err)
		}
	}
	s.place.sweep()
	if _, err := os.Stat(stale); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a stale socket stays: %v", err)
	}
	if _, err := os.Stat(s.Path()); err != nil {
		t.Errorf("a socket that somebody listens at is gone: %v", err)
	}
}

// TestFolderOfOthers refuses a folder that somebody else may enter, and takes
// another one.
func TestFolderOfOthers(t *testing.T) {
	open := t.TempDir()
	if err := os.Mkdir(filepath.Join(open, "girok"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(open, "girok"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("XDG_RUNTIME_DIR", open)
	t.Setenv("TMPDIR", filepath.Join(t.TempDir(), strings.Repeat("long", 30)))
	s, err := Listen()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if !strings.HasPrefix(s.Path(), "/tmp/girok-") {
		t.Errorf("it lies at %s", s.Path())
	}
	link := t.TempDir()
	if err := os.Symlink(t.TempDir(), filepath.Join(link, "girok")); err != nil {
		t.Fatal(err)
	}
	if err := ownFolder(filepath.Join(link, "girok")); err == nil || !strings.Contains(err.Error(), "not a folder") {
		t.Errorf("a link: %v", err)
	}
	if os.Getuid() == 0 {
		theirs := filepath.Join(t.TempDir(), "girok")
		if err := errors.Join(os.Mkdir(theirs, 0o700), os.Chown(theirs, 65534, -1)); err != nil {
			t.Fatal(err)
		}
		if err := ownFolder(theirs); err == nil || !strings.Contains(err.Error(), "another user") {
			t.Errorf("somebody else's: %v", err)
		}
	}
}
