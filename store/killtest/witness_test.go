//go:build unix

package killtest

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"github.com/girok/girok"
	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
	"github.com/girok/girok/sink/files"
	"github.com/girok/girok/store/bigquery"
	"github.com/girok/girok/store/duckdb"
	"github.com/girok/girok/store/postgres"
	"github.com/girok/girok/store/sqlite"
)

// board is what processes that share a destination tell: it lies in a file which all
// of them map.
type board struct {
	pid, at atomic.Uint64 // who has written the last batch, and when, in nanoseconds since 1970
	batches atomic.Uint64
	clashes atomic.Uint64 // how often a process wrote while another one had the destination
}

func openBoard(path string) (*board, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	size := int(unsafe.Sizeof(board{}))
	if err := f.Truncate(int64(size)); err != nil {
		return nil, err
	}
	b, err := syscall.Mmap(int(f.Fd()), 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		return nil, err
	}
	return (*board)(unsafe.Pointer(&b[0])), nil
}

// last is who has written the last batch, and when.
func (b *board) last() (pid int, at time.Time) {
	return int(b.pid.Load()), time.Unix(0, int64(b.at.Load()))
}

// witness sees from within a process what it does to the destination: it holds a
// lock from the first sink that is opened to the last that is closed. The system
// takes it from a process that dies, and leaves it to one that is stopped.
type witness struct {
	board *board
	path  string // of the lock

	mu   sync.Mutex
	open int
	lock *os.File
}

func (w *witness) opened() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.open++; w.open > 1 {
		return
	}
	f, err := os.OpenFile(w.path, os.O_RDWR|os.O_CREATE, 0o600)
	if err == nil {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "witness:", err)
		w.board.clashes.Add(1)
	}
	w.lock = f
}

func (w *witness) closed() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.open--; w.open == 0 {
		w.lock.Close()
	}
}

func (w *witness) wrote(b *sink.Batch, err error) error {
	if err == nil && b.Len() > 0 {
		w.board.at.Store(uint64(time.Now().UnixNano()))
		w.board.pid.Store(uint64(os.Getpid()))
		w.board.batches.Add(1)
	}
	return err
}

// seen is a sink with a witness.
type seen struct {
	sink.Sink
	w *witness
}

func (s seen) Write(ctx context.Context, b *sink.Batch) error {
	return s.w.wrote(b, s.Sink.Write(ctx, b))
}

func (s seen) Close() error {
	defer s.w.closed()
	return s.Sink.Close()
}

type seenPositioned struct {
	seen
	positioned
}

type seenJournaled struct {
	seen
	journaled
}

// What deliver asks a sink for beside Write and Close.
type (
	positioned interface {
		Claim(ctx context.Context, owner string, runs []sink.Claim) ([]record.Place, error)
		Forget(ctx context.Context, runs []record.RunID) error
	}
	journaled interface {
		Prepare(ctx context.Context, b *sink.Batch, last sink.Mark) (sink.Mark, error)
	}
)

// witnessed is a kind whose sinks have the witness.
func witnessed[C sink.Config](w *witness, k sink.Kind) sink.Kind {
	return sink.Define(k.Name(), k.Summary(), k.Class(), *k.Defaults().(*C), func(ctx context.Context, env sink.Env, c C) (sink.Sink, error) {
		w.opened()
		s, err := k.Open(ctx, env, c)
		if err != nil {
			w.closed()
			return nil, err
		}
		if j, ok := s.(sink.Journaled); ok {
			return seenJournaled{seen{s, w}, j}, nil
		}
		return seenPositioned{seen{s, w}, s.(sink.Positioned)}, nil
	})
}

// oneOfMany is a process of TestMany: it logs until it is killed, with or without
// delivering, or it only delivers until it is told to end.
func oneOfMany(config, role, boardPath string, marks []byte, life int) error {
	b, err := openBoard(boardPath)
	if err != nil {
		return err
	}
	w := &witness{board: b, path: boardPath + ".lock"}
	opts := []girok.Option{
		witnessed[files.Config](w, files.Kind), witnessed[sqlite.Config](w, sqlite.Kind),
		witnessed[duckdb.Config](w, duckdb.Kind), witnessed[postgres.Config](w, postgres.Kind), witnessed[bigquery.Config](w, bigquery.Kind),
	}
	switch role {
	case "deliver":
		end := make(chan os.Signal, 1)
		signal.Notify(end, syscall.SIGTERM)
		text := fmt.Appendf(nil, "version: 1\nservice: kill\nspool: {dir: %q}\n", filepath.Join(filepath.Dir(config), "spool"))
		logs, err := girok.OpenBytes("deliver", text, append(opts, girok.Deliver())...)
		if err != nil {
			return err
		}
		<-end
		return logs.Close()
	case "writeonly":
		opts = []girok.Option{girok.WriteOnly()}
	}
	logs, err := girok.Open(config, opts...)
	if err != nil {
		return err
	}
	logAll(logs, marks, life, time.Hour, 50*time.Millisecond)
	return logs.Close()
}
