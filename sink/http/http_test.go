package http

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/girok/girok/config"
	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
)

func placed(tb testing.TB) *record.View {
	tb.Helper()
	e := record.NewEncoder(nil)
	defer e.Release()
	e.Begin(&record.Header{Level: record.Info, Time: time.Unix(1709646306, 123456000), Logger: "shop", Message: "주문 & lost"})
	e.Finish()
	return e.View().Clone()
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

func handler(tb testing.TB, keys string) *Handler {
	tb.Helper()
	c, err := decode(keys)
	if err != nil {
		tb.Fatal(err)
	}
	return Kind.Open(sink.DirectEnv{Location: time.UTC}, c).(*Handler)
}

// form is what is sent, without what differs between processes.
const form = "name=shop&msg=%EC%A3%BC%EB%AC%B8+%26+lost&args=%28%29&levelname=INFO&levelno=20&pathname=%28unknown+file%29&"

// TestBytes: what goes over the wire is what CPython sends.
func TestBytes(t *testing.T) {
	tests := []struct{ keys, head string }{
		{"url: /log", "GET /log?" + form + "* HTTP/1.1\r\nHost: @\r\nAccept-Encoding: identity\r\n\r\n"},
		{"url: /log?a=b", "GET /log?a=b&" + form + "* HTTP/1.1\r\nHost: @\r\nAccept-Encoding: identity\r\n\r\n"},
		{"url: /log, method: post", "POST /log HTTP/1.1\r\nHost: @\r\nAccept-Encoding: identity\r\nContent-type: application/x-www-form-urlencoded\r\nContent-length: #\r\n\r\n" + form + "*"},
		{"url: /log, method: POST, credentials: [kim, 's:cret']", "POST /log HTTP/1.1\r\nHost: @\r\nAccept-Encoding: identity\r\nContent-type: application/x-www-form-urlencoded\r\nContent-length: #\r\nAuthorization: Basic a2ltOnM6Y3JldA==\r\n\r\n" + form + "*"},
	}
	for _, tt := range tests {
		t.Run(tt.keys, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			got := make(chan string, 1)
			go func() {
				c, err := l.Accept()
				if err != nil {
					got <- err.Error()
					return
				}
				defer c.Close()
				b := make([]byte, 4096)
				n := 0
				for !strings.Contains(string(b[:n]), "process=") && err == nil {
					var m int
					m, err = c.Read(b[n:])
					n += m
				}
				got <- string(b[:n])
				_, _ = io.WriteString(c, "HTTP/1.0 200 OK\r\n\r\n")
			}()
			host := l.Addr().String()
			if err := handler(t, "host: '"+host+"', "+tt.keys).Handle(placed(t)); err != nil {
				t.Fatal(err)
			}
			want := strings.NewReplacer("@", host).Replace(tt.head)
			if text := <-got; !like(text, want) {
				t.Errorf("got  %q\nwant %q", text, want)
			}
		})
	}
}

// like compares a text with one in which * stands for the rest of the form, and #
// for a number that is its length.
func like(text, want string) bool {
	before, after, _ := strings.Cut(want, "*")
	if i := strings.Index(before, "#"); i >= 0 {
		_, body, _ := strings.Cut(text, "\r\n\r\n")
		before = strings.Replace(before, "#", fmt.Sprint(len(body)), 1)
	}
	return strings.HasPrefix(text, before) && strings.HasSuffix(text, after)
}

// TestServer: Go's server understands it, with TLS too, and its refusal is told.
func TestServer(t *testing.T) {
	status := http.StatusOK
	var got url.Values
	var user, password string
	serve := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm() // what it can't parse is missing below
		got = r.Form
		user, password, _ = r.BasicAuth()
		w.WriteHeader(status)
	})
	for _, secure := range []bool{false, true} {
		s := httptest.NewUnstartedServer(serve)
		if secure {
			s.StartTLS()
		} else {
			s.Start()
		}
		defer s.Close()
		h := handler(t, fmt.Sprintf("host: '%s', url: /log, method: POST, secure: %v, credentials: [kim, secret]", s.Listener.Addr(), secure))
		if secure {
			if err := h.Handle(placed(t)); err == nil {
				t.Error("a certificate of nobody was taken")
			}
			pool := x509.NewCertPool()
			pool.AddCert(s.Certificate())
			h.tls = &tls.Config{RootCAs: pool, ServerName: "example.com"}
			h.pause = sink.Pause{} // on a busy machine the refusal took long
		}
		status = http.StatusOK
		if err := h.Handle(placed(t)); err != nil {
			t.Fatal(err)
		}
		if got.Get("msg") != "주문 & lost" || got.Get("args") != "()" || user != "kim" || password != "secret" {
			t.Errorf("the server got %v from %s, %s", got, user, password)
		}
		status = http.StatusServiceUnavailable
		if err := h.Handle(placed(t)); err == nil || !strings.Contains(err.Error(), "503") {
			t.Errorf("a refusal: %v", err)
		}
	}
}

// TestSilence: a server that does not answer costs one record a second, and the
// next ones nothing.
func TestSilence(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	h := handler(t, "url: /, host: '"+l.Addr().String()+"'")
	if err := h.Handle(placed(t)); err == nil || !strings.Contains(err.Error(), "did not answer") {
		t.Errorf("the first: %v", err)
	}
	if err := h.Handle(placed(t)); err == nil || !strings.Contains(err.Error(), "is tried again in") {
		t.Errorf("the second: %v", err)
	}
}

func TestMistakes(t *testing.T) {
	for _, tt := range []struct{ keys, want string }{
		{"host: h, url: /, method: PUT", "method: method must be GET or POST"},
		{"host: h, url: /, credentials: [a]", "credentials: want a list of a name and a password"},
		{"host: h, url: /, secure: true, context: x", "context: a context of Python's ssl"},
		{"host: h, url: \"/\\r\\nX: y\"", "url: has characters"},
		{"url: /", "host: is missing"},
	} {
		if _, err := decode(tt.keys); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v", tt.keys, err)
		}
	}
}

// TestPlaceHidesTokens: what check shows may have no secret in it.
func TestPlaceHidesTokens(t *testing.T) {
	c, err := decode("host: h, url: '/log?token=s3cret', secure: 1, credentials: [a, b]")
	if err != nil || c.Place() != "https://h/log" {
		t.Errorf("got %v, %v", c, err)
	}
}
