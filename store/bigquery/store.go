package bigquery

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/girok/girok/internal/crash"
	"github.com/girok/girok/sink"
	"github.com/girok/girok/sink/table"
)

// store is one handler's table. All of it is deliver's goroutine's alone.
type store struct {
	config Config
	env    sink.Env
	mapper *table.Mapper

	http  *http.Client
	base  string
	grpc  *grpc.ClientConn
	ref   reference
	there *there // nil: to be looked at
	wire  *wire

	conn    *connection // nil: none is open
	pace    pace
	refused string          // the mark of the batch that was sent last, if the answers say that nothing of it is in
	cutOff  bool            // a refusal came, and not the answers behind it: one append is under way at a time
	ended   map[string]bool // streams that were finalized here

	// The batch that is prepared:
	name    string
	mark    mark
	in      bool    // it is in, as was found out
	sent    bool    // its load job was begun
	payload []byte  // its rows
	pieces  []piece // the appends that they go in by
	room    []byte  // where they are made
}

// newStore makes one that is connected to nothing yet.
func newStore(c Config, env sink.Env) *store {
	return &store{config: c, env: env, ended: map[string]bool{}, pace: pace{first: appendTimeout}}
}

// mark is what the journal has of a batch: where in which stream its rows are, or by
// which job they are loaded.
type mark struct {
	Stream string  `json:"stream,omitempty"`
	Offset int64   `json:"offset"`
	Rows   int64   `json:"rows"`
	Edges  []int64 `json:"edges,omitempty"` // with which row of the batch each append begins but the first
	Ended  bool    `json:"ended,omitempty"` // the stream is finalized
	Job    string  `json:"job,omitempty"`
}

// cut is a mark without a place: how the rows of the batch that is prepared go in.
func (s *store) cut(b *sink.Batch) (m mark) {
	m.Rows = int64(b.Len())
	n := int64(0)
	for i, p := range s.pieces {
		if i > 0 {
			m.Edges = append(m.Edges, n)
		}
		n += int64(p.rows)
	}
	return m
}

// Close ends the connection.
func (s *store) Close() error {
	s.leave()
	if s.grpc == nil {
		return nil
	}
	err := s.grpc.Close()
	s.grpc = nil
	return err
}

// ready connects and looks at the table, unless that was done.
func (s *store) ready(ctx context.Context) error {
	if s.grpc == nil {
		if err := s.connect(ctx); err != nil {
			return s.failed(ctx, err)
		}
	}
	if s.there == nil {
		return s.failed(ctx, s.look(ctx))
	}
	return nil
}

// Prepare implements sink.Journaled: it makes the rows, and finds the stream and the
// row of it where they go.
func (s *store) Prepare(ctx context.Context, b *sink.Batch, last sink.Mark) (sink.Mark, error) {
	s.name, s.payload, s.pieces, s.in, s.sent = "", nil, s.pieces[:0], false, false
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := s.ready(ctx); err != nil {
		return nil, err
	}
	if err := s.grow(ctx, b); err != nil {
		return nil, s.failed(ctx, err)
	}
	var m mark
	stays := false // where it was to go before
	if b.Mark != nil {
		err := json.Unmarshal(b.Mark, &m)
		if err == nil {
			m, stays, err = s.resume(ctx, b, m)
		}
		if err != nil {
			return nil, s.failed(ctx, err)
		}
	}
	if !s.in {
		if err := s.encode(ctx, b); err != nil {
			return nil, s.failed(ctx, err)
		}
	}
	var err error
	switch {
	case s.in:
	case stays:
		m.Edges = s.cut(b).Edges
	case b.Mark == nil:
		m, err = s.place(ctx, b, last)
	default:
		m, err = s.anew(ctx, b)
	}
	if err != nil {
		return nil, s.failed(ctx, err)
	}
	s.name, s.mark = b.Name, m
	return json.Marshal(m)
}

// place is the mark of a batch that was not sent: behind the one before it, or in a
// stream of its own.
func (s *store) place(ctx context.Context, b *sink.Batch, last sink.Mark) (mark, error) {
	if last == nil || !s.config.streams() {
		return s.anew(ctx, b)
	}
	var before mark
	if err := json.Unmarshal(last, &before); err != nil {
		return before, err
	}
	m := s.cut(b)
	m.Stream, m.Offset = before.Stream, before.Offset+before.Rows
	if m.Rows == 0 {
		m.Ended = before.Ended
		return m, nil
	}
	if m.Stream != "" && !before.Ended && !s.ended[m.Stream] && s.isOurs(m.Stream) {
		return m, nil
	}
	return s.anew(ctx, b)
}

// anew is the mark of a batch of which nothing is in, wherever it was sent before: in a
// stream of its own, or with a job.
func (s *store) anew(ctx context.Context, b *sink.Batch) (m mark, err error) {
	m = s.cut(b)
	switch {
	case m.Rows == 0 || s.config.Mode == "insert_all":
	case s.config.Mode == "load":
		m.Job = s.jobID(b.Name)
	default:
		m.Stream, err = s.createStream(ctx)
	}
	return m, err
}

