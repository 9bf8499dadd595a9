package bqfake

import (
	"errors"
	"io"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
)

// silence is how long after the last append a connection breaks that answers none.
const silence = 50 * time.Millisecond

// given is what becomes of an append: its answer, or how the call ends.
type given struct {
	out    []byte
	due    time.Time
	silent bool // neither it nor what is behind it is answered
	err    error
}

// appendRows answers appends in the order in which they come; several may be under way.
// "Requests are processed in the order in which they arrive":
// https://cloud.google.com/bigquery/docs/write-api
func (s *Server) appendRows(call grpc.ServerStream) error {
	answers := make(chan given, 1024)
	go s.readAppends(call, answers)
	for g := range answers {
		if g.err != nil || g.silent {
			return g.end(answers)
		}
		time.Sleep(time.Until(g.due))
		if err := call.SendMsg(&g.out); err != nil {
			return err
		}
		if m, err := parse(g.out); err == nil && s.HangsUp && len(m.bytes[2]) > 0 {
			return status.Error(codes.Aborted, "the connection ends after an error")
		}
	}
	return nil
}

// end is how the call ends from g on.
func (g given) end(answers <-chan given) error {
	for g.err == nil {
		select {
		case next, more := <-answers:
			if g.err = next.err; !more {
				return nil
			}
		case <-time.After(silence):
			g.err = status.Error(codes.Unavailable, "connection reset")
		}
	}
	if g.err == io.EOF {
		return nil
	}
	return g.err
}

// readAppends reads appends and applies them, until one ends the call.
func (s *Server) readAppends(call grpc.ServerStream, answers chan<- given) {
	defer close(answers)
	var c appending
	for {
		var g given
		g.out, g.err = s.readAppend(call, &c)
		if errors.Is(g.err, ErrSilent) {
			g.err, g.silent = nil, true
		}
		s.mu.Lock()
		g.due = time.Now().Add(s.answer)
		s.mu.Unlock()
		select {
		case answers <- g:
		case <-call.Context().Done():
			return
		}
		if g.err != nil {
			return
		}
	}
}

// appending is what a connection remembers of the requests before.
type appending struct {
	name  string
	shape *descriptorpb.DescriptorProto
}

// readAppend reads one append and applies it; io.EOF: the client sends no more.
func (s *Server) readAppend(call grpc.ServerStream, c *appending) ([]byte, error) {
	var in []byte
	if err := call.RecvMsg(&in); err != nil {
		return nil, err
	}
	m, err := parse(in)
	if err != nil {
		return nil, err
	}
	if b, ok := m.bytes[1]; ok {
		c.name = string(b)
	}
	data, err := parse(m.bytes[4])
	if err != nil {
		return nil, err
	}
	if b, ok := data.bytes[1]; ok {
		schema, err := parse(b)
		if err != nil {
			return nil, err
		}
		c.shape = &descriptorpb.DescriptorProto{}
		if err := proto.Unmarshal(schema.bytes[1], c.shape); err != nil {
			return nil, status.Errorf(codes.InvalidArgument, "the writer schema: %v", err)
		}
	}
	offset := int64(-1)
	if b, ok := m.bytes[2]; ok {
		value, err := parse(b)
		if err != nil {
			return nil, err
		}
		offset = int64(value.nums[1])
	}
	if s.MostRows > 0 && countRows(data.bytes[2]) > s.MostRows {
		<-call.Context().Done()
		return nil, call.Context().Err()
	}
	return s.append(c.name, offset, c.shape, data.bytes[2], len(in))
}
