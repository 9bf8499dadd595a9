package bigquery

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
	"github.com/girok/girok/sink/table"
)

// wire writes rows as messages whose fields have the numbers of the mapper's
// columns, from 1.
type wire struct {
	columns    []field // by the index of the mapper's column
	descriptor []byte  // of the message: a DescriptorProto
}

// newWire makes one for the columns of a mapper that a table has. missing are those
// that it has not.
func newWire(m *table.Mapper, t *there) (w *wire, missing []table.Column) {
	w = &wire{}
	d := &descriptorpb.DescriptorProto{Name: proto.String("Row")}
	for i, c := range m.Columns() {
		f, ok := t.named(c.Name)
		if !ok {
			missing = append(missing, c)
			continue
		}
		w.columns = append(w.columns, f)
		d.Field = append(d.Field, &descriptorpb.FieldDescriptorProto{
			Name: proto.String(f.Name), Number: proto.Int32(int32(i + 1)), Type: wireType(f.Type).Enum(),
			Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum(),
		})
	}
	w.descriptor, _ = proto.Marshal(d) // of plain values it does not fail
	return w, missing
}

// wireType is the protocol buffer type that BigQuery takes for a column. Those that
// are not listed take text:
// https://cloud.google.com/bigquery/docs/supported-data-types
func wireType(column string) descriptorpb.FieldDescriptorProto_Type {
	switch column {
	case "INTEGER", "INT64", "TIMESTAMP":
		return descriptorpb.FieldDescriptorProto_TYPE_INT64
	case "FLOAT", "FLOAT64":
		return descriptorpb.FieldDescriptorProto_TYPE_DOUBLE
	case "BOOLEAN", "BOOL":
		return descriptorpb.FieldDescriptorProto_TYPE_BOOL
	case "DATE":
		return descriptorpb.FieldDescriptorProto_TYPE_INT32
	case "BYTES":
		return descriptorpb.FieldDescriptorProto_TYPE_BYTES
	}
	return descriptorpb.FieldDescriptorProto_TYPE_STRING
}

// AppendValue implements table.Wire.
func (w *wire) AppendValue(dst []byte, column int, v *table.Value) ([]byte, error) {
	if v.Type == table.Null {
		return dst, nil
	}
	n := protowire.Number(column + 1)
	f := &w.columns[column]
	switch wireType(f.Type) {
	case descriptorpb.FieldDescriptorProto_TYPE_INT64, descriptorpb.FieldDescriptorProto_TYPE_INT32, descriptorpb.FieldDescriptorProto_TYPE_BOOL:
		if !f.takes(v.Type) {
			return dst, f.misfit(v)
		}
		return protowire.AppendVarint(protowire.AppendTag(dst, n, protowire.VarintType), uint64(v.Num)), nil
	case descriptorpb.FieldDescriptorProto_TYPE_DOUBLE:
		bits := uint64(v.Num)
		switch v.Type {
		case table.Float:
		case table.Int:
			bits = math.Float64bits(float64(v.Num))
		default:
			return dst, f.misfit(v)
		}
		return protowire.AppendFixed64(protowire.AppendTag(dst, n, protowire.Fixed64Type), bits), nil
	case descriptorpb.FieldDescriptorProto_TYPE_BYTES:
		if v.Type != table.Bytes && v.Type != table.String {
			return dst, f.misfit(v)
		}
		return protowire.AppendBytes(protowire.AppendTag(dst, n, protowire.BytesType), v.Raw), nil
	}
	dst = protowire.AppendTag(dst, n, protowire.BytesType)
	switch v.Type {
	case table.String, table.JSON, table.Decimal:
		return protowire.AppendBytes(dst, v.Raw), nil
	}
	var room [64]byte
	return protowire.AppendBytes(dst, appendText(room[:0], v)), nil
}

// maxRequest is how large one append is at most, in bytes; BigQuery takes 10 MB.
const maxRequest = 8 << 20

// encode makes what is sent of a batch.
func (s *store) encode(ctx context.Context, b *sink.Batch) (err error) {
	switch s.config.Mode {
	case "load":
		s.payload, err = s.ndjson(ctx, b)
	case "insert_all":
		s.payload, err = s.insertBody(ctx, b)
	default:
		s.payload, err = s.messages(ctx, b)
	}
	return err
}

