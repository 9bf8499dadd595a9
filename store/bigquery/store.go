package bigquery

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/girok/girok/internal/crash"
	"github.com/girok/girok/record"
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
	refused string          // the mark of a batch of which an answer said that it is not in
	ended   map[string]bool // streams that were finalized here

	// The batch that is prepared:
	name    string
	mark    mark
	in      bool   // it is in, as was found out
	sent    bool   // its load job was begun
	payload []byte // its rows
	room    []byte // where they are made
}

// newStore makes one that is connected to nothing yet.
func newStore(c Config, env sink.Env) *store {
	return &store{config: c, env: env, ended: map[string]bool{}, pace: pace{first: appendTimeout}}
}

// mark is what the journal has of a batch: where in which stream its rows are, or by
// which job they are loaded.
type mark struct {
	Stream string `json:"stream,omitempty"`
	Offset int64  `json:"offset"`
	Rows   int64  `json:"rows"`
	Ended  bool   `json:"ended,omitempty"` // the stream is finalized
	Job    string `json:"job,omitempty"`
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
	s.name, s.payload, s.in, s.sent = "", nil, false, false
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := s.ready(ctx); err != nil {
		return nil, err
	}
	if err := s.grow(ctx, b); err != nil {
		return nil, s.failed(ctx, err)
	}
	rows, err := s.rows(ctx, b)
	if err != nil {
		return nil, s.failed(ctx, err)
	}
	m, err := s.place(ctx, b, last, int64(b.Len()))
	if err != nil {
		return nil, s.failed(ctx, err)
	}
	s.name, s.mark, s.payload = b.Name, m, rows
	return json.Marshal(m)
}

// place is the mark of a batch.
func (s *store) place(ctx context.Context, b *sink.Batch, last sink.Mark, rows int64) (m mark, err error) {
	if b.Mark != nil {
		if err := json.Unmarshal(b.Mark, &m); err != nil {
			return m, err
		}
		return s.resume(ctx, b, m)
	}
	if !s.config.streams() {
		return s.anew(ctx, b)
	}
	if last != nil {
		if err := json.Unmarshal(last, &m); err != nil {
			return m, err
		}
	}
	m.Offset, m.Rows = m.Offset+m.Rows, rows
	if err := s.pace.tooMany(b.Len()); err != nil {
		return m, err
	}
	if rows == 0 || m.Stream != "" && !m.Ended && !s.ended[m.Stream] && s.isOurs(m.Stream) {
		return m, nil
	}
	return s.anew(ctx, b)
}

// anew is the mark of a batch of which nothing is in, wherever it was sent before: in a
// stream of its own, or with a job.
func (s *store) anew(ctx context.Context, b *sink.Batch) (m mark, err error) {
	m.Rows = int64(b.Len())
	switch {
	case m.Rows == 0 || s.config.Mode == "insert_all":
		return m, nil
	case s.config.Mode == "load":
		m.Job = s.jobID(b.Name)
		return m, nil
	}
	if err := s.pace.tooMany(b.Len()); err != nil {
		return m, err
	}
	m.Stream, err = s.createStream(ctx)
	return m, err
}

// isOurs reports whether a stream is one of the table that the handler has now.
func (s *store) isOurs(stream string) bool {
	prefix := s.ref.path() + "/streams/"
	return len(stream) > len(prefix) && stream[:len(prefix)] == prefix
}

// resume is the mark of a batch that was perhaps sent. Its stream is ended, which says
// whether it is in; if not, it goes to another one.
func (s *store) resume(ctx context.Context, b *sink.Batch, m mark) (mark, error) {
	switch {
	case m.Rows == 0:
		s.in = true
		return m, nil
	case m.Job != "":
		return s.resumeJob(ctx, b, m)
	case m.Stream == "":
		return s.anew(ctx, b)
	}
	if m.Ended {
		s.in = true
		return m, nil
	}
	if s.config.streams() && s.refused == string(b.Mark) && !b.Partial && s.isOurs(m.Stream) && m.Rows == int64(b.Len()) {
		return m, nil // surely nothing of it is in
	}
	in, err := s.settle(ctx, b, m)
	if status.Code(err) == codes.NotFound || status.Code(err) == codes.InvalidArgument {
		in, err = s.holds(ctx, b, m)
	}
	if err != nil {
		return m, err
	}
	s.in, s.ended[m.Stream] = in, true
	s.leave()
	if s.in {
		m.Ended = true
		return m, nil
	}
	return s.anew(ctx, b)
}

