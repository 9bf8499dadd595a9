//go:build unix

package killtest

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/girok/girok/deliver"
	"github.com/girok/girok/internal/pgtest"
	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
	"github.com/girok/girok/sink/files"
	"github.com/girok/girok/spool"
	"github.com/girok/girok/store/duckdb"
	"github.com/girok/girok/store/postgres"
	"github.com/girok/girok/store/sqlite"
)

// kinds are the stores, as they are.
var kinds = []sink.Kind{files.Kind, sqlite.Kind, duckdb.Kind, postgres.Kind}

// service is a program that logs and delivers, without the roof over it: so that
// what refuses is tried again soon, and not in half a minute.
type service struct {
	*testing.T
	spool   *spool.Spool
	deliver *deliver.Deliverer
	told    told
}

// quick is a pace for tests.
var quick = deliver.Pace{
	RetryMin: time.Millisecond, RetryMax: 50 * time.Millisecond, RefuseMin: 50 * time.Millisecond, RefuseMax: 100 * time.Millisecond,
	Scan: 50 * time.Millisecond, Lock: 20 * time.Millisecond,
}

// runConfig is that of a service with one handler.
func runConfig(class string, keys map[string]any) spool.RunConfig {
	keys["class"] = class
	text, err := json.Marshal(keys)
	if err != nil {
		panic(err) // maps of texts
	}
	return spool.RunConfig{Service: "svc", Host: "here", Timezone: "UTC", Handlers: []spool.HandlerConfig{{Name: "table", Class: class, Keys: text}}}
}

// serve starts the service in a folder.
func serve(t *testing.T, dir string, cfg spool.RunConfig) *service {
	t.Helper()
	s := &service{T: t}
	cfg.Dir = dir
	var mu sync.Mutex
	var err error
	mu.Lock() // the spool's background may wake a deliverer that is not made yet
	s.spool, err = spool.Open(spool.Options{Dir: filepath.Join(dir, "spool"), Config: cfg, MaxBytes: 1 << 30, Wake: func() {
		mu.Lock()
		defer mu.Unlock()
		s.deliver.Wake()
	}})
	if err == nil {
		s.deliver = deliver.New(deliver.Options{Spool: s.spool, Kinds: kinds, Log: slog.New(slog.NewTextHandler(&s.told, nil)), Pace: quick})
	}
	mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	s.deliver.Start()
	return s
}

// log logs one record for the first handler.
func (s *service) log(message string, attrs ...slog.Attr) {
	s.Helper()
	s.logFor(1, message, attrs...)
}

// logFor logs one record for the handlers of a mask.
func (s *service) logFor(mask uint64, message string, attrs ...slog.Attr) {
	s.Helper()
	e := record.NewEncoder(nil)
	defer e.Release()
	e.Begin(&record.Header{Mask: mask, Level: record.Info, Time: time.Now(), Logger: "x", Message: message})
	for _, a := range attrs {
		e.Attr(a)
	}
	if _, err := s.spool.Appender().Append(e.Finish()); err != nil {
		s.Fatal(err)
	}
}

// flush waits until all is delivered.
func (s *service) flush() {
	s.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := s.deliver.Flush(ctx); err != nil {
		s.Fatalf("%v\n%s", err, s.told.String())
	}
}

// stop ends it in order, after it has drained what others left.
func (s *service) stop() {
	s.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	s.spool.Seal()
	s.deliver.Close(ctx)
	s.spool.Release()
}

// until waits for what must come.
func (s *service) until(what string, ok func() bool) {
	s.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			s.Fatalf("it does not come to that: %s\n%+v\n%s", what, s.deliver.Stats(), s.told.String())
		}
	}
}

// letters are the dead letters that lie there.
func (s *service) letters() []deliver.Letter {
	s.Helper()
	list, err := deliver.Letters(s.spool.Dir())
	if err != nil {
		s.Fatal(err)
	}
	return list
}

// base is a database that a test changes with another client than the sink's.
type base struct {
	class string
	keys  map[string]any // of a handler
	ask   func(t *testing.T, query string) [][]string
}

// bases are a new SQLite file and a new database of PostgreSQL.
var bases = map[string]func(t *testing.T) (string, *base){
	"sqlite": func(t *testing.T) (string, *base) {
		dir := t.TempDir()
		path := filepath.Join(dir, "a.db")
		return dir, &base{"sqlite", map[string]any{"path": path}, func(t *testing.T, query string) [][]string {
			t.Helper()
			rows, err := sqlite3(path, query)
			if err != nil {
				t.Fatal(err)
			}
			return rows
		}}
	},
	"postgres": func(t *testing.T) (string, *base) {
		server := pgtest.Shared(t)
		name := "t" + strings.ToLower(strings.NewReplacer("/", "_", "-", "_").Replace(t.Name()))
		server.Run(t, "postgres", "create database "+name)
		keys := map[string]any{"host": "127.0.0.1", "port": server.Port, "user": pgtest.User, "password": pgtest.Password, "database": name, "sslmode": "disable"}
		return t.TempDir(), &base{"postgres", keys, func(t *testing.T, query string) (rows [][]string) {
			t.Helper()
			for line := range strings.Lines(server.Run(t, name, query)) {
				rows = append(rows, strings.Split(strings.TrimSpace(line), "|"))
			}
			return rows
		}}
	},
}

// number asks for one number.
func (b *base) number(t *testing.T, query string) (n int) {
	t.Helper()
	rows := b.ask(t, query)
	if len(rows) != 1 {
		t.Fatalf("%s: %v", query, rows)
	}
	if _, err := fmt.Sscan(rows[0][0], &n); err != nil {
		t.Fatal(err)
	}
	return n
}
