// Package smtp sends records as mails, one a record, in the log call: Python's
// SMTPHandler.
package smtp

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/smtp"
	"net/textproto"
	"strings"
	"sync"
	"time"

	"github.com/girok/girok/config"
	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
)

// Kind is the class SMTPHandler, to be given to girok.Open.
var Kind = sink.DefineDirect("logging.handlers.SMTPHandler", "a mail for each record", Config{}, open)

// Config is the keys of a handler.
type Config struct {
	MailHost    sink.Address     `yaml:"mailhost,required" doc:"the mail server, or [host, port]"`
	From        string           `yaml:"fromaddr,required" doc:"address of the sender"`
	To          addresses        `yaml:"toaddrs,required" doc:"address of the receiver, or a list of them"`
	Subject     string           `yaml:"subject,required" doc:"subject of every mail"`
	Credentials sink.Credentials `yaml:"credentials" doc:"[user, password]"`
	Secure      *config.Node     `yaml:"secure" doc:"[]: STARTTLS before the password is sent; [key file, certificate file]: with a certificate of our own. The server's certificate is checked, which Python does not do. As in Python it means nothing without credentials"`
	Timeout     *config.Number   `yaml:"timeout" doc:"how long a log call may wait, in seconds; 1 if absent (in Python 5)"`
}

// Validate implements config.Validator.
func (c *Config) Validate(at *config.At) {
	c.Credentials.Check(at, "credentials")
	for key, text := range map[string]string{"fromaddr": c.From, "toaddrs": strings.Join(c.To, ","), "subject": c.Subject} {
		if strings.ContainsAny(text, "\r\n") {
			at.Problem(key, "may have no line break")
		}
	}
	if c.Timeout != nil && *c.Timeout <= 0 {
		at.Problem("timeout", "want seconds")
	}
	if n := len(c.Secure.Items()); n > 2 || n == 1 {
		at.Problem("secure", "want [], or a list of a key file and a certificate file")
	}
}

// addresses are one text or several.
type addresses []string

// FromNode implements config.Unmarshaler.
func (a *addresses) FromNode(n *config.Node, ps *config.Problems) {
	if n.Kind() == config.Scalar {
		*a = make(addresses, 1)
		config.DecodeValue(n, ps, &(*a)[0])
		return
	}
	config.DecodeValue(n, ps, (*[]string)(a))
}

// DescribeType implements config.Describer.
func (addresses) DescribeType() string { return "a text, or a list of texts" }

// server is the server's name and its address.
func (c Config) server() (host, address string) {
	host, address = c.MailHost.Host, c.MailHost.HostPort()
	if host == "" {
		host, address = c.MailHost.Text, net.JoinHostPort(c.MailHost.Text, "25")
	}
	return host, address
}

// Place implements sink.DirectConfig.
func (c Config) Place() string {
	_, address := c.server()
	return strings.Join(c.To, ", ") + " by " + address
}

// Handler sends mails. It is safe for concurrent use.
type Handler struct {
	config Config
	env    sink.DirectEnv
	roots  *x509.CertPool // nil: the system's

	mu     sync.Mutex // one mail at a time
	pause  sink.Pause
	conn   net.Conn     // that was kept
	client *smtp.Client // on it; nil: none
}

func open(env sink.DirectEnv, c Config) sink.Writer {
	return &Handler{config: c, env: env, pause: sink.Pause{Patience: env.Patience}}
}

// Handle sends one mail.
func (h *Handler) Handle(v *record.View) error {
	m := h.mail(v)
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.pause.Do(func(deadline time.Time) error {
		if t := h.config.Timeout; t != nil {
			deadline = time.Now().Add(time.Duration(float64(*t) * float64(time.Second)))
		}
		return h.send(m, deadline)
	})
}

func (h *Handler) send(m []byte, deadline time.Time) error {
	if h.client != nil {
		_ = h.conn.SetDeadline(deadline)
		err := deliver(h.client, h.config.From, h.config.To, m)
		if answer, partly := (*textproto.Error)(nil), (*sink.Partly)(nil); err == nil || errors.As(err, &partly) {
			return err
		} else if h.hangUp(); errors.As(err, &answer) && answer.Code != closing {
			return refusal(err)
		}
		// The server has ended what was kept. Whether it took the mail before nobody knows.
	}
	if err := h.dial(deadline); err != nil {
		return err
	}
	err := deliver(h.client, h.config.From, h.config.To, m)
	if err != nil || !h.env.Keep {
		h.hangUp() // the mail is with the server, or not
	}
	return refusal(err)
}

// closing is what a server says that ends the connection.
const closing = 421

