// Package control lets a program that delivers be asked by another process of
// the same user: to run a query on a database that only it may open, and to show
// or change the level of a logger while it runs. It answers at a Unix socket in a
// folder that nobody else may enter; there is never a listener on the network.
//
// A client sends one line of JSON, the request, and gets lines of JSON. Requests
// and answers are bounded in size and time, and so are the clients at a time: one
// that hangs costs a connection for a while, and never holds the program up.
package control

import (
	"context"
	"errors"
	"time"

	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
)

// Answers is what a program answers with. Its methods are called on goroutines
// of the server, several at a time; a panic in one is an error for its client.
type Answers interface {
	// Query asks the database of a sink kind at an endpoint. ctx ends with the
	// client, with the server, or after QueryTime.
	Query(ctx context.Context, kind, endpoint, sql string) (sink.Rows, error)
	// Level tells how a logger stands.
	Level(logger string) Level
	// SetLevel sets the level of a logger; after d, if it is above 0, it is what
	// it was before. NotSet inherits.
	SetLevel(logger string, level record.Level, d time.Duration) (Level, error)
}

// Level is how a logger stands.
type Level struct {
	Logger string       `json:"logger"` // "root" for the root
	Level  record.Level `json:"level"`  // in effect
	Own    record.Level `json:"own"`    // NotSet: it inherits
	Until  time.Time    `json:"until,omitzero"`
	Then   record.Level `json:"then,omitempty"` // its own level after Until
	// Unknown: neither the configuration nor the program had named this logger, or one
	// below it, before the question. Near is the one that was perhaps meant.
	Unknown bool   `json:"unknown,omitempty"`
	Near    string `json:"near,omitempty"`
}

// Limits of what one client may take.
const (
	maxClients  = 8               // at a time; more are told to come again
	maxRequest  = 1 << 20         // bytes of the line
	requestTime = 5 * time.Second // for the line to come
	writeTime   = 10 * time.Second
	closeTime   = time.Second // for answers under way, when the server closes
	// QueryTime is how long an answer may take as a whole.
	QueryTime = 10 * time.Minute
)

// ErrUnsupported says that this system has no control sockets.
var ErrUnsupported = errors.New("this system has no control sockets")

// request is the line that a client sends.
type request struct {
	Do       string        `json:"do"` // query, level
	Kind     string        `json:"kind,omitempty"`
	Endpoint string        `json:"endpoint,omitempty"`
	SQL      string        `json:"sql,omitempty"`
	Logger   string        `json:"logger,omitempty"`
	Level    *record.Level `json:"level,omitempty"`
	For      time.Duration `json:"for,omitempty"` // ns
}

// reply is a line of an answer. The last one of an answer has Error or End.
type reply struct {
	Error   string        `json:"error,omitempty"`
	End     bool          `json:"end,omitempty"`
	Columns []sink.Column `json:"columns,omitempty"`
	Row     []value       `json:"row,omitempty"`
	Level   *Level        `json:"level,omitempty"`
}