// Write implements sink.Sink.
func (s *store) Write(ctx context.Context, b *sink.Batch) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if b.Name != s.name {
		return errors.New("bigquery: a batch that was not prepared")
	}
	switch {
	case s.in || s.mark.Rows == 0:
		return nil
	case s.config.Mode == "load":
		return s.load(ctx, b)
	case s.config.Mode == "insert_all":
		return s.insertAll(ctx, b)
	}
	return s.append(ctx, b)
}

// append sends the batch to its stream, by all of its appends.
func (s *store) append(ctx context.Context, b *sink.Batch) error {
	s.refused = ""
	c, err := s.connection(s.mark.Stream)
	if err != nil {
		return s.failed(ctx, err)
	}
	at, from := s.mark.Offset, 0
	message := func(i int) [][]byte {
		p := s.pieces[i]
		rows := s.payload[from:p.end]
		m := [][]byte{c.head(at, len(rows)), rows}
		at, from = at+int64(p.rows), p.end
		return m
	}
	next, in := 0, 0    // appends that are answered; rows that are in
	var refused *answer // of the first append that is not in
	var of int          // how many rows that has
	var behind bool     // one behind it is in
	answered := func(i int, a answer) bool {
		next = i + 1
		s.pace.answered(s.pieces[i].rows)
		switch {
		case !a.ok() && refused == nil:
			refused, of = &a, s.pieces[i].rows
		case a.ok() && refused == nil:
			in += s.pieces[i].rows
		case a.ok():
			behind = true
		}
		if next < len(s.pieces) {
			crash.At(crash.Torn)
		}
		return refused == nil
	}
	atATime := underWay
	if s.cutOff {
		atATime = 1
	}
	s.pace.begin()
	err = c.send(ctx, s.pace.limit(), len(s.pieces), atATime, message, answered)
	s.cutOff = err != nil && refused != nil
	if err != nil {
		var late *lateError
		if errors.As(err, &late) {
			s.pace.missed(s.pieces[next].rows)
		}
		s.leave()
		s.room = nil // the library may still have it
		if status.Code(err) == codes.NotFound {
			if gone := s.gone(ctx); gone != nil {
				return gone
			}
		}
		return s.failed(ctx, err)
	}
	crash.At(crash.Sent)
	switch {
	case refused == nil:
		return nil
	case behind:
		s.leave()
		return &sink.Retry{Err: errors.New("BigQuery has taken an append behind one that it has refused")} // the next Prepare finds out
	}
	return s.answered(ctx, b, in, of, *refused)
}

// gone looks whether the table is there. If not, the next try makes it again, or is
// refused.
func (s *store) gone(ctx context.Context) error {
	if _, err := s.get(ctx); !isCode(err, http.StatusNotFound) {
		return nil
	}
	s.there = nil
	return &sink.Refused{Err: fmt.Errorf("the table %s is gone", s.ref.sql()), Remedy: "make it again; create: true does"}
}

// isThere reports whether an append is refused since the stream has rows there.
func isThere(e *appendError) bool {
	return e.storage == offsetAlreadyExists || e.code == codes.AlreadyExists
}

// answered is what it means that an append of so many rows was refused, before which in
// rows of the batch went in. All that was sent of the batch is answered.
func (s *store) answered(ctx context.Context, b *sink.Batch, in, rows int, a answer) error {
	err, sure := s.reason(ctx, b, in, rows, a)
	switch {
	case !sure:
		return err // the next Prepare finds out
	case in > 0:
		m := s.mark
		m.Rows, m.Edges = int64(in), nil
		return s.taken(m, in, err)
	}
	s.refused = string(b.Mark)
	return err
}

// reason is an answer to an append as an error. sure: neither it nor what was sent behind
// it is in.
func (s *store) reason(ctx context.Context, b *sink.Batch, in, rows int, a answer) (err error, sure bool) {
	e := a.failed
	if len(a.rows) > 0 {
		return rejected(a, rows, in == 0 && rows < b.Len()), true
	}
	if isThere(e) {
		return s.fenced(b), false
	}
	s.leave()
	if e.code == codes.NotFound || e.code == codes.InvalidArgument {
		if gone := s.gone(ctx); gone != nil {
			return gone, false
		}
	}
	switch {
	case e.storage == streamFinalized, e.storage == streamNotFound, e.storage == invalidStreamState, e.storage == offsetOutOfRange, e.code == codes.OutOfRange:
		return &sink.Retry{Err: e}, false
	case e.storage == extraFields: // the table has changed
		s.there = nil
		return &sink.Retry{Err: e}, true
	case e.code == codes.InvalidArgument:
		return &sink.Reject{Err: errors.New(withoutValues(e.message))}, true
	}
	return s.failed(ctx, e), true
}

// rejected are the bad rows of an append. If it was the first of several and has no
// others, nobody knows whether there are good ones behind it: parts of the batch will tell.
func rejected(a answer, rows int, more bool) error {
	reject := &sink.Reject{}
	for _, r := range a.rows {
		if r.index < 0 || r.index >= int64(rows) {
			return &sink.Reject{Err: errors.New(withoutValues(r.message))}
		}
		reject.Rows = append(reject.Rows, sink.RowError{Index: int(r.index), Reason: withoutValues(r.message)})
	}
	if more && len(reject.Rows) == rows {
		return &sink.Reject{Err: errors.New(reject.Rows[0].Reason)}
	}
	return reject
}