// dial opens a connection and logs in.
func (h *Handler) dial(deadline time.Time) error {
	host, address := h.config.server()
	d := net.Dialer{Deadline: deadline}
	conn, err := d.Dial("tcp", address)
	if err != nil {
		return err
	}
	_ = conn.SetDeadline(deadline) // fails only for a closed one, and then the next step tells
	c, err := smtp.NewClient(conn, host)
	if err != nil {
		conn.Close()
		return err
	}
	if h.config.Credentials.Given() {
		if err := h.login(c, host); err != nil {
			conn.Close()
			return refusal(err)
		}
	}
	h.conn, h.client = conn, c
	return nil
}

// hangUp ends the connection.
func (h *Handler) hangUp() {
	if h.client != nil {
		_ = h.client.Quit()
		_ = h.conn.Close()
		h.client, h.conn = nil, nil
	}
}

// Close ends a connection that was kept.
func (h *Handler) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.client != nil {
		_ = h.conn.SetDeadline(time.Now().Add(sink.Patience))
		h.hangUp()
	}
	return nil
}

// refusal says whose fault it is that the server does not take a mail: one that is too
// long is; what else it refuses for good lies with the configuration.
func refusal(err error) error {
	answer := (*textproto.Error)(nil)
	switch partly := (*sink.Partly)(nil); {
	case errors.As(err, &partly) || !errors.As(err, &answer) || answer.Code < 500:
		return err
	case answer.Code == 552 || answer.Code == 554:
		return &sink.Reject{Err: err}
	}
	return &sink.Refused{Err: err}
}

// deliver hands the mail over.
func deliver(c *smtp.Client, from string, to []string, m []byte) error {
	if err := c.Mail(from); err != nil {
		return err
	}
	var refused []error
	for _, a := range to {
		if err := c.Rcpt(a); err != nil {
			refused = append(refused, fmt.Errorf("%s: %w", a, err))
		}
	}
	if len(refused) == len(to) {
		return errors.Join(refused...)
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write(m); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	if len(refused) > 0 {
		return &sink.Partly{Err: errors.Join(refused...)}
	}
	return nil
}

// login proves who we are, after STARTTLS if that is wanted.
func (h *Handler) login(c *smtp.Client, host string) error {
	name, password, err := h.config.Credentials.Reveal()
	if err != nil {
		return err
	}
	if s := h.config.Secure; !s.IsZero() {
		t := &tls.Config{ServerName: host, RootCAs: h.roots}
		if files := s.Items(); len(files) == 2 {
			pair, err := tls.LoadX509KeyPair(files[1].Raw(), files[0].Raw())
			if err != nil {
				return err
			}
			t.Certificates = []tls.Certificate{pair}
		}
		if err := c.StartTLS(t); err != nil {
			return fmt.Errorf("STARTTLS: %w", err)
		}
	}
	ok, methods := c.Extension("AUTH")
	if !ok {
		return errors.New("the mail server takes no credentials; leave them out")
	}
	for _, m := range []struct {
		name string
		auth smtp.Auth
	}{
		{"CRAM-MD5", smtp.CRAMMD5Auth(name, password)}, {"PLAIN", plain{name, password}}, {"LOGIN", login{name, password}},
	} {
		if containsWord(methods, m.name) {
			return c.Auth(m.auth)
		}
	}
	return fmt.Errorf("the mail server knows only ways to log in that girok does not: %s", methods)
}

func containsWord(words, word string) bool {
	for w := range strings.FieldsSeq(words) {
		if strings.EqualFold(w, word) {
			return true
		}
	}
	return false
}

// plain is AUTH PLAIN. As in Python the password goes as it is where secure does
// not say otherwise.
type plain struct{ name, password string }

func (p plain) Start(*smtp.ServerInfo) (string, []byte, error) {
	return "PLAIN", []byte("\x00" + p.name + "\x00" + p.password), nil
}

func (plain) Next(_ []byte, more bool) ([]byte, error) {
	if more {
		return nil, errors.New("the mail server asks for more than a name and a password")
	}
	return nil, nil
}

// login is AUTH LOGIN: the server asks for the name, then for the password.
type login struct{ name, password string }

func (login) Start(*smtp.ServerInfo) (string, []byte, error) { return "LOGIN", nil, nil }

func (l login) Next(asked []byte, more bool) ([]byte, error) {
	switch question := strings.ToLower(string(asked)); {
	case !more:
		return nil, nil
	case strings.HasPrefix(question, "pass"):
		return []byte(l.password), nil
	}
	return []byte(l.name), nil
}
