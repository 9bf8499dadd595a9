package girok

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/girok/girok/config"
	"github.com/girok/girok/deliver"
	"github.com/girok/girok/internal/control"
	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
	"github.com/girok/girok/spool"
)

// asked is a box that can be asked: it answers with the statement and how many
// rows it has.
type asked struct{ *box }

func (a asked) kind() sink.Kind {
	def := boxConfig{Batch: sink.Limits{Records: 1000, Bytes: 1 << 20, Age: config.Duration(5 * time.Millisecond)}}
	return sink.Define("box", "a box", sink.None, def, func(context.Context, sink.Env, boxConfig) (sink.Sink, error) { return a, nil })
}

func (a asked) Query(_ context.Context, sql string) (sink.Rows, error) {
	return &oneRow{sql, int64(len(a.got()))}, nil
}

type oneRow []any

func (r *oneRow) Columns() []sink.Column { return []sink.Column{{Name: "sql"}, {Name: "rows"}} }
func (r *oneRow) Close() error           { return nil }
func (r *oneRow) Next(context.Context) ([]any, error) {
	row := *r
	if *r = nil; row == nil {
		return nil, io.EOF
	}
	return row, nil
}

// TestControlSocket finds the socket where others find it, and asks.
func TestControlSocket(t *testing.T) {
	noSpool(t)
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	a := asked{&box{}}
	logs := openText(t, boxed, a.kind())
	runs, err := spool.List(logs.spool.Load().Dir())
	if err != nil || len(runs) != 1 {
		t.Fatal(runs, err)
	}
	socket := runs[0].Counters().Control()
	if filepath.Dir(filepath.Dir(socket)) != os.Getenv("XDG_RUNTIME_DIR") {
		t.Fatalf("the page says %q", socket)
	}
	if _, err := control.Query(t.Context(), socket, "box", "box", "select 1"); err == nil || !strings.Contains(err.Error(), "opens it with the first records") {
		t.Errorf("before the first record: %v", err)
	}
	logs.Logger("a").Info("m")
	if err := logs.Flush(within(t, 5*time.Second)); err != nil {
		t.Fatal(err)
	}
	h, err := deliver.HolderOf(logs.spool.Load().Dir(), "box", "box")
	if err != nil || h == nil || h.PID != os.Getpid() || h.Control != socket || h.Version == "" || time.Since(h.Since) > time.Minute {
		t.Fatalf("the lock says %+v, %v", h, err)
	}
	rows, err := control.Query(t.Context(), socket, "box", "box", "select 1")
	if err != nil {
		t.Fatal(err)
	}
	if row, err := rows.Next(t.Context()); err != nil || row[0] != "select 1" || row[1] != int64(1) {
		t.Errorf("got %v, %v", row, err)
	}
	rows.Close()
	if err := logs.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(socket); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after Close: %v", err)
	}
	if h, err := deliver.HolderOf(logs.spool.Load().Dir(), "box", "box"); h != nil || err != nil {
		t.Errorf("after Close it is held by %+v, %v", h, err)
	}
}

func TestLevelForAWhile(t *testing.T) {
	noSpool(t)
	var b box
	logs := openText(t, boxed, b.kind())
	socket := logs.control.Path()
	want := func(logger string, level, own record.Level) {
		t.Helper()
		l, err := control.AskLevel(t.Context(), socket, logger)
		if err != nil || l.Level != level || l.Own != own {
			t.Errorf("%s: %+v, %v, want %s and its own %s", logger, l, err, level, own)
		}
	}
	set := func(logger string, level record.Level, d time.Duration) control.Level {
		t.Helper()
		l, err := control.SetLevel(t.Context(), socket, logger, level, d)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	log := logs.Logger("shop.cart")
	want("shop.cart", record.Info, record.NotSet)
	want("root", record.Info, record.Info)
	set("shop", record.Debug, 0)
	want("shop.cart", record.Debug, record.NotSet)
	if !log.Enabled(t.Context(), -4) {
		t.Error("DEBUG does not pass")
	}
	if l := set("shop", record.Error, time.Hour); time.Until(l.Until) < 50*time.Minute || l.Then != record.Debug {
		t.Errorf("a loan: %+v", l)
	}
	set("shop", record.Critical, 50*time.Millisecond) // another loan goes back to what was before the first
	want("shop.cart", record.Critical, record.NotSet)
	for end := time.Now().Add(10 * time.Second); !log.Enabled(t.Context(), -4); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the level does not go back")
		}
	}
	want("shop", record.Debug, record.Debug)
	set("shop", record.Error, 20*time.Millisecond)
	logs.SetLevel("shop", 0) // by the program meanwhile: that stays
	for l := (control.Level{Until: time.Now()}); !l.Until.IsZero(); {
		var err error
		if l, err = control.AskLevel(t.Context(), socket, "shop"); err != nil {
			t.Fatal(err)
		}
	}
	want("shop", record.Info, record.Info)
	set("shop", record.NotSet, 0)
	want("shop", record.Info, record.NotSet)
	if _, err := control.SetLevel(t.Context(), socket, "x", 1<<30, 0); err == nil {
		t.Error("a level beyond all")
	}
	if _, err := control.SetLevel(t.Context(), socket, "x", record.Info, 1<<62); err == nil {
		t.Error("a time beyond all")
	}
}
