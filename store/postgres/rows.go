package postgres

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"regexp"
	"strconv"
	"sync"

	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
)

// rows makes the bytes of a COPY from the records of a batch while the client
// library reads them. The library reads on a goroutine of its own, which may
// outlive the COPY when the connection breaks: after end nothing of the batch is
// touched.
type rows struct {
	mu      sync.Mutex
	ended   bool
	ctx     context.Context
	tables  *tables
	batch   *sink.Batch
	without []sink.RowError

	next int // record
	skip int // of without
	done bool
	buf  []byte // kept from one COPY to the next
	read int    // of buf

	longest int // row so far, in bytes

	bad    []sink.RowError // rows that can't be made
	failed error           // why there are no more bytes
}

// newRows begins a COPY. It takes the buffer of the one before.
func newRows(ctx context.Context, t *tables, b *sink.Batch, without []sink.RowError, room []byte) *rows {
	r := &rows{ctx: ctx, tables: t, batch: b, without: without, buf: room}
	if r.buf = r.buf[:0]; t.binary {
		r.buf = append(r.buf, binaryHeader...)
	}
	return r
}

// end lets go of the batch, and gives the buffer back.
func (r *rows) end() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	room := r.buf
	r.ended = true
	r.ctx, r.batch, r.tables, r.buf = nil, nil, nil, nil
	return room
}

// errNoMore ends a COPY that must not succeed.
var errNoMore = errors.New("no more rows")

// Read implements io.Reader. It makes rows where they are wanted: only the one that
// does not fit lies in buf until the next call.
func (r *rows) Read(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.ended:
		return 0, errNoMore
	case r.read < len(r.buf):
		n := copy(p, r.buf[r.read:])
		r.read += n
		return n, nil
	case r.done:
		return 0, io.EOF
	}
	n := r.fill(p)
	if r.failed != nil || len(r.bad) > 0 {
		return 0, errNoMore
	}
	return n, nil
}

// fill makes rows until p has no room for one as long as the longest so far, or there
// are no more. Once one is bad the others are only looked at.
func (r *rows) fill(p []byte) (n int) {
	if r.failed = r.ctx.Err(); r.failed != nil {
		return 0
	}
	r.buf, r.read = r.buf[:0], 0
	for ; r.next < r.batch.Len(); r.next++ {
		if r.skip < len(r.without) && r.without[r.skip].Index == r.next {
			r.skip++
			continue
		}
		if n > 0 && len(p)-n < r.longest {
			return n
		}
		more, err := r.add(p[:n])
		switch {
		case errors.Is(err, record.ErrEncoding):
			r.failed = err
			return 0
		case err != nil:
			r.bad = append(r.bad, sink.RowError{Index: r.next, Reason: err.Error()})
		case len(r.bad) == 0 && len(more) <= len(p):
			r.longest = max(r.longest, len(more)-n)
			n = len(more)
		case len(r.bad) == 0: // append has moved it elsewhere
			r.buf = append(r.buf, more[n:]...)
			r.next++
			if n == 0 {
				n = copy(p, r.buf)
				r.read = n
			}
			return n
		}
	}
	r.done = true
	if r.tables.binary {
		r.buf = append(r.buf, binaryTrailer...)
	}
	if n == 0 {
		n = copy(p, r.buf)
		r.read = n
	}
	return n
}

// add appends the next row to dst. In the binary form the number of its fields
// goes before them; in the text form a line end is in the place of the last tab.
func (r *rows) add(dst []byte) ([]byte, error) {
	if r.tables.binary {
		return r.tables.writer.Append(binary.BigEndian.AppendUint16(dst, uint16(len(r.tables.fields))), r.batch, r.next)
	}
	dst, err := r.tables.writer.Append(dst, r.batch, r.next)
	if err == nil {
		dst[len(dst)-1] = '\n'
	}
	return dst, err
}

// line is the record of a line that an error names; lines count from 1, without
// the rows that were left out.
func (r *rows) line(where string) (record int, ok bool) {
	m := copyLine.FindStringSubmatch(where)
	if m == nil {
		return 0, false
	}
	n, err := strconv.Atoi(m[1])
	if err != nil || n < 1 {
		return 0, false
	}
	record = n - 1
	for _, w := range r.without {
		if w.Index <= record {
			record++
		}
	}
	return record, record < r.next
}

// copyLine finds the line in what an error says of where it was: "COPY logs, line
// 7, column n", with a word for line in the server's language. Where a trigger
// failed, more stands before it.
var copyLine = regexp.MustCompile(`(?m)^COPY .*, \S+ (\d+)(?:[,:] .*)?$`)