// piece is one append of a batch: so many rows, in payload up to end.
type piece struct{ rows, end int }

const (
	maxPayload = 64 << 20 // how much the rows of a batch may take, in bytes
	maxPieces  = 64       // how many appends it may have: the journal lists them
)

// pieceLimits is what an append may have: an eighth of a batch, so that a full one is
// all under way at once, where its rows are up to twice as large as its records; and no
// more than was answered in time.
func (s *store) pieceLimits() (rows, size int) {
	l := s.config.Limits()
	if rows = (l.Records + underWay - 1) / underWay; s.pace.most > 0 {
		rows = min(rows, s.pace.most)
	}
	return rows, min(2*int(l.Bytes)/underWay, maxRequest)
}

// messages makes the serialized_rows of a batch, and cuts them into appends, each of
// which goes in whole or not at all.
func (s *store) messages(ctx context.Context, b *sink.Batch) ([]byte, error) {
	w := s.mapper.NewWriter(s.wire)
	most := s.expected(b)
	if cap(s.room) > maxRequest && most < cap(s.room)/8 {
		s.room = nil // of a burst that is over
	}
	s.room = slices.Grow(s.room[:0], most)
	rows, size := s.pieceLimits()
	var p piece
	begin := 0
	err := s.each(ctx, b, func(i int) error {
		at := len(s.room)
		// A tag, and two bytes for the length, as nearly all rows need.
		dst, err := w.Append(append(s.room, 1<<3|byte(protowire.BytesType), 0, 0), b, i)
		if err != nil {
			return err
		}
		if s.room = measured(dst, at+1); len(s.room)-at > maxRequest {
			err = fmt.Errorf("the row has %d bytes, more than one append takes", len(s.room)-at)
			s.room = s.room[:at]
			return err
		}
		if p.rows == rows || p.rows > 0 && len(s.room)-begin > size {
			s.pieces = append(s.pieces, p)
			p.rows, begin = 0, at
		}
		p.rows, p.end = p.rows+1, len(s.room)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if p.rows > 0 {
		s.pieces = append(s.pieces, p)
	}
	if len(s.room) > maxPayload || len(s.pieces) > maxPieces {
		return nil, &sink.Reject{Err: fmt.Errorf("the batch has %d bytes as rows and %d appends, more than is sent at once", len(s.room), len(s.pieces))}
	}
	return s.room, nil
}

// expected is about how many bytes the rows of a batch take: somewhat more than their
// frames.
func (s *store) expected(b *sink.Batch) (n int) {
	for i := range b.Len() {
		n += len(b.Item(i).Payload)
	}
	return min(n+n/2, maxPayload)
}

// each calls f for the rows of a batch. Rows that can't be made are bad, and named all
// at once.
func (s *store) each(ctx context.Context, b *sink.Batch, f func(i int) error) error {
	var bad []sink.RowError
	for i := range b.Len() {
		if i%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		switch err := f(i); {
		case errors.Is(err, record.ErrEncoding):
			return err
		case err != nil:
			bad = append(bad, sink.RowError{Index: i, Reason: err.Error()})
		}
	}
	if len(bad) > 0 {
		return &sink.Reject{Rows: bad}
	}
	return nil
}

// measured puts the length of what lies behind at+2 into the two bytes at at; where
// it needs more or fewer, what is there is moved.
func measured(b []byte, at int) []byte {
	n := len(b) - at - 2
	var size [10]byte
	k := len(protowire.AppendVarint(size[:0], uint64(n)))
	if k != 2 {
		if k > 2 {
			b = append(b, size[:k-2]...)
		}
		copy(b[at+k:], b[at+2:at+2+n])
		b = b[:at+k+n]
	}
	copy(b[at:], size[:k])
	return b
}

func appendText(dst []byte, v *table.Value) []byte {
	switch v.Type {
	case table.Timestamp:
		return table.AppendTimestamp(dst, v.Num)
	case table.DateTime:
		return table.AppendDateTime(dst, v.Num)
	case table.Date:
		return table.AppendDate(dst, v.Num)
	case table.Bool:
		return fmt.Append(dst, v.Num != 0)
	case table.Float:
		return fmt.Append(dst, v.Float())
	case table.Int:
		return fmt.Append(dst, v.Num)
	}
	return append(dst, v.Raw...)
}
