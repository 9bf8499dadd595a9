//go:build unix

package pgtest

import (
	"bytes"
	"fmt"
	"net"
	"sync"
)

// Cut is how a proxy breaks a connection at a COMMIT.
type Cut int

const (
	Whole  Cut = iota // it does not
	Before            // the server never sees the COMMIT
	During            // it has it, and whoever sent it is gone at once
	After             // it has committed, and the answer is lost
)

// Proxy stands before a server and breaks connections at a COMMIT.
type Proxy struct {
	Port    int
	Running func() // with During: returns when the server is at the COMMIT; set before it is asked for

	l  net.Listener
	to string
	mu sync.Mutex
	at func() Cut
}

// NewProxy begins to forward to a server. Close ends it.
func NewProxy(s *Server) (*Proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Proxy{Port: l.Addr().(*net.TCPAddr).Port, l: l, to: fmt.Sprintf("127.0.0.1:%d", s.Port), at: func() Cut { return Whole }}
	go p.accept()
	return p, nil
}

// Close takes no more connections.
func (p *Proxy) Close() { p.l.Close() }

// At sets what is asked at each COMMIT. It is called by one goroutine at a time.
func (p *Proxy) At(f func() Cut) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at = f
}

// Next sets what happens at the next COMMIT alone.
func (p *Proxy) Next(c Cut) {
	p.At(func() Cut {
		now := c
		c = Whole
		return now
	})
}

func (p *Proxy) ask() Cut {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.at()
}

func (p *Proxy) accept() {
	for {
		client, err := p.l.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.to)
		if err != nil {
			client.Close()
			continue
		}
		lost := make(chan struct{}, 1) // the next answer is
		go answers(client, server, lost)
		go p.questions(client, server, lost)
	}
}

// answers forwards what the server says.
func answers(client, server net.Conn, lost chan struct{}) {
	defer client.Close()
	defer server.Close()
	buf := make([]byte, 64<<10)
	for {
		n, err := server.Read(buf)
		if err != nil {
			return
		}
		select {
		case <-lost:
			return
		default:
		}
		if _, err := client.Write(buf[:n]); err != nil {
			return
		}
	}
}

// questions forwards what the client says.
func (p *Proxy) questions(client, server net.Conn, lost chan struct{}) {
	defer client.Close()
	buf := make([]byte, 64<<10)
	for {
		n, err := client.Read(buf)
		if err != nil {
			server.Close()
			return
		}
		if bytes.Contains(buf[:n], []byte("\x00commit\x00")) { // a statement of its own, without a name
			switch p.ask() {
			case Before:
				server.Close()
				return
			case During:
				lost <- struct{}{}
				_, _ = server.Write(buf[:n])
				if p.Running != nil {
					p.Running()
				}
				return // the other side waits for the server
			case After:
				lost <- struct{}{}
			}
		}
		if _, err := server.Write(buf[:n]); err != nil {
			return
		}
	}
}
