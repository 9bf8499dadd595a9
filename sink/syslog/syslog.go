// Package syslog sends records to a syslog daemon, one message a record, in the log
// call: Python's SysLogHandler.
package syslog

import (
	"errors"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/girok/girok/config"
	"github.com/girok/girok/internal/peer"
	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
)

// Kind is the class SysLogHandler, to be given to girok.Open.
var Kind = sink.DefineDirect("logging.handlers.SysLogHandler", "messages to a syslog daemon", Config{
	Address: sink.Address{Host: "localhost", Port: 514}, Facility: 1, Set: attributes{nul: true},
}, open)

// Config is the keys of a handler.
type Config struct {
	Address  sink.Address `yaml:"address" doc:"[host, port], or the path of a Unix socket, as /dev/log"`
	Facility facility     `yaml:"facility" doc:"a number, or a name, as user or local0"`
	SockType sockType     `yaml:"socktype" doc:"ext://socket.SOCK_STREAM: TCP; ext://socket.SOCK_DGRAM: UDP, as if absent. With a Unix socket absent means datagrams first, then a stream"`
	Set      attributes   `yaml:"." doc:"ident: text before each message; append_nul: false: no NUL after it"`
}

// Place implements sink.DirectConfig.
func (c Config) Place() string {
	if c.Address.Text != "" {
		return c.Address.Text
	}
	return c.networks()[0] + " " + c.Address.HostPort()
}

// networks are those to try, as package net calls them.
func (c Config) networks() []string {
	switch {
	case c.Address.Text == "" && c.SockType == stream:
		return []string{"tcp"}
	case c.Address.Text == "":
		return []string{"udp"}
	case c.SockType == stream:
		return []string{"unix"}
	case c.SockType == datagram:
		return []string{"unixgram"}
	}
	return []string{"unixgram", "unix"}
}

// facilities are the names by number.
var facilities = []string{
	"kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp",
	"ntp", "security", "console", "solaris-cron", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
}

// facility is what a message is about.
type facility int

// FromNode implements config.Unmarshaler.
func (f *facility) FromNode(n *config.Node, ps *config.Problems) {
	if n.IsZero() {
		return
	}
	switch v := n.Py(ps).(type) {
	case int:
		if v >= 0 && v < 1<<20 {
			*f = facility(v)
			return
		}
	case string:
		name, constant := strings.CutPrefix(v, "ext://logging.handlers.SysLogHandler.LOG_")
		if constant {
			name = strings.ReplaceAll(strings.ToLower(name), "_", "-")
		}
		if i := slices.Index(facilities, name); i >= 0 {
			*f = facility(i)
			return
		}
		if lower := strings.ToLower(name); slices.Contains(facilities, lower) {
			ps.Add(n.Pos(), n.Path(), "no facility %q; did you mean %q?", v, lower)
			return
		}
		if s := config.Suggest(name, facilities); s != "" {
			ps.Add(n.Pos(), n.Path(), "no facility %q; did you mean %q?", v, s)
			return
		}
	}
	ps.Add(n.Pos(), n.Path(), "want a facility: a number, or one of %s", strings.Join(facilities, ", "))
}

// DescribeType implements config.Describer.
func (facility) DescribeType() string { return "a number or a name" }

// sockType is the type of a socket, by its number on Linux.
type sockType int

const (
	stream   sockType = 1
	datagram sockType = 2
)

// FromNode implements config.Unmarshaler.
func (s *sockType) FromNode(n *config.Node, ps *config.Problems) {
	if n.IsZero() {
		return
	}
	switch v := n.Py(ps); v {
	case 1, "ext://socket.SOCK_STREAM":
		*s = stream
	case 2, "ext://socket.SOCK_DGRAM":
		*s = datagram
	default:
		ps.Add(n.Pos(), n.Path(), "want ext://socket.SOCK_STREAM or ext://socket.SOCK_DGRAM")
	}
}

// DescribeType implements config.Describer.
func (sockType) DescribeType() string { return "ext://socket.SOCK_STREAM or ext://socket.SOCK_DGRAM" }

// attributes are what `.` may set.
type attributes struct {
	ident string
	nul   bool
}

// FromNode implements config.Unmarshaler.
func (a *attributes) FromNode(n *config.Node, ps *config.Problems) {
	k := struct {
		Ident string       `yaml:"ident,raw"`
		Nul   config.Truth `yaml:"append_nul"`
	}{Nul: true}
	config.Decode(n, ps, &k)
	*a = attributes{k.Ident, bool(k.Nul)}
}

// DescribeType implements config.Describer.
func (attributes) DescribeType() string { return "a map with the keys ident and append_nul" }

// Handler sends messages. It is safe for concurrent use.
type Handler struct {
	config Config
	env    sink.DirectEnv

	mu     sync.Mutex
	conn   net.Conn // nil: none is open
	pause  sink.Pause
	buf    []byte
	closed bool
}

func open(env sink.DirectEnv, c Config) sink.Writer {
	return &Handler{config: c, env: env, pause: sink.Pause{Patience: env.Patience}}
}

// Handle sends one message. A connection that was lost is made anew once; with TCP
// what was under way then may be lost without an error, as the protocol has no
// answers.
func (h *Handler) Handle(v *record.View) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return os.ErrClosed
	}
	b := append(h.buf[:0], '<')
	b = strconv.AppendInt(b, int64(h.config.Facility)*8+priority(v.Level), 10)
	b = append(b, '>')
	b = append(b, h.config.Set.ident...)
	b = h.env.Append(b, v)
	if h.config.Set.nul {
		b = append(b, 0)
	}
	if h.buf = b; cap(b) > 64<<10 {
		h.buf = nil
	}
	return h.pause.Do(func(deadline time.Time) error { return h.send(b, deadline) })
}

// send writes a message, and once more where a connection of before was lost.
func (h *Handler) send(b []byte, deadline time.Time) error {
	if h.conn != nil && isStream(h.conn) && !peer.Alive(h.conn) {
		_ = h.shut() // the daemon has closed it already
	}
	had := h.conn != nil
	err := h.try(b, deadline)
	if err != nil && had && time.Now().Before(deadline) {
		err = h.try(b, deadline)
	}
	return err
}

func isStream(c net.Conn) bool {
	n := c.RemoteAddr().Network()
	return n == "tcp" || n == "unix"
}

func (h *Handler) try(b []byte, deadline time.Time) error {
	if h.conn == nil {
		if err := h.dial(deadline); err != nil {
			return err
		}
	}
	_ = h.conn.SetDeadline(deadline) // fails only for a closed one, and then the write tells
	n, err := h.conn.Write(b)
	if err != nil {
		h.conn.Close()
		h.conn = nil
		if n > 0 {
			return errors.Join(errors.New("syslog: a message was cut off"), err)
		}
	}
	return err
}

func (h *Handler) dial(deadline time.Time) (err error) {
	to := h.config.Address.Text
	if to == "" {
		to = h.config.Address.HostPort()
	}
	d := net.Dialer{Deadline: deadline}
	for _, network := range h.config.networks() {
		if h.conn, err = d.Dial(network, to); err == nil {
			return nil
		}
		h.conn = nil
	}
	return err
}

// priority is the priority of a level, by its name as in Python: a level of another
// name is a warning.
func priority(l record.Level) int64 {
	switch l.String() {
	case "DEBUG":
		return 7
	case "INFO":
		return 6
	case "ERROR":
		return 3
	case "CRITICAL":
		return 2
	}
	return 4
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
