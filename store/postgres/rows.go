package postgres

import (
	"context"
	"errors"
	"io"
	"regexp"
	"strconv"
	"sync"

	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
	"github.com/girok/girok/sink/table"
)

// rows makes the bytes of a COPY from the records of a batch while the client
// library reads them. The library reads on a goroutine of its own, which may
// outlive the COPY when the connection breaks: after end nothing of the batch is
// touched.
type rows struct {
	mu      sync.Mutex
	ended   bool
	ctx     context.Context
	mapper  *table.Mapper
	tables  *tables
	batch   *sink.Batch
	without []sink.RowError

	next int // record
	skip int // of without
	done bool
	read int // of buf
	buffers

	bad    []sink.RowError // rows that can't be made
	failed error           // why there are no more bytes
}

// buffers are kept from one COPY to the next.
type buffers struct {
	buf    []byte
	values []table.Value
}

// chunk is how many bytes are made at a time: about what the library sends.
const chunk = 64 << 10

// newRows begins a COPY. It takes the buffers of the one before.
func newRows(ctx context.Context, m *table.Mapper, t *tables, b *sink.Batch, without []sink.RowError, room buffers) *rows {
	r := &rows{ctx: ctx, mapper: m, tables: t, batch: b, without: without, buffers: room}
	if r.buf = r.buf[:0]; t.binary {
		r.buf = append(r.buf, binaryHeader...)
	}
	return r
}

// end lets go of the batch, and gives the buffers back.
func (r *rows) end() buffers {
	r.mu.Lock()
	defer r.mu.Unlock()
	room := r.buffers
	r.ended = true
	r.ctx, r.batch, r.mapper, r.buffers = nil, nil, nil, buffers{}
	return room
}

// errNoMore ends a COPY that must not succeed.
var errNoMore = errors.New("no more rows")

// Read implements io.Reader.
func (r *rows) Read(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended {
		return 0, errNoMore
	}
	if r.read == len(r.buf) {
		r.buf, r.read = r.buf[:0], 0
		r.fill()
	}
	n := copy(p, r.buf[r.read:])
	r.read += n
	switch {
	case r.failed != nil || len(r.bad) > 0:
		return 0, errNoMore
	case n == 0 && r.done:
		return 0, io.EOF
	}
	return n, nil
}

// fill makes the rows of a chunk. Once a row is bad the others are only looked at.
func (r *rows) fill() {
	if r.done {
		return
	}
	if r.failed = r.ctx.Err(); r.failed != nil {
		return
	}
	for ; r.next < r.batch.Len() && len(r.buf) < chunk; r.next++ {
		if r.skip < len(r.without) && r.without[r.skip].Index == r.next {
			r.skip++
			continue
		}
		start := len(r.buf)
		err := r.add()
		if errors.Is(err, record.ErrEncoding) {
			r.failed = err
			return
		}
		if err != nil {
			r.bad = append(r.bad, sink.RowError{Index: r.next, Reason: err.Error()})
		}
		if len(r.bad) > 0 {
			r.buf = r.buf[:start]
		}
	}
	if r.next < r.batch.Len() {
		return
	}
	r.done = true
	if r.tables.binary {
		r.buf = append(r.buf, binaryTrailer...)
	}
}

func (r *rows) add() (err error) {
	r.mapper.Reset()
	if r.values, err = r.mapper.Row(r.batch, r.next, r.values[:0]); err != nil {
		return err
	}
	if !r.tables.binary {
		r.buf = appendText(r.buf, r.values)
		return nil
	}
	r.buf, err = appendBinary(r.buf, r.values, r.tables.fields)
	return err
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
