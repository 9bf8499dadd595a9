package bqfake

import (
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
)

type rawCodec struct{}

var _ encoding.CodecV2 = rawCodec{}

func (rawCodec) Name() string { return "proto" }
func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(*v.(*[]byte))}, nil
}
func (rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	*v.(*[]byte) = data.Materialize()
	return nil
}

const service = "/google.cloud.bigquery.storage.v1.BigQueryWrite/"

// serve answers all calls of the Storage Write API.
func (s *Server) serve(_ any, call grpc.ServerStream) error {
	method, _ := grpc.MethodFromServerStream(call)
	switch name, ok := strings.CutPrefix(method, service); {
	case !ok:
	case name == "AppendRows":
		return s.appendRows(call)
	case name == "CreateWriteStream":
		return s.unary(call, s.create)
	case name == "FinalizeWriteStream":
		return s.unary(call, s.finalize)
	case name == "GetWriteStream": // girok does not ask; Google's clients do
		return s.unary(call, s.get)
	}
	return status.Errorf(codes.Unimplemented, "unknown method %s", method)
}

func (s *Server) unary(call grpc.ServerStream, do func(in []byte) ([]byte, error)) error {
	var in []byte
	if err := call.RecvMsg(&in); err != nil {
		return err
	}
	out, err := do(in)
	if err != nil {
		return err
	}
	return call.SendMsg(&out)
}
