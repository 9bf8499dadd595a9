package sink

import (
	"context"
	"errors"
	"io"
)

// Queryer is a sink whose database can be asked in SQL while records are
// written into it. `girok query` needs it where the database can't be opened by
// a second process: the process that delivers answers, through its control
// socket. A sink whose database anybody may open needs it too, for a file that
// only the program may read.
type Queryer interface {
	Sink
	// Query runs one statement on the database that the sink has open, or beside
	// it on a connection of its own, for reading only: whatever the statement
	// says, nothing is changed by it.
	//
	// Unlike the other methods it is called on any goroutine, several at a time,
	// while Write is under way, and also while or after Close is called. It must
	// hold neither of them up: Close does not wait for rows that are still read,
	// it makes their Next fail. ctx is that of the whole answer, not only of the
	// call: when it ends, so does the statement, and Next fails.
	//
	// Errors are told to whoever asked, and change nothing in the sink.
	Query(ctx context.Context, sql string) (Rows, error)
}

// Rows is the answer to a query. It is used by one goroutine at a time.
type Rows interface {
	// Columns are those of each row.
	Columns() []Column
	// Next gives the next row, io.EOF after the last. The values are nil, bool,
	// int64, float64, string, []byte or time.Time: what else the database has is
	// given as text, in full (decimals, integers of more than 64 bits), or as
	// JSON (lists, structs). They belong to the caller.
	Next(ctx context.Context) ([]any, error)
	// Close ends the query. It may be called twice.
	Close() error
}

// Column is one column of an answer.
type Column struct {
	Name string `json:"name"`
	JSON bool   `json:"json,omitempty"` // its texts are JSON
}

// ReadAll reads the rows of an answer to the end, and closes it.
func ReadAll(ctx context.Context, rows Rows) (all [][]any, err error) {
	defer rows.Close()
	for {
		row, err := rows.Next(ctx)
		switch {
		case errors.Is(err, io.EOF):
			return all, nil
		case err != nil:
			return nil, err
		}
		all = append(all, row)
	}
}
