package bigquery

import (
	"bytes"
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

// connection is an AppendRows call under way, for one stream and rows of one kind.
type connection struct {
	stream string
	rows   []byte // their descriptor
	call   grpc.ClientStream
	cancel context.CancelCauseFunc
	opened bool // the first request was sent
}

// connection opens the call for a stream, unless it is.
func (s *store) connection(stream string) (*connection, error) {
	if s.conn != nil && s.conn.stream == stream && bytes.Equal(s.conn.rows, s.wire.descriptor) {
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
	s.conn = &connection{stream: stream, rows: s.wire.descriptor, call: call, cancel: cancel}
	return s.conn, nil
}

// leave gives the connection up.
func (s *store) leave() {
	if s.conn != nil {
		s.conn.cancel(nil)
		s.conn = nil
	}
}

// underWay is how many appends wait for their answers at a time at most.
const underWay = 8

// send sends n appends in their order, so many at a time, and reads their answers
// meanwhile: answered gets each, in the order too, and says whether to send more; those
// under way are answered all the same. message is the i-th append; it is called on another
// goroutine, which has ended when send returns. No answer may take longer than limit
// behind the one before. err is of the connection, which is of no use any more then.
func (c *connection) send(ctx context.Context, limit time.Duration, n, atATime int, message func(i int) [][]byte, answered func(i int, a answer) (more bool)) error {
	late := time.AfterFunc(limit, func() { c.cancel(&lateError{limit}) })
	defer late.Stop()
	defer context.AfterFunc(ctx, func() { c.cancel(context.Cause(ctx)) })()
	sent, room, enough := make(chan struct{}, n), make(chan struct{}, atATime), make(chan struct{})
	var broken error
	go func() {
		defer close(sent)
		for i := range n {
			select {
			case room <- struct{}{}:
			case <-enough:
				return
			case <-c.call.Context().Done():
				return
			}
			select {
			case <-enough: // before there was room
				return
			default:
			}
			if broken = c.call.SendMsg(message(i)); broken != nil {
				return
			}
			sent <- struct{}{}
		}
	}()
	give := func(err error) error { // up
		err = c.cause(err)
		c.cancel(err)
		for range sent {
		}
		return err
	}
	i, more := 0, true
	for range sent {
		a, err := c.receive()
		if err != nil {
			return give(err)
		}
		late.Reset(limit)
		if !answered(i, a) && more {
			more = false
			close(enough)
		}
		i++
		<-room
	}
	if broken == io.EOF { // why is what is received
		if _, err := c.receive(); err != nil {
			broken = err
		}
	}
	if broken == nil && i < n && more {
		broken = c.call.Context().Err()
	}
	if broken != nil {
		return give(broken)
	}
	return nil
}

// receive waits for the next answer.
func (c *connection) receive() (a answer, err error) {
	var out []byte
	if err := c.call.RecvMsg(&out); err != nil {
		return a, err
	}
	return parseAnswer(out)
}

// head is what stands before the rows of an append. The first one on the connection says
// what they are.
func (c *connection) head(offset int64, size int) []byte {
	descriptor := c.rows
	if c.opened {
		descriptor = nil
	}
	c.opened = true
	return appendHead(c.stream, offset, descriptor, size)
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
