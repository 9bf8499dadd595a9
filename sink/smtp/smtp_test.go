package smtp

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"github.com/girok/girok/config"
	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
)

// server is a mail server for one mail.
type server struct {
	l    net.Listener
	tls  *tls.Config // nil: no STARTTLS
	auth string      // ways to log in that it offers
	full string      // an address that it refuses

	steps []string // what the client said, until the mail
	mail  string   // as it came over the wire
	safe  bool     // the mail came under TLS
	done  chan error
}

func serve(t *testing.T, s *server) *server {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	s.l, s.done = l, make(chan error, 1)
	go func() {
		c, err := l.Accept()
		if err == nil {
			_, _ = io.WriteString(c, "220 hello\r\n")
			err = s.talk(c)
			c.Close()
		}
		s.done <- err
	}()
	return s
}

func (s *server) talk(c net.Conn) error {
	r := bufio.NewReader(c)
	say := func(text string) { _, _ = io.WriteString(c, text+"\r\n") }
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return err
		}
		line = strings.TrimSpace(line)
		verb, _, _ := strings.Cut(line, " ")
		if verb != "EHLO" {
			s.steps = append(s.steps, line)
		}
		switch verb {
		case "EHLO":
			say("250-hello")
			if s.tls != nil && !s.safe {
				say("250-STARTTLS")
			}
			if s.auth != "" {
				say("250-AUTH " + s.auth)
			}
			say("250 8BITMIME")
		case "STARTTLS":
			say("220 go on")
			s.safe = true
			return s.talk(tls.Server(c, s.tls))
		case "AUTH":
			for _, question := range map[string][]string{"LOGIN": {"Username:", "Password:"}, "CRAM-MD5": {"<1@x>"}}[strings.Fields(line)[1]] {
				say("334 " + base64.StdEncoding.EncodeToString([]byte(question)))
				text, err := r.ReadString('\n')
				if err != nil {
					return err
				}
				answer, _ := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
				s.steps = append(s.steps, string(answer))
			}
			say("235 welcome")
		case "RCPT":
			if s.full != "" && strings.Contains(line, s.full) {
				say("552 full")
			} else {
				say("250 fine")
			}
		case "DATA":
			say("354 go on")
			for !strings.HasSuffix(s.mail, "\r\n.\r\n") {
				text, err := r.ReadString('\n')
				if err != nil {
					return err
				}
				s.mail += text
			}
			say("250 taken")
		case "QUIT":
			say("221 bye")
			return nil
		default:
			say("250 fine")
		}
	}
}

func decode(keys string) (sink.DirectConfig, error) {
	doc, err := config.Parse("x", []byte("{"+keys+"}"))
	if err != nil {
		return nil, err
	}
	var ps config.Problems
	c := Kind.Decode(doc.Root, &ps, &struct{}{})
	return c, ps.Err()
}

func handler(tb testing.TB, s *server, keys string) *Handler {
	tb.Helper()
	host, port, _ := net.SplitHostPort(s.l.Addr().String())
	c, err := decode(fmt.Sprintf("mailhost: [%s, %s], fromaddr: shop@example.com, %s", host, port, keys))
	if err != nil {
		tb.Fatal(err)
	}
	return Kind.Open(sink.DirectEnv{Append: func(dst []byte, v *record.View) []byte { return append(dst, v.Message...) }, Location: time.UTC}, c).(*Handler)
}

func message(tb testing.TB, text string) *record.View {
	tb.Helper()
	e := record.NewEncoder(nil)
	defer e.Release()
	e.Begin(&record.Header{Level: record.Error, Time: time.Unix(1709646310, 0), Message: text})
	e.Finish()
	return e.View().Clone()
}

