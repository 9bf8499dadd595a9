// Package http sends records to a web server, one request a record, in the log
// call: Python's HTTPHandler, byte for byte. It speaks HTTP itself, for net/http
// would write other header lines.
package http

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/girok/girok/config"
	"github.com/girok/girok/format"
	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
)

// Kind is the class HTTPHandler, to be given to girok.Open.
var Kind = sink.DefineDirect("logging.handlers.HTTPHandler", "a request to a web server for each record, with its fields as a form", Config{Method: "GET"}, open)

// Config is the keys of a handler.
type Config struct {
	Host        string           `yaml:"host,required" doc:"the server, as logs.example.com or logs.example.com:8080"`
	URL         string           `yaml:"url,required" doc:"the path there, as /log"`
	Method      string           `yaml:"method" doc:"GET or POST"`
	Secure      config.Truth     `yaml:"secure" doc:"true: HTTPS"`
	Credentials sink.Credentials `yaml:"credentials" doc:"[user, password] for Basic authentication"`
	Context     *config.Node     `yaml:"context" doc:"null: a context of Python's ssl can't be had; the system's certificates count"`
}

// Validate implements config.Validator.
func (c *Config) Validate(at *config.At) {
	if m := strings.ToUpper(c.Method); m != "GET" && m != "POST" {
		at.Problem("method", "method must be GET or POST")
	}
	if !c.Context.IsZero() {
		at.Problem("context", "a context of Python's ssl can't be had here; the system's certificates count")
	}
	if strings.ContainsFunc(c.URL, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		at.Problem("url", "has characters that no URL may have")
	}
	if strings.ContainsFunc(c.Host, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '/' }) {
		at.Problem("host", "want a host, as logs.example.com or logs.example.com:8080")
	}
	c.Credentials.Check(at, "credentials")
}

// Place implements sink.DirectConfig.
func (c Config) Place() string {
	path, _, _ := strings.Cut(c.URL, "?") // a query may hold a token
	if c.Secure {
		return "https://" + c.Host + path
	}
	return "http://" + c.Host + path
}

// Handler sends requests. It is safe for concurrent use.
type Handler struct {
	config  Config
	fields  *format.LogRecord
	mu      sync.Mutex // one request at a time
	pause   sink.Pause
	tls     *tls.Config
	address string
	keep    bool
	conn    net.Conn // that was kept; nil: none
	reader  *bufio.Reader
}

func open(env sink.DirectEnv, c Config) sink.Writer {
	h := &Handler{config: c, fields: format.NewLogRecord(env.Location, env.Started).Of(env.PID), address: c.Host, pause: sink.Pause{Patience: env.Patience}, keep: env.Keep}
	host, _, err := net.SplitHostPort(c.Host)
	if err != nil {
		host = strings.Trim(c.Host, "[]")
		port := "80"
		if c.Secure {
			port = "443"
		}
		h.address = net.JoinHostPort(host, port)
	}
	h.tls = &tls.Config{ServerName: host}
	return h
}

// Handle sends one request and waits for the answer. Python takes any answer for a
// good one; here one from 400 on is an error.
func (h *Handler) Handle(v *record.View) error {
	request, err := h.request(v)
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.pause.Do(func(deadline time.Time) error { return h.send(request, deadline) })
}

// request is what goes over the wire.
func (h *Handler) request(v *record.View) ([]byte, error) {
	form := h.form(v)
	method, path := strings.ToUpper(h.config.Method), h.config.URL
	if method == "GET" {
		sep := "?"
		if strings.Contains(path, "?") {
			sep = "&"
		}
		path += sep + string(form)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\nAccept-Encoding: identity\r\n", method, path, h.config.Host)
	if method == "POST" {
		fmt.Fprintf(&b, "Content-type: application/x-www-form-urlencoded\r\nContent-length: %d\r\n", len(form))
	}
	if h.config.Credentials.Given() {
		name, password, err := h.config.Credentials.Reveal()
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&b, "Authorization: Basic %s\r\n", base64.StdEncoding.EncodeToString([]byte(name+":"+password)))
	}
	b.WriteString("\r\n")
	if method == "POST" {
		b.Write(form)
	}
	return b.Bytes(), nil
}

