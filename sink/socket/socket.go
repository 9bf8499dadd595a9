// Package socket sends records as pickles to a receiver in Python, one a record, in
// the log call: Python's SocketHandler and DatagramHandler.
package socket

import (
	"encoding/binary"
	"net"
	"os"
	"sync"
	"time"

	"github.com/girok/girok/config"
	"github.com/girok/girok/format"
	"github.com/girok/girok/internal/peer"
	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
)

// Kind is the class SocketHandler, and Datagram the class DatagramHandler, to be
// given to girok.Open.
var (
	Kind     = sink.DefineDirect("logging.handlers.SocketHandler", "pickles over TCP or a Unix socket", Config{}, openStream)
	Datagram = sink.DefineDirect("logging.handlers.DatagramHandler", "pickles over UDP or a Unix socket of datagrams", Config{}, openDatagram)
)

// Config is the keys of a handler.
type Config struct {
	Host string `yaml:"host,required" doc:"the receiver; without a port the path of a Unix socket"`
	Port *int   `yaml:"port" doc:"the receiver's port; null: a Unix socket"`
}

// Validate implements config.Validator.
func (c *Config) Validate(at *config.At) {
	if at.Node("port") == nil {
		at.Problem("port", "is missing; want a port, or null for a Unix socket")
	}
	if c.Port != nil && (*c.Port < 1 || *c.Port > 65535) {
		at.Problem("port", "want a port from 1 to 65,535, or null for a Unix socket")
	}
}

// Place implements sink.DirectConfig.
func (c Config) Place() string {
	if c.Port == nil {
		return c.Host
	}
	return c.address()
}

func (c Config) address() string {
	if c.Port == nil {
		return c.Host
	}
	return sink.Address{Host: c.Host, Port: *c.Port}.HostPort()
}

// Handler sends pickles. It is safe for concurrent use.
type Handler struct {
	network, address string
	fields           *format.LogRecord

	mu     sync.Mutex
	conn   net.Conn // nil: none is open
	pause  sink.Pause
	closed bool
}

func openStream(env sink.DirectEnv, c Config) sink.Writer   { return open(env, c, "tcp", "unix") }
func openDatagram(env sink.DirectEnv, c Config) sink.Writer { return open(env, c, "udp", "unixgram") }

func open(env sink.DirectEnv, c Config, network, local string) *Handler {
	if c.Port == nil {
		network = local
	}
	return &Handler{network: network, address: c.address(), fields: format.NewLogRecord(env.Location, env.Started).Of(env.PID), pause: sink.Pause{Patience: env.Patience}}
}

// Handle sends one record. A connection that was lost is made anew once; what was
// under way then may be lost without an error, as the receiver sends no answers.
func (h *Handler) Handle(v *record.View) error {
	b := h.message(v)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return os.ErrClosed
	}
	return h.pause.Do(func(deadline time.Time) error { return h.send(b, deadline) })
}

// message is a length of four bytes, and a pickle of the record's attributes.
func (h *Handler) message(v *record.View) []byte {
	p := pickler{b: make([]byte, 4, 1024)}
	p.dict(func() {
		h.fields.Each(v, func(name []byte, val *record.Value, _ []byte) {
			if string(name) == "message" { // it is msg
				return
			}
			p.text(name)
			switch string(name) {
			case "args", "exc_info": // the message has them merged; an error is its text
				p.none()
			case "exc_text":
				if text := format.ErrorText(v); text != nil {
					p.text(text)
				} else {
					p.none()
				}
			default:
				p.value(val)
			}
		})
	})
	p.b = append(p.b, '.')
	binary.BigEndian.PutUint32(p.b, uint32(len(p.b)-4))
	return p.b
}

func (h *Handler) send(b []byte, deadline time.Time) error {
	if h.conn != nil && !peer.Alive(h.conn) {
		_ = h.shut() // the other side has closed it already
	}
	if h.conn == nil {
		d := net.Dialer{Deadline: deadline}
		conn, err := d.Dial(h.network, h.address)
		if err != nil {
			return err
		}
		h.conn = conn
	}
	_ = h.conn.SetDeadline(deadline) // fails only for a closed one, and then the write tells
	if _, err := h.conn.Write(b); err != nil {
		_ = h.shut()
		return err
	}
	return nil
}

// Close closes the connection.
func (h *Handler) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	return h.shut()
}

// Retire closes the connection; a call that is under way makes another one.
func (h *Handler) Retire() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.shut()
}

func (h *Handler) shut() error {
	if h.conn == nil {
		return nil
	}
	c := h.conn
	h.conn = nil
	return c.Close()
}
