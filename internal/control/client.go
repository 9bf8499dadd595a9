package control

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
)

// dialTime is how long a program may take to accept, or to answer what is not a
// query.
const dialTime = 5 * time.Second

// client is a connection for one request. It is not safe for concurrent use.
type client struct {
	conn *os.File
	dec  *json.Decoder
	stop func() bool // lets ctx go
}

// ask connects and sends a request. When ctx ends the connection is closed.
func ask(ctx context.Context, socket string, req request) (*client, error) {
	conn, err := dial(ctx, socket, dialTime)
	if err != nil {
		return nil, err
	}
	c := &client{conn: conn, dec: json.NewDecoder(bufio.NewReaderSize(conn, 64<<10)), stop: context.AfterFunc(ctx, func() { conn.Close() })}
	_ = conn.SetWriteDeadline(time.Now().Add(dialTime))
	if err := json.NewEncoder(conn).Encode(req); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

func (c *client) close() {
	c.stop()
	c.conn.Close()
}

// next reads a line of the answer.
func (c *client) next() (r reply, err error) {
	err = c.dec.Decode(&r)
	switch {
	case errors.Is(err, io.EOF):
		return r, errors.New("the program that was asked ended before its answer did")
	case err == nil && r.Error != "":
		return r, errors.New(r.Error)
	}
	return r, err
}

// short asks what is answered at once.
func short(ctx context.Context, socket string, req request) (reply, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	c, err := ask(ctx, socket, req)
	if err != nil {
		return reply{}, err
	}
	defer c.close()
	return c.next()
}

// AskLevel asks the program at a socket how a logger stands.
func AskLevel(ctx context.Context, socket, logger string) (Level, error) {
	return levelOf(short(ctx, socket, request{Do: "level", Logger: logger}))
}

// SetLevel sets a logger's level in the program at a socket; see Answers.
func SetLevel(ctx context.Context, socket, logger string, level record.Level, d time.Duration) (Level, error) {
	return levelOf(short(ctx, socket, request{Do: "level", Logger: logger, Level: &level, For: d}))
}

func levelOf(r reply, err error) (Level, error) {
	if err == nil && r.Level == nil {
		err = errors.New("the program gave no level")
	}
	if err != nil {
		return Level{}, err
	}
	return *r.Level, nil
}

// Query lets the program at a socket run a query. The rows end when ctx does.
func Query(ctx context.Context, socket, kind, endpoint, sql string) (sink.Rows, error) {
	c, err := ask(ctx, socket, request{Do: "query", Kind: kind, Endpoint: endpoint, SQL: sql})
	if err != nil {
		return nil, err
	}
	r, err := c.next()
	if err != nil {
		c.close()
		return nil, err
	}
	return &rows{c: c, columns: r.Columns}, nil
}

// rows is an answer on its way.
type rows struct {
	c       *client
	columns []sink.Column
	end     bool
}

func (r *rows) Columns() []sink.Column { return r.columns }

func (r *rows) Next(ctx context.Context) ([]any, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if r.end {
		return nil, io.EOF
	}
	line, err := r.c.next()
	if err != nil {
		return nil, err
	}
	if r.end = line.End; r.end {
		return nil, io.EOF
	}
	if len(line.Row) != len(r.columns) {
		return nil, fmt.Errorf("the program gave a row of %d values for %d columns", len(line.Row), len(r.columns))
	}
	row := make([]any, len(line.Row))
	for i, v := range line.Row {
		row[i] = v.v
	}
	return row, nil
}

func (r *rows) Close() error {
	r.c.close()
	return nil
}