// form is the record's fields, in Python's order.
func (h *Handler) form(v *record.View) []byte {
	var b []byte
	h.fields.Each(v, func(name []byte, _ *record.Value, str []byte) {
		if len(b) > 0 {
			b = append(b, '&')
		}
		b = append(b, url.QueryEscape(string(name))...)
		b = append(b, '=')
		b = append(b, url.QueryEscape(string(str))...)
	})
	return b
}

// send sends a request, and once more where the server had closed a connection that
// was kept.
func (h *Handler) send(request []byte, deadline time.Time) error {
	if h.conn != nil {
		_ = h.conn.SetDeadline(deadline)
		if answered, err := h.exchange(request); answered {
			return err
		}
		_ = h.drop()
	}
	if err := h.dial(deadline); err != nil {
		return err
	}
	answered, err := h.exchange(request)
	if !answered || !h.keep {
		_ = h.drop()
	}
	return err
}

func (h *Handler) dial(deadline time.Time) (err error) {
	d := net.Dialer{Deadline: deadline}
	if h.config.Secure {
		h.conn, err = tls.DialWithDialer(&d, "tcp", h.address, h.tls)
	} else {
		h.conn, err = d.Dial("tcp", h.address)
	}
	if err != nil {
		h.conn = nil
		return err
	}
	_ = h.conn.SetDeadline(deadline) // fails only for a closed one, and then the write tells
	h.reader = bufio.NewReader(h.conn)
	return nil
}

func (h *Handler) drop() error {
	if h.conn == nil {
		return nil
	}
	c := h.conn
	h.conn, h.reader = nil, nil
	return c.Close()
}

// Close closes a connection that was kept.
func (h *Handler) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.drop()
}

// exchange writes a request and reads the answer. answered is false if none came.
func (h *Handler) exchange(request []byte) (answered bool, err error) {
	if _, err := h.conn.Write(request); err != nil {
		return false, err
	}
	answered, err = answer(h.reader)
	if answered && h.keep && !skipBody(h.reader) {
		_ = h.drop() // the next answer could not be found
	}
	return answered, err
}

// answer reads the status line.
func answer(r *bufio.Reader) (answered bool, err error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return false, fmt.Errorf("the server did not answer: %w", err)
	}
	proto, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
	code, _, _ := strings.Cut(rest, " ")
	status, err := strconv.Atoi(code)
	switch {
	case err != nil || !strings.HasPrefix(proto, "HTTP/"):
		return false, fmt.Errorf("the server does not speak HTTP: %.80q", line)
	case status >= 400:
		return true, refusal(status, fmt.Errorf("the server did not take the record: %s", rest))
	}
	return true, nil
}

// skipBody reads the rest of an answer; false if its end can't be told, or if the
// server closes the connection behind it.
func skipBody(r *bufio.Reader) bool {
	const most = 64 << 10
	length := int64(-1)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return false
		}
		name, value, _ := strings.Cut(strings.ToLower(strings.TrimSpace(line)), ":")
		switch value = strings.TrimSpace(value); {
		case name == "" && (length < 0 || length > most):
			return false
		case name == "":
			_, err := io.CopyN(io.Discard, r, length)
			return err == nil
		case name == "connection" && value == "close", name == "transfer-encoding":
			return false
		case name == "content-length":
			if length, err = strconv.ParseInt(value, 10, 64); err != nil || length < 0 {
				return false
			}
		}
	}
}

// refusal says whose fault it is that the server does not take a record.
func refusal(status int, err error) error {
	switch status {
	case 400, 413, 414, 422, 431: // what it can't read, or is too long
		return &sink.Reject{Err: err}
	case 401, 403, 404, 405, 410:
		return &sink.Refused{Err: err}
	}
	return err
}
