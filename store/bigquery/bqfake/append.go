package bqfake

import (
	"errors"
	"fmt"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/types/descriptorpb"
)

// maxRequest: "maximum request size: 10 MB"
// https://cloud.google.com/bigquery/quotas#write-api-limits
const maxRequest = 10 << 20

// append does one append. An error but ErrSilent ends the call.
func (s *Server) append(name string, offset int64, shape *descriptorpb.DescriptorProto, serialized []byte, size int) ([]byte, error) {
	var lost error
	if s.OnAppend != nil {
		var refused *Refusal
		switch err := s.OnAppend(name, offset); {
		case errors.Is(err, ErrLost):
			lost = status.Error(codes.Unavailable, "connection reset")
		case errors.Is(err, ErrSilent):
			lost = err
		case errors.Is(err, ErrBroken):
			return nil, status.Error(codes.Unavailable, "connection reset")
		case errors.As(err, &refused):
			return refusal(refused.Code, 0, name, refused.Message, nil), nil
		case err != nil:
			return nil, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.streams[name]
	if st == nil || s.tables[st.table] == nil {
		return nil, status.Errorf(codes.NotFound, "Requested entity was not found. Entity: %s", name)
	}
	out, err := s.apply(name, st, offset, shape, serialized, size)
	if err == nil {
		err = lost
	}
	return out, err
}

func (s *Server) apply(name string, st *stream, offset int64, shape *descriptorpb.DescriptorProto, serialized []byte, size int) ([]byte, error) {
	refuse := func(code codes.Code, storage uint64, format string, args ...any) ([]byte, error) {
		return refusal(code, storage, name, fmt.Sprintf(format, args...), nil), nil
	}
	switch {
	case size > maxRequest:
		return refuse(codes.InvalidArgument, 0, "The request is larger than 10 MB")
	case shape == nil:
		return refuse(codes.InvalidArgument, 0, "The first request of a connection has no writer schema")
	case st.finalized: // "STREAM_FINALIZED: Stream is finalized."
		return refuse(codes.InvalidArgument, streamFinalized, "Stream %s has been finalized and cannot be appended to", name)
	case offset >= 0 && offset < st.rows: // "OFFSET_ALREADY_EXISTS: … at that offset have already been written"
		return refuse(codes.AlreadyExists, offsetAlreadyExists, "The offset is within stream, expected offset %d, received %d", st.rows, offset)
	case offset > st.rows: // "OFFSET_OUT_OF_RANGE: … beyond the end of the stream"
		return refuse(codes.OutOfRange, offsetOutOfRange, "The offset is beyond stream, expected offset %d, received %d", st.rows, offset)
	}
	t := s.tables[st.table]
	cols := t.columns()
	for _, f := range shape.Field {
		if cols.find(f.GetName()) == nil {
			return refuse(codes.InvalidArgument, extraFields, "Input schema has more fields than BigQuery schema, extra fields: '%s'", f.GetName())
		}
	}
	later := s.DiscardsRows || s.ReadsLater
	rows, bad, err := decode(serialized, shape, cols, later)
	if err != nil {
		return refuse(codes.InvalidArgument, 0, "Error in parsing the rows: %v", err)
	}
	if len(bad) > 0 { // "If a row has an error, no rows of the request are added": RowError
		return refusal(codes.InvalidArgument, 0, name, "Errors found while processing rows. Please refer to the row_errors field for details.", bad), nil
	}
	n := int64(len(rows))
	if later {
		n, rows = int64(countRows(serialized)), nil
	}
	if s.ReadsLater {
		t.unread = append(t.unread, unread{shape, serialized})
	}
	t.Rows = append(t.Rows, rows...)
	t.Count += int(n)
	at := st.rows
	st.rows += n
	s.Appends++
	result := protowire.AppendTag(nil, 1, protowire.BytesType)
	result = protowire.AppendBytes(result, protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), uint64(at)))
	return protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), result), nil
}
