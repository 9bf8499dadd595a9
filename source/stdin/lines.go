package stdin

import (
	"bytes"
	"context"
	"io"
)

// chunkSize is how much is read at a time, in bytes.
const chunkSize = 64 << 10

// chunks reads in a goroutine of its own: a read of a pipe can't be cancelled.
type chunks struct {
	in   chan chunk
	free chan []byte
	quit chan struct{}
	last []byte // what next returned
}

type chunk struct {
	b   []byte
	err error
}

func newChunks(r io.Reader) *chunks {
	c := &chunks{in: make(chan chunk), free: make(chan []byte, 2), quit: make(chan struct{})}
	c.free <- make([]byte, chunkSize)
	c.free <- make([]byte, chunkSize)
	go c.read(r)
	return c
}

func (c *chunks) read(r io.Reader) {
	for {
		select {
		case b := <-c.free:
			n, err := r.Read(b[:chunkSize])
			select {
			case c.in <- chunk{b[:n], err}:
			case <-c.quit:
				return
			}
			if err != nil {
				return
			}
		case <-c.quit:
			return
		}
	}
}

// next gives the next bytes, good until the next call, with the error that came
// with them; that of ctx when it ends, with what was read by then.
func (c *chunks) next(ctx context.Context) ([]byte, error) {
	if c.last != nil {
		c.free <- c.last
		c.last = nil
	}
	var got chunk
	select {
	case got = <-c.in:
	default:
		select {
		case got = <-c.in:
		case <-ctx.Done():
			return nil, context.Canceled
		}
	}
	c.last = got.b
	if got.err == nil && ctx.Err() != nil {
		got.err = context.Canceled
	}
	return got.b, got.err
}

// stop lets the goroutine end after its read.
func (c *chunks) stop() { close(c.quit) }

// splitter cuts a stream into lines. A line ends with \n or \r\n, which are no
// part of it; the last one may lack them.
type splitter struct {
	limit int // how much of a line is kept
	line  func(line []byte, size int) error

	rest []byte // beginning of a line whose end has not come
	size int    // how long that is
}

// split takes the next bytes of the stream and calls line for each line that
// ends in them.
func (s *splitter) split(b []byte) error {
	for {
		i := bytes.IndexByte(b, '\n')
		if i < 0 {
			s.keep(b)
			return nil
		}
		line, size := b[:i], i
		if s.size > 0 {
			s.keep(line)
			line, size = s.rest, s.size
		}
		if size == len(line) && size > 0 && line[size-1] == '\r' {
			line, size = line[:size-1], size-1
		}
		err := s.line(line[:min(len(line), s.limit)], size)
		s.forget()
		if err != nil {
			return err
		}
		b = b[i+1:]
	}
}

// keep adds to the line that is open, and counts what it has no room for.
func (s *splitter) keep(b []byte) {
	s.size += len(b)
	s.rest = append(s.rest, b[:min(len(b), max(s.limit-len(s.rest), 0))]...)
}

func (s *splitter) forget() {
	s.rest, s.size = s.rest[:0], 0
	if cap(s.rest) > chunkSize {
		s.rest = nil
	}
}

// end gives the last line if it has no end.
func (s *splitter) end() error {
	if s.size == 0 {
		return nil
	}
	defer s.forget()
	return s.line(s.rest, s.size)
}
