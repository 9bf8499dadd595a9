package bqfake

import (
	"fmt"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
)

type stream struct {
	table     string
	rows      int64
	finalized bool
}

// create makes a stream. "Given a table … the write stream is created":
// https://cloud.google.com/bigquery/docs/reference/storage/rpc/google.cloud.bigquery.storage.v1#createwritestreamrequest
func (s *Server) create(in []byte) ([]byte, error) {
	m, err := parse(in)
	if err != nil {
		return nil, err
	}
	table := string(m.bytes[1])
	inner, err := parse(m.bytes[2])
	if err != nil || inner.nums[2] != 1 {
		return nil, status.Error(codes.InvalidArgument, "want a stream of type COMMITTED")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tables[table] == nil {
		return nil, status.Errorf(codes.NotFound, "Requested entity was not found: %s", table)
	}
	s.made++
	name := fmt.Sprintf("%s/streams/fake%d", table, s.made)
	s.streams[name] = &stream{table: table}
	return protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), name), nil
}

// get tells of a stream its name and that it is COMMITTED: WriteStream,
// https://cloud.google.com/bigquery/docs/reference/storage/rpc/google.cloud.bigquery.storage.v1#writestream
func (s *Server) get(in []byte) ([]byte, error) {
	m, err := parse(in)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	name := string(m.bytes[1])
	if st := s.streams[name]; st == nil || s.tables[st.table] == nil {
		return nil, status.Errorf(codes.NotFound, "Requested entity was not found: %s", name)
	}
	out := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), name)
	return protowire.AppendVarint(protowire.AppendTag(out, 2, protowire.VarintType), 1), nil
}

// finalize ends a stream, again if it is ended: "row_count: Number of rows in the
// finalized stream."
// https://cloud.google.com/bigquery/docs/reference/storage/rpc/google.cloud.bigquery.storage.v1#finalizewritestreamresponse
func (s *Server) finalize(in []byte) ([]byte, error) {
	m, err := parse(in)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.streams[string(m.bytes[1])]
	if st == nil || s.tables[st.table] == nil {
		return nil, status.Errorf(codes.NotFound, "Requested entity was not found: %s", m.bytes[1])
	}
	st.finalized = true
	return protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), uint64(st.rows)), nil
}
