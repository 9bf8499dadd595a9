package bigquery

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
)

// isOurs reports whether a stream is one of the table that the handler has now.
func (s *store) isOurs(stream string) bool {
	prefix := s.ref.path() + "/streams/"
	return len(stream) > len(prefix) && stream[:len(prefix)] == prefix
}

// resume finds out what is in of a batch that was perhaps sent: it sets in, or says
// *sink.Taken. Its stream is ended, which tells. stays: nothing of it is in, and it may
// go again where m says.
func (s *store) resume(ctx context.Context, b *sink.Batch, m mark) (_ mark, stays bool, err error) {
	switch {
	case m.Rows == 0 || m.Ended:
		s.in = true
		return m, false, nil
	case m.Job != "":
		return s.resumeJob(ctx, m)
	case m.Stream == "":
		return m, false, nil
	}
	if s.config.streams() && s.refused == string(b.Mark) && !b.Partial && s.isOurs(m.Stream) {
		return m, true, nil
	}
	rows, err := s.settle(ctx, b, m)
	forgotten := status.Code(err) == codes.NotFound || status.Code(err) == codes.InvalidArgument
	if err != nil && !forgotten {
		return m, false, err
	}
	n := int(rows) // of b's records
	switch {
	case forgotten:
		n, err = s.holds(ctx, b, m, fmt.Errorf("BigQuery does not know the stream %s any more", m.Stream))
	case rows == m.Rows:
		n = b.Len()
	case b.Partial && rows > 0: // which they were is not known
		n, err = s.holds(ctx, b, m, fmt.Errorf("%d rows of a batch are in of which the spool has lost records", rows))
	}
	if err != nil {
		return m, false, err
	}
	m.Ended, s.ended[m.Stream] = true, true
	s.leave()
	if n > 0 && n < b.Len() {
		m.Rows, m.Edges = int64(n), nil
		return m, false, s.taken(m, n, nil)
	}
	s.in = n == b.Len()
	return m, false, nil
}

// taken is the error that says that the first n records of the prepared batch are in,
// with the mark m.
func (s *store) taken(m mark, n int, err error) error {
	text, merr := json.Marshal(m)
	if merr != nil {
		return merr
	}
	return &sink.Taken{Items: n, Mark: text, Err: err}
}

// settle ends the stream of a batch that was perhaps sent, and returns how many of its
// rows are in: the stream ends where the batch begins, or where one of its appends does.
// Anything else is somebody else's.
func (s *store) settle(ctx context.Context, b *sink.Batch, m mark) (in int64, err error) {
	rows, err := s.finalize(ctx, m.Stream)
	in = rows - m.Offset
	switch {
	case err != nil:
		return 0, err
	case in == 0 || in == m.Rows || slices.Contains(m.Edges, in):
		return in, nil
	case in < 0:
		return 0, &sink.Refused{
			Err:    fmt.Errorf("BigQuery has acknowledged %d rows of the stream %s and has %d", m.Offset, m.Stream, rows),
			Remedy: "rows are lost in BigQuery: ask its support, with the name of the stream",
		}
	}
	return 0, s.fenced(b)
}

// fenced says that somebody else has written to the stream.
func (s *store) fenced(b *sink.Batch) error {
	return &sink.Fenced{Run: b.Moves[0].Run, Owner: "whoever else writes to its stream", Next: b.Moves[0].From}
}

// holds asks the table how many of a batch's first records it has, where its stream can't
// tell, and says why: by the id of the first record of each append, or of all that are
// left of the batch.
func (s *store) holds(ctx context.Context, b *sink.Batch, m mark, why error) (n int, err error) {
	if b.Len() == 0 {
		return 0, nil
	}
	column := s.config.IDColumn()
	if column == "" {
		return 0, &sink.Refused{
			Err: fmt.Errorf("%w, and no column holds record_id: nobody can tell whether the last batch, of %d rows, is in", why, m.Rows),
			Remedy: "look for its rows in " + s.ref.sql() + " and, to give up what is in it, drop what waits with girok spool drop; " +
				"a column record_id: record_id lets girok look by itself",
		}
	}
	first := []int{0}
	for _, edge := range m.Edges {
		first = append(first, int(edge))
	}
	if b.Partial {
		first = first[:0]
		for i := range b.Len() {
			first = append(first, i)
		}
	}
	var ids struct {
		Values []any `json:"arrayValues"`
	}
	var v record.View
	for _, i := range first {
		if err := b.At(i, &v); err != nil {
			return 0, err
		}
		ids.Values = append(ids.Values, map[string]string{"value": string(b.AppendID(nil, i, &v))})
	}
	found, err := s.query(ctx, "SELECT COUNT(*) FROM "+s.ref.sql()+" WHERE "+quote(column)+" IN UNNEST(@ids)",
		parameter{Name: "ids", Type: map[string]any{"type": "ARRAY", "arrayType": map[string]string{"type": "STRING"}}, Value: ids})
	if err != nil {
		return 0, err
	}
	if n, err = strconv.Atoi(found); err != nil || n >= len(first) {
		return b.Len(), err
	}
	return first[n], nil
}
