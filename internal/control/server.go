package control

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// Server answers at a socket of its own. Its methods are safe for concurrent
// use.
type Server struct {
	listener *listener
	place    place
	ctx      context.Context // ends with Close
	cancel   context.CancelFunc
	slots    chan struct{}
	work     sync.WaitGroup

	mu     sync.Mutex
	conns  map[*os.File]bool
	closed bool
}

// Listen makes a socket. Clients wait until Serve is called.
func Listen() (*Server, error) {
	l, p, err := listen()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	return &Server{listener: l, place: p, ctx: ctx, cancel: cancel, slots: make(chan struct{}, maxClients), conns: map[*os.File]bool{}}, nil
}

// Path is where the socket lies.
func (s *Server) Path() string { return s.place.socket }

// Serve begins to answer, and returns. Call it once.
func (s *Server) Serve(a Answers) {
	s.work.Go(func() { s.place.sweep() })
	s.work.Go(func() { s.accept(a) })
}

// Close removes the socket and ends the answers that are under way; it waits a
// second at most.
func (s *Server) Close() error {
	s.mu.Lock()
	s.closed = true
	for c := range s.conns {
		c.Close()
	}
	s.mu.Unlock()
	s.cancel()
	err := s.listener.Close()
	s.place.remove()
	done := make(chan struct{})
	go func() {
		s.work.Wait()
		close(done)
	}()
	t := time.NewTimer(closeTime)
	defer t.Stop()
	select {
	case <-done:
	case <-t.C:
	}
	return err
}

func (s *Server) accept(a Answers) {
	for {
		c, err := s.listener.Accept()
		if err != nil {
			if errors.Is(err, os.ErrClosed) || s.ctx.Err() != nil {
				return
			}
			time.Sleep(100 * time.Millisecond) // out of file descriptors, perhaps
			continue
		}
		select {
		case s.slots <- struct{}{}:
		default:
			refuse(c)
			continue
		}
		s.work.Go(func() {
			defer func() { <-s.slots }()
			s.client(c, a)
		})
	}
}

// refuse tells one client too many, as far as that goes without waiting.
func refuse(c *os.File) {
	_ = c.SetWriteDeadline(time.Now().Add(10 * time.Millisecond))
	_, _ = io.WriteString(c, `{"error":"too many clients at a time: try again"}`+"\n")
	c.Close()
}

// keep notes a connection, for Close; false: the server is closed.
func (s *Server) keep(c *os.File) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.conns[c] = true
	}
	return !s.closed
}

func (s *Server) client(c *os.File, a Answers) {
	defer c.Close()
	if !s.keep(c) {
		return
	}
	defer func() {
		s.mu.Lock()
		delete(s.conns, c)
		s.mu.Unlock()
	}()
	ctx, cancel := context.WithTimeout(s.ctx, QueryTime)
	defer cancel()
	out := bufio.NewWriterSize(patient{c}, 32<<10)
	w := &answer{enc: json.NewEncoder(out)}
	w.enc.SetEscapeHTML(false)
	_ = c.SetReadDeadline(time.Now().Add(requestTime))
	req, err := readRequest(c)
	if err == nil {
		_ = c.SetReadDeadline(time.Time{})
		s.work.Go(func() { // whatever comes next, or the end, means that the client is gone
			_, _ = c.Read(make([]byte, 1))
			cancel()
		})
		err = w.answer(ctx, a, req)
	}
	if err != nil {
		_ = w.enc.Encode(reply{Error: err.Error()})
	}
	_ = out.Flush() // a client that is gone has nobody to tell
}

func readRequest(c io.Reader) (req request, err error) {
	line, err := bufio.NewReader(io.LimitReader(c, maxRequest)).ReadBytes('\n')
	if err != nil {
		return req, fmt.Errorf("want a request of one line, at most %d bytes, within %s: %w", maxRequest, requestTime, err)
	}
	return req, json.Unmarshal(line, &req)
}

// patient gives each write its time: a client that does not read is let go.
type patient struct{ *os.File }

func (p patient) Write(b []byte) (int, error) {
	_ = p.SetWriteDeadline(time.Now().Add(writeTime))
	return p.File.Write(b)
}

// answer writes the lines of one answer.
type answer struct{ enc *json.Encoder }

func (w *answer) answer(ctx context.Context, a Answers, req request) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the answer failed: %v", p) // the program goes on
		}
	}()
	switch req.Do {
	case "query":
		return w.query(ctx, a, req)
	case "level":
		l, err := levelFor(a, req)
		if err != nil {
			return err
		}
		return w.enc.Encode(reply{Level: &l, End: true})
	}
	return fmt.Errorf("no request %q: this program knows query, level", req.Do)
}

func levelFor(a Answers, req request) (Level, error) {
	if req.Level == nil {
		return a.Level(req.Logger), nil
	}
	return a.SetLevel(req.Logger, *req.Level, req.For)
}

func (w *answer) query(ctx context.Context, a Answers, req request) error {
	rows, err := a.Query(ctx, req.Kind, req.Endpoint, req.SQL)
	if err != nil {
		return err
	}
	defer rows.Close()
	columns := rows.Columns()
	if err := w.enc.Encode(reply{Columns: columns}); err != nil {
		return err
	}
	row := make([]value, len(columns))
	for {
		values, err := rows.Next(ctx)
		if errors.Is(err, io.EOF) {
			return w.enc.Encode(reply{End: true})
		}
		if err != nil {
			return err
		}
		row = row[:0]
		for _, v := range values {
			row = append(row, value{v})
		}
		if err := w.enc.Encode(reply{Row: row}); err != nil {
			return err
		}
	}
}