// settle ends the stream of a batch that was perhaps sent, and reports whether the
// batch is in: the stream's end is where the batch begins, or where it ends. Anything
// else is somebody else's.
func (s *store) settle(ctx context.Context, b *sink.Batch, m mark) (in bool, err error) {
	rows, err := s.finalize(ctx, m.Stream)
	switch {
	case err != nil:
		return false, err
	case rows == m.Offset:
		return false, nil
	case rows == m.Offset+m.Rows:
		return true, nil
	case rows < m.Offset:
		return false, &sink.Refused{
			Err:    fmt.Errorf("BigQuery has acknowledged %d rows of the stream %s and has %d", m.Offset, m.Stream, rows),
			Remedy: "rows are lost in BigQuery: ask its support, with the name of the stream",
		}
	}
	return false, s.fenced(b)
}

// fenced says that somebody else has written to the stream.
func (s *store) fenced(b *sink.Batch) error {
	return &sink.Fenced{Run: b.Moves[0].Run, Owner: "whoever else writes to its stream", Next: b.Moves[0].From}
}

// holds asks the table whether it has a batch whose stream BigQuery does not know any
// more, by the id of its first record.
func (s *store) holds(ctx context.Context, b *sink.Batch, m mark) (bool, error) {
	column := s.config.IDColumn()
	if column == "" || b.Len() == 0 {
		return false, &sink.Refused{
			Err: fmt.Errorf("BigQuery does not know the stream %s any more, and no column holds record_id: nobody can tell whether the last batch, of %d rows, is in", m.Stream, m.Rows),
			Remedy: "look for its rows in " + s.ref.sql() + " and, to give up what is in it, drop what waits with girok spool drop; " +
				"a column record_id: record_id lets girok look by itself",
		}
	}
	var v record.View
	if err := b.At(0, &v); err != nil {
		return false, err
	}
	id := string(b.AppendID(nil, 0, &v))
	n, err := s.query(ctx, "SELECT COUNT(*) FROM "+s.ref.sql()+" WHERE "+quote(column)+" = @id",
		parameter{Name: "id", Type: map[string]string{"type": "STRING"}, Value: map[string]string{"value": id}})
	if err != nil {
		return false, err
	}
	count, err := strconv.ParseInt(n, 10, 64)
	return count > 0, err
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

// append sends the batch to its stream.
func (s *store) append(ctx context.Context, b *sink.Batch) error {
	c, err := s.connection(s.mark.Stream)
	if err != nil {
		return s.failed(ctx, err)
	}
	s.pace.begin(b.Len())
	a, err := c.send(ctx, s.pace.limit(), s.mark.Offset, s.wire.descriptor, s.payload)
	if err != nil {
		var late *lateError
		if errors.As(err, &late) {
			s.pace.missed()
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
	s.pace.answered()
	crash.At(crash.Sent)
	return s.answered(ctx, b, a)
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

// answered is what an answer to an append means.
func (s *store) answered(ctx context.Context, b *sink.Batch, a answer) error {
	e := a.failed
	switch {
	case e == nil && len(a.rows) == 0:
		return nil
	case len(a.rows) > 0:
		reject := &sink.Reject{}
		for _, r := range a.rows {
			if r.index < 0 || r.index >= int64(b.Len()) {
				return &sink.Reject{Err: errors.New(r.message)}
			}
			reject.Rows = append(reject.Rows, sink.RowError{Index: int(r.index), Reason: withoutValues(r.message)})
		}
		return reject
	case isThere(e):
		return s.fenced(b)
	}
	s.leave()
	if e.code == codes.NotFound || e.code == codes.InvalidArgument {
		if gone := s.gone(ctx); gone != nil {
			return gone
		}
	}
	switch {
	case e.storage == streamFinalized, e.storage == streamNotFound, e.storage == invalidStreamState, e.storage == offsetOutOfRange, e.code == codes.OutOfRange:
		return &sink.Retry{Err: e} // the next Prepare finds out
	case e.code == codes.InvalidArgument && e.storage != extraFields:
		return &sink.Reject{Err: errors.New(withoutValues(e.message))}
	}
	if s.refused = string(b.Mark); e.storage == extraFields { // the table has changed
		s.there = nil
		return &sink.Retry{Err: e}
	}
	return s.failed(ctx, e)
}
