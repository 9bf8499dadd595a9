package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/girok/girok/internal/crash"
	"github.com/girok/girok/sink"
	"github.com/girok/girok/sink/table"
)

// store is one handler's table, or those of its name. It has one connection, opened
// when it is needed and given up after an error that is not about rows.
type store struct {
	*target // the table that is written to
	targets table.Set[*target]
	parts   *table.Parts
	env     sink.Env
	owner   string

	conn  *pgconn.PgConn
	again bool   // conn is not the first since positions were claimed
	room  []byte // for rows

	asked asked // what others read of it; the rest is deliver's goroutine's alone
}

// target is one table.
type target struct {
	config Config // with its name
	mapper *table.Mapper
	tables *tables   // nil: to be looked at
	ahead  partition // what was made ahead
}

func open(ctx context.Context, env sink.Env, c Config) (sink.Sink, error) {
	s := &store{env: env, parts: c.NewParts(env, table.DateInName)}
	s.targets.New = func(name string) *target {
		t := &target{config: c}
		t.config.Table = name
		t.mapper = table.NewMapper(&t.config.Config, table.Options{Location: c.Location(env.Location)})
		return t
	}
	if schema, name := split(s.parts.Now()); max(len(schema), len(name)) > maxName {
		return nil, &sink.Refused{Err: fmt.Errorf("the name %s has more than %d bytes, which PostgreSQL would cut off", s.parts.Now(), maxName), Remedy: "give the table a shorter name"}
	}
	s.enter(s.parts.Now())
	if err := s.do(ctx, func(context.Context) error { return nil }); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// enter makes a table the one that is written to.
func (s *store) enter(name string) { s.target = s.targets.At(name) }

// forget forgets what is known of the tables.
func (s *store) forget() {
	s.targets.Each(func(t *target) { t.tables = nil })
}

// name is what the server's lists of sessions show.
func (s *store) name() string { return "girok " + s.env.Service + "/" + s.env.Handler }

// Close closes the connection.
func (s *store) Close() error {
	s.asked.end()
	s.leave()
	return nil
}

// leave ends the connection; what was not committed is gone.
func (s *store) leave() {
	if s.conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = s.conn.Close(ctx)
	s.conn = nil
	s.forget()
}

// do runs f with a connection and tables that are there, and gives its error a
// class.
func (s *store) do(ctx context.Context, f func(context.Context) error) error {
	limited, cancel := context.WithTimeoutCause(ctx, callTimeout, errSlow)
	defer cancel()
	err := s.try(limited, f)
	if isOfSchema(err) { // the tables are not what they were: look at them again
		s.forget()
		err = s.try(limited, f)
	}
	if err != nil && ctx.Err() == nil && limited.Err() != nil {
		err = context.Cause(limited)
	}
	return s.failed(ctx, err)
}

// errSlow says that a call took longer than callTimeout.
var errSlow = fmt.Errorf("PostgreSQL gave no answer within %v", callTimeout)

func (s *store) try(ctx context.Context, f func(context.Context) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.conn != nil && s.conn.IsClosed() {
		s.leave()
	}
	if s.conn == nil {
		conn, err := s.config.connect(ctx, s.name())
		if err != nil {
			return err
		}
		s.conn, s.again = conn, s.owner != ""
		s.asked.open()
	}
	if err := s.check(ctx); err != nil {
		return err
	}
	return f(ctx)
}

// check looks at the table that is written to if that was not done since the last
// error.
func (s *store) check(ctx context.Context) error {
	if s.tables != nil {
		return nil
	}
	return s.checkTables(ctx)
}

// begin are the first statements of each transaction. Its limits are its own, so
// that they hold behind a pooler too. A server that does not wait for its disk is
// made to, where durability says so.
func (s *store) begin() []stmt {
	list := []stmt{{sql: "begin isolation level read committed read write"}, {sql: fmt.Sprintf(
		"select set_config('lock_timeout', '%d', true), set_config('idle_in_transaction_session_timeout', '%d', true), set_config('statement_timeout', '%d', true)",
		lockTimeout.Milliseconds(), idleTimeout.Milliseconds(), callTimeout.Milliseconds())}}
	if s.env.Durable {
		list = append(list, stmt{sql: "select set_config('synchronous_commit', 'on', true) where current_setting('synchronous_commit') = 'off'"})
	}
	return list
}

// transaction runs the statements of first, in one round trip with the beginning
// of a transaction, and f with what they gave. After an error nothing of it is in;
// but when the connection broke at the commit itself, all of it may be.
func (s *store) transaction(ctx context.Context, f func([]*pgconn.Result) error, first ...stmt) error {
	begin := s.begin()
	results, err := run(ctx, s.conn, append(begin, first...)...)
	if err == nil {
		err = f(results[len(begin):])
	}
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		s.rollback(ctx)
		return err
	}
	crash.At(crash.Sent)
	results, err = run(ctx, s.conn, stmt{sql: "commit"})
	if err != nil {
		s.rollback(ctx)
		return err
	}
	if tag := results[0].CommandTag.String(); tag != "COMMIT" {
		return errors.New("postgres: COMMIT was answered with " + tag)
	}
	return nil
}

// rollback ends a transaction that failed. Where that fails too, the connection
// is given up, and the server ends it.
func (s *store) rollback(ctx context.Context) {
	if s.conn.IsClosed() || s.conn.TxStatus() == 'I' {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), idleTimeout)
	defer cancel()
	if _, err := run(ctx, s.conn, stmt{sql: "rollback"}); err != nil {
		s.leave()
	}
}