// TestMails: what comes over the wire is what CPython sends.
func TestMails(t *testing.T) {
	tests := []struct{ name, keys, text, want string }{
		{"plain", "toaddrs: [ops@example.com, dev@example.com], subject: trouble", "ERROR x",
			"To: ops@example.com,dev@example.com|Subject: trouble|Date: Tue, 05 Mar 2024 13:45:10 +0000|" +
				"Content-Type: text/plain; charset=\"utf-8\"|Content-Transfer-Encoding: 7bit|MIME-Version: 1.0||ERROR x|.|"},
		{"unicode", "toaddrs: ops@example.com, subject: 상점 문제", "주문",
			"To: ops@example.com|Subject: =?utf-8?b?7IOB7KCQIOusuOygnA==?=|Date: Tue, 05 Mar 2024 13:45:10 +0000|" +
				"Content-Type: text/plain; charset=\"utf-8\"|Content-Transfer-Encoding: 8bit|MIME-Version: 1.0||주문|.|"},
		{"dots and breaks", "toaddrs: ops@example.com, subject: s", ".\r\n..x\ry\n",
			"To: ops@example.com|Subject: s|Date: Tue, 05 Mar 2024 13:45:10 +0000|" +
				"Content-Type: text/plain; charset=\"utf-8\"|Content-Transfer-Encoding: 7bit|MIME-Version: 1.0||..|...x|y|.|"},
		{"long", "toaddrs: ops@example.com, subject: s", strings.Repeat("a", 77) + "=bc ",
			"To: ops@example.com|Subject: s|Date: Tue, 05 Mar 2024 13:45:10 +0000|" +
				"Content-Type: text/plain; charset=\"utf-8\"|Content-Transfer-Encoding: quoted-printable|MIME-Version: 1.0||" +
				strings.Repeat("a", 77) + "=|=3Dbc=20|.|"},
		{"long and far", "toaddrs: ops@example.com, subject: s", strings.Repeat("가", 40),
			"To: ops@example.com|Subject: s|Date: Tue, 05 Mar 2024 13:45:10 +0000|" +
				"Content-Type: text/plain; charset=\"utf-8\"|Content-Transfer-Encoding: base64|MIME-Version: 1.0||" +
				strings.Repeat("6rCA", 19) + "|" + strings.Repeat("6rCA", 19) + "|6rCA6rCACg==|.|"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := serve(t, &server{})
			if err := handler(t, s, tt.keys).Handle(message(t, tt.text)); err != nil {
				t.Fatal(err)
			}
			if err := <-s.done; err != nil {
				t.Fatal(err)
			}
			want := "From: shop@example.com|" + tt.want
			if got := strings.ReplaceAll(s.mail, "\r\n", "|"); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

// TestCredentials: each way to log in, with TLS before the password.
func TestCredentials(t *testing.T) {
	certified := httptest.NewUnstartedServer(nil) // for its certificate
	certified.StartTLS()
	defer certified.Close()
	roots := x509.NewCertPool()
	roots.AddCert(certified.Certificate())
	for _, tt := range []struct{ auth, want string }{
		{"PLAIN LOGIN", "STARTTLS|AUTH PLAIN AGtpbQBzZWNyZXQ=|MAIL"},
		{"LOGIN", "STARTTLS|AUTH LOGIN|kim|secret|MAIL"},
		{"cram-md5 PLAIN", "STARTTLS|AUTH CRAM-MD5|kim 4453c3d0fd168792d565c728b4df6739|MAIL"},
	} {
		t.Run(tt.auth, func(t *testing.T) {
			s := serve(t, &server{tls: &tls.Config{Certificates: certified.TLS.Certificates}, auth: tt.auth})
			h := handler(t, s, "toaddrs: a@b, subject: s, credentials: [kim, secret], secure: []")
			h.roots = roots
			if err := h.Handle(message(t, "x")); err != nil {
				t.Fatal(err)
			}
			if err := <-s.done; err != nil || !s.safe {
				t.Errorf("got %v, under TLS: %v", err, s.safe)
			}
			if got := strings.Join(s.steps, "|"); !strings.HasPrefix(got, tt.want) {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
	s := serve(t, &server{tls: &tls.Config{Certificates: certified.TLS.Certificates}, auth: "PLAIN"})
	err := handler(t, s, "toaddrs: a@b, subject: s, credentials: [kim, secret], secure: []").Handle(message(t, "x"))
	if err == nil || !strings.Contains(err.Error(), "STARTTLS") {
		t.Errorf("a certificate of nobody: %v", err)
	}
}

// TestOneIsFull: the others get the mail, and the error tells who did not.
func TestOneIsFull(t *testing.T) {
	s := serve(t, &server{full: "ops@"})
	err := handler(t, s, "toaddrs: [ops@b, dev@b], subject: s").Handle(message(t, "x"))
	if err == nil || !strings.Contains(err.Error(), "ops@b: 552") {
		t.Errorf("got %v", err)
	}
	if err := <-s.done; err != nil || !strings.Contains(s.mail, "x\r\n") {
		t.Errorf("got %v, %q", err, s.mail)
	}
}

func TestMistakes(t *testing.T) {
	for _, tt := range []struct{ keys, want string }{
		{"fromaddr: a, toaddrs: b, subject: s", "mailhost: is missing"},
		{"mailhost: h, fromaddr: a, toaddrs: b, subject: \"s\\nBcc: c\"", "subject: may have no line break"},
		{"mailhost: h, fromaddr: a, toaddrs: b, subject: s, credentials: x", "credentials"},
		{"mailhost: h, fromaddr: a, toaddrs: b, subject: s, secure: [x]", "secure: want []"},
		{"mailhost: h, fromaddr: a, toaddrs: b, subject: s, timeout: 0", "timeout: want seconds"},
	} {
		if _, err := decode(tt.keys); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v", tt.keys, err)
		}
	}
}

// Whose fault it is that a mail is not taken, for who sends it again.
func TestRefusal(t *testing.T) {
	tests := []struct {
		err  error
		want string
	}{
		{nil, "<nil>"},
		{&textproto.Error{Code: 450, Msg: "busy"}, "*textproto.Error"},
		{&textproto.Error{Code: 552, Msg: "too long"}, "*sink.Reject"},
		{fmt.Errorf("kim@x: %w", &textproto.Error{Code: 550, Msg: "no such user"}), "*sink.Refused"},
		{&textproto.Error{Code: 535, Msg: "wrong password"}, "*sink.Refused"},
		{&sink.Partly{Err: &textproto.Error{Code: 550, Msg: "one of two"}}, "*sink.Partly"},
	}
	for _, tt := range tests {
		if got := fmt.Sprintf("%T", refusal(tt.err)); got != tt.want {
			t.Errorf("%v: got %s, want %s", tt.err, got, tt.want)
		}
	}
}
