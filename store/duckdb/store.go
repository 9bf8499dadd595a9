//go:build cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64)

package duckdb

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/girok/girok/sink"
	"github.com/girok/girok/sink/table"
)

// store is one handler's table, or those of its name. It has one connection, opened
// when it is needed and closed when the file is not what it was.
type store struct {
	*target // the table that is written to
	targets table.Set[*target]
	parts   *table.Parts
	env     sink.Env
	path    string
	owner   string

	conn   *conn
	values []table.Value
	text   arena

	asked asked // what others read of it; the rest is deliver's goroutine's alone
}

// target is one table.
type target struct {
	config  Config // with its name
	mapper  *table.Mapper
	checked bool   // it is there, and the position's
	names   []name // of its columns
}

func open(ctx context.Context, env sink.Env, c Config) (sink.Sink, error) {
	s := &store{env: env, path: c.Endpoint(env), parts: c.NewParts(env, table.DateInName)}
	s.targets.New = func(name string) *target {
		t := &target{config: c}
		t.config.Table = name
		t.mapper = table.NewMapper(&t.config.Config, table.Options{Location: c.Location(env.Location)})
		return t
	}
	s.enter(s.parts.Now())
	if err := s.do(ctx, func() error { return nil }); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// enter makes a table the one that is written to.
func (s *store) enter(name string) { s.target = s.targets.At(name) }

// Close closes the database, if no other handler has it open. DuckDB writes then
// what is in its log into the file.
func (s *store) Close() error {
	s.asked.end()
	s.leave()
	s.text.free()
	return nil
}

// leave ends the connection; the next call makes another.
func (s *store) leave() {
	s.forget()
	if s.conn != nil {
		s.conn.close()
		s.conn = nil
	}
}

// forget forgets what is known of the tables.
func (s *store) forget() { s.targets.Each(func(t *target) { t.checked = false }) }

// do runs f with a connection and tables that are there, and gives its error a
// class.
func (s *store) do(ctx context.Context, f func() error) error {
	err := s.try(ctx, f)
	if isOfSchema(err) { // the tables are not what they were: look at them again
		s.forget()
		err = s.try(ctx, f)
	}
	return s.failed(err)
}

func (s *store) try(ctx context.Context, f func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.connect(); err != nil {
		return err
	}
	return s.conn.use(func() error {
		if err := s.check(); err != nil {
			return err
		}
		return f()
	})
}

func (s *store) connect() error {
	if s.conn != nil && s.conn.ended() {
		s.leave()
	}
	if s.conn != nil && !s.conn.sameFile() {
		old := s.conn.database
		s.leave()
		old.retire()
	}
	if s.conn != nil {
		return nil
	}
	if s.config.Create {
		if err := os.MkdirAll(filepath.Dir(s.path), 0o777); err != nil {
			return &sink.Refused{Err: err, Remedy: "give girok the right to make the folder, or make it"}
		}
	} else if _, err := os.Stat(s.path); err != nil {
		return &sink.Refused{Err: err, Remedy: "create: true makes the file and its folder"}
	}
	c, err := connect(s.path, s.config.Create)
	if err != nil {
		return err
	}
	s.conn = c
	s.asked.open()
	return c.use(func() error {
		// Not as settings at the opening: who opens the file with other ones is
		// turned away.
		for _, sql := range []string{
			fmt.Sprintf("set global memory_limit = '%dB'", s.config.Memory),
			"set global autoinstall_known_extensions = false", // a log does not load code from the net
		} {
			if _, err := c.exec(sql); err != nil {
				return err
			}
		}
		return nil
	})
}

// check looks at the table that is written to if that was not done since the last
// error.
func (s *store) check() error {
	if s.checked {
		return nil
	}
	if err := s.checkTables(); err != nil {
		return err
	}
	s.checked = true
	return nil
}
