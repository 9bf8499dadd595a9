package sinktest_test

// The sink of docs/adding-a-sink.md: TestPage holds the page to this file.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/girok/girok/config"
	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
	"github.com/girok/girok/spool"
)

// Kind is the sink kind onefile, to be given to girok.Open.
var Kind = sink.Define("onefile", "rows in one JSON file", sink.Position, Config{
	Longest: 1 << 20,
	Batch:   sink.Limits{Records: 1000, Bytes: 1 << 20, Age: config.Duration(time.Second)},
}, open)

// Config is the keys of a handler with `class: onefile`.
type Config struct {
	Path    string      `yaml:"path,required" doc:"the file, relative to the configuration"`
	Longest config.Size `yaml:"longest" doc:"a longer message goes to the dead letters"`
	Batch   sink.Limits `yaml:"batch" doc:"when a batch is cut"`
}

// Endpoint is what one process has to own: the file.
func (c Config) Endpoint(env sink.Env) string { return env.Path(c.Path) }

// Target is empty: the file is one table.
func (c Config) Target() string { return "" }

// Limits is when batches are cut.
func (c Config) Limits() sink.Limits { return c.Batch }

// Guarantee says what is guaranteed.
func (c Config) Guarantee() string { return "exactly once: rows and positions are replaced together" }

// content is the file: rows and positions, so that both change in one rename.
type content struct {
	Rows      []row
	Positions map[string]standing // by service, handler and run
}

type row struct {
	ID         string          `json:"record_id"`
	Level      string          `json:"level"`
	Message    string          `json:"message"`
	Attributes json.RawMessage `json:"attributes"`
}

type standing struct {
	Next  record.Place
	Owner string
}

type store struct {
	config Config
	env    sink.Env
	path   string
	owner  string
}

func open(_ context.Context, env sink.Env, c Config) (sink.Sink, error) {
	s := &store{config: c, env: env, path: c.Endpoint(env)}
	_, err := s.read() // a mistake is told at once, and not at the first batch
	return s, failed(err)
}

// Close implements sink.Sink.
func (s *store) Close() error { return nil }

func (s *store) key(run record.RunID) string {
	return s.env.Service + "/" + s.env.Handler + "/" + run.String()
}

// Claim implements sink.Positioned.
func (s *store) Claim(ctx context.Context, owner string, runs []sink.Claim) ([]record.Place, error) {
	places := make([]record.Place, len(runs))
	err := s.change(ctx, func(c *content) error {
		for i, r := range runs {
			at, ok := c.Positions[s.key(r.Run)]
			if !ok && r.Known {
				return lost(r.Run)
			}
			if !ok {
				at.Next = r.Start
			}
			places[i], at.Owner = at.Next, owner
			c.Positions[s.key(r.Run)] = at
		}
		return nil
	})
	if err != nil {
		return nil, failed(err)
	}
	s.owner = owner
	return places, nil
}

// Forget implements sink.Positioned.
func (s *store) Forget(ctx context.Context, runs []record.RunID) error {
	return failed(s.change(ctx, func(c *content) error {
		for _, r := range runs {
			delete(c.Positions, s.key(r))
		}
		return nil
	}))
}

// errIn says that the batch is in already.
var errIn = errors.New("the batch is in")

// Write implements sink.Sink.
func (s *store) Write(ctx context.Context, b *sink.Batch) error {
	err := s.change(ctx, func(c *content) error {
		if err := s.move(c, b.Moves); err != nil {
			return err
		}
		return s.add(c, b)
	})
	if errors.Is(err, errIn) {
		return nil
	}
	return failed(err)
}

// move moves the positions of a batch from where it begins to where it ends.
func (s *store) move(c *content, moves []sink.Move) error {
	in := 0
	for i, m := range moves {
		at, ok := c.Positions[s.key(m.Run)]
		if !ok {
			return lost(m.Run)
		}
		fenced := &sink.Fenced{Run: m.Run, Owner: at.Owner, Next: at.Next}
		switch {
		case at.Owner != s.owner:
			return fenced
		case at.Next == m.To && in == i:
			in++
		case at.Next != m.From || in > 0:
			return fenced
		}
		at.Next = m.To
		c.Positions[s.key(m.Run)] = at
	}
	if in > 0 {
		return errIn
	}
	return nil
}

// add adds the rows of a batch, or says which are bad.
func (s *store) add(c *content, b *sink.Batch) error {
	var bad []sink.RowError
	var v record.View
	for i := range b.Len() {
		if err := b.At(i, &v); err != nil {
			return err // a newer girok wrote it: it waits
		}
		if n := len(v.Message); n > int(s.config.Longest) {
			bad = append(bad, sink.RowError{Index: i, Reason: fmt.Sprintf("a message of %d bytes", n)})
			continue
		}
		attrs := v.Attrs()
		c.Rows = append(c.Rows, row{
			ID: string(b.AppendID(nil, i, &v)), Level: v.Level.String(),
			Message:    strings.ReplaceAll(string(v.Message), "\x00", "\uFFFD"),
			Attributes: attrs.AppendJSON(nil),
		})
	}
	if len(bad) > 0 {
		return &sink.Reject{Rows: bad}
	}
	return nil
}

// change is the transaction: f changes the content, and all of it takes the
// place of the file, or nothing does.
func (s *store) change(ctx context.Context, f func(*content) error) error {
	lock, err := spool.TryLock(s.path + ".lock")
	if err != nil {
		return err
	}
	if lock == nil { // two services may write one file, and deliver locks for each alone
		return &sink.Retry{Err: errors.New("another process writes " + s.path)}
	}
	defer lock.Close()
	c, err := s.read()
	if err == nil {
		err = f(c)
	}
	if err == nil {
		err = ctx.Err() // the last look: what comes now is done, or not
	}
	if err != nil {
		return err
	}
	return s.replace(c)
}

func (s *store) read() (*content, error) {
	c := &content{Positions: map[string]standing{}}
	text, err := os.ReadFile(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		_, err = os.Stat(filepath.Dir(s.path)) // no file yet: fine, if it can be made
		return c, err
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, c); err != nil {
		return nil, &sink.Refused{Err: fmt.Errorf("%s: %w", s.path, err), Remedy: "it is no file of girok's: move it away, or give another path"}
	}
	return c, nil
}

func (s *store) replace(c *content) error {
	text, err := json.Marshal(c)
	if err != nil {
		return err
	}
	f, err := os.Create(s.path + ".new")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err == nil && s.env.Durable {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(s.path+".new", s.path)
}

// lost says that the file does not know a run that it should know.
func lost(run record.RunID) error {
	return &sink.Refused{
		Err:    fmt.Errorf("no position of run %s: the file was replaced, or an older copy was put back", run),
		Remedy: "put the file back; or remove this handler's state from the folder `to` of the spool: then what is there is written again",
	}
}

// failed is where it is decided what waits for somebody. All else is tried again.
func failed(err error) error {
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist) {
		return &sink.Refused{Err: err, Remedy: "make the folder, and give girok the right to write it"}
	}
	return err
}
