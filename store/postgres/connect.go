package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/girok/girok/sink"
)

// What a transaction waits for, at most. A claim must outlive a transaction of
// the owner before, that its program left alone.
const (
	lockTimeout = 15 * time.Second
	idleTimeout = 10 * time.Second
	callTimeout = 5 * time.Minute // of a statement, and of a call of the sink's
	dialTimeout = 10 * time.Second
)

// parsed is the configuration for the client library, without the password.
func (c Config) parsed() (*pgconn.Config, error) {
	if c.DSN.IsZero() {
		var b strings.Builder
		for _, kv := range [][2]string{{"host", c.Host}, {"port", fmt.Sprint(c.Port)}, {"user", c.User}, {"dbname", c.Database}, {"sslmode", c.SSLMode}} {
			if kv[1] != "" {
				fmt.Fprintf(&b, "%s='%s' ", kv[0], strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(kv[1]))
			}
		}
		return pgconn.ParseConfig(b.String())
	}
	dsn, err := c.DSN.Reveal()
	if err != nil {
		return nil, &sink.Refused{Err: fmt.Errorf("dsn: %w", err), Remedy: "give it; it is read again at the next try"}
	}
	cc, err := pgconn.ParseConfig(dsn)
	if err != nil {
		return nil, &sink.Refused{
			Err:    errors.New("dsn is no connection string of PostgreSQL, or names a file that can't be read"), // its text may hold a password
			Remedy: "write postgres://user:password@host:5432/database, or host, user, password and database as keys of their own",
		}
	}
	return cc, nil
}

// connConfig is how a connection is opened, with the password as it is now.
func (c Config) connConfig(name string) (*pgconn.Config, error) {
	cc, err := c.parsed()
	if err != nil {
		return nil, err
	}
	if !c.Password.IsZero() {
		if cc.Password, err = c.Password.Reveal(); err != nil {
			return nil, &sink.Refused{Err: fmt.Errorf("password: %w", err), Remedy: "give it; it is read again at the next try"}
		}
	}
	if cc.ConnectTimeout == 0 {
		cc.ConnectTimeout = dialTimeout
	}
	// A server that is gone without a word is noticed within a minute.
	dialer := net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 30 * time.Second, Interval: 10 * time.Second, Count: 3}}
	cc.DialFunc = dialer.DialContext
	if cc.RuntimeParams["application_name"] == "" {
		cc.RuntimeParams["application_name"] = name
	}
	for key, value := range map[string]string{"client_encoding": "UTF8", "TimeZone": "UTC", "DateStyle": "ISO, MDY"} {
		cc.RuntimeParams[key] = value
	}
	return cc, nil
}

// connect opens a connection.
func (c Config) connect(ctx context.Context, name string) (*pgconn.PgConn, error) {
	cc, err := c.connConfig(name)
	if err != nil {
		return nil, err
	}
	return pgconn.ConnectConfig(ctx, cc)
}

// stmt is one statement with its arguments, all as text.
type stmt struct {
	sql  string
	args []string
}

// run runs statements in one round trip, and stops at the first that fails.
func run(ctx context.Context, conn *pgconn.PgConn, list ...stmt) ([]*pgconn.Result, error) {
	b := &pgconn.Batch{}
	for _, s := range list {
		args := make([][]byte, len(s.args))
		for i, a := range s.args {
			args[i] = []byte(a)
		}
		b.ExecParams(s.sql, args, nil, nil, nil)
	}
	results, err := conn.ExecBatch(ctx, b).ReadAll()
	if err != nil {
		return nil, err
	}
	if len(results) != len(list) {
		return nil, fmt.Errorf("postgres: %d answers to %d statements", len(results), len(list))
	}
	return results, nil
}

// textArray is a list as PostgreSQL writes an array of its words.
func textArray[T any](list []T, word func(T) string) string {
	words := make([]string, len(list))
	for i, v := range list {
		words[i] = word(v)
	}
	return "{" + strings.Join(words, ",") + "}"
}
