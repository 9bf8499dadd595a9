package bigquery

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// appendTimeout is how long an append waits for its answer at first: the API has no
// limit of its own.
const appendTimeout = time.Minute

// lateError says that an append got no answer in time.
type lateError struct{ limit time.Duration }

func (e *lateError) Error() string {
	return fmt.Sprintf("BigQuery gave no answer to an append within %v", e.limit)
}

// rawCodec sends and receives messages that are bytes already.
type rawCodec struct{}

func (rawCodec) Name() string { return "proto" }

func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	var list mem.BufferSlice
	for _, b := range v.([][]byte) {
		list = append(list, mem.SliceBuffer(b))
	}
	return list, nil
}

func (rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	*v.(*[]byte) = data.Materialize()
	return nil
}

// unary makes one call; about is what it is routed by.
func (s *store) unary(ctx context.Context, method string, in []byte, key, about string) (out []byte, err error) {
	ctx, cancel := context.WithTimeout(routed(ctx, key, about), s.pace.limit())
	defer cancel()
	err = s.grpc.Invoke(ctx, service+method, [][]byte{in}, &out, grpc.ForceCodecV2(rawCodec{}))
	return out, err
}

func routed(ctx context.Context, key, about string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "x-goog-request-params", key+"="+url.QueryEscape(about))
}

// createStream makes a committed stream of the table.
func (s *store) createStream(ctx context.Context) (name string, err error) {
	out, err := s.unary(ctx, "CreateWriteStream", createRequest(s.ref.path()), "parent", s.ref.path())
	if err != nil {
		return "", err
	}
	if name, err = text(out, 1); err == nil && name == "" {
		err = errors.New("BigQuery: a stream without a name")
	}
	return name, err
}

// finalize ends a stream: nobody can append to it any more. It returns how many rows
// it has, also when it was ended before.
func (s *store) finalize(ctx context.Context, name string) (rows int64, err error) {
	out, err := s.unary(ctx, "FinalizeWriteStream", appendString(nil, 1, name), "name", name)
	if err != nil {
		return 0, err
	}
	return number(out, 1)
}

// connection is an AppendRows call under way, for one stream.
type connection struct {
	stream string
	call   grpc.ClientStream
	cancel context.CancelCauseFunc
	opened bool // the first request was sent
}

// connection opens the call for a stream, unless it is.
func (s *store) connection(stream string) (*connection, error) {
	if s.conn != nil && s.conn.stream == stream {
		return s.conn, nil
	}
	s.leave()
	ctx, cancel := context.WithCancelCause(routed(context.Background(), "write_stream", stream))
	call, err := s.grpc.NewStream(ctx, &grpc.StreamDesc{StreamName: "AppendRows", ClientStreams: true, ServerStreams: true},
		service+"AppendRows", grpc.ForceCodecV2(rawCodec{}))
	if err != nil {
		cancel(nil)
		return nil, err
	}
	s.conn = &connection{stream: stream, call: call, cancel: cancel}
	return s.conn, nil
}

// leave gives the connection up.
func (s *store) leave() {
	if s.conn != nil {
		s.conn.cancel(nil)
		s.conn = nil
	}
}

// send appends rows at a row of the stream and waits for the answer, until limit. err
// is of the connection, which is of no use any more then.
func (c *connection) send(ctx context.Context, limit time.Duration, offset int64, descriptor []byte, rows []byte) (a answer, err error) {
	late := time.AfterFunc(limit, func() { c.cancel(&lateError{limit}) })
	defer late.Stop()
	defer context.AfterFunc(ctx, func() { c.cancel(context.Cause(ctx)) })()
	if c.opened {
		descriptor = nil
	}
	head := appendHead(c.stream, offset, descriptor, len(rows))
	c.opened = true
	err = c.call.SendMsg([][]byte{head, rows})
	if err != nil && err != io.EOF { // the reason of an EOF is what RecvMsg says
		return a, c.cause(err)
	}
	var out []byte
	if err := c.call.RecvMsg(&out); err != nil {
		return a, c.cause(err)
	}
	return parseAnswer(out)
}

// cause prefers why the call was given up here to what the library makes of it.
func (c *connection) cause(err error) error {
	if why := context.Cause(c.call.Context()); why != nil && status.Code(err) == codes.Canceled {
		return why
	}
	if err == io.EOF {
		return errors.New("BigQuery has ended the connection")
	}
	return err
}
