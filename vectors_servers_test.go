package girok

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// receivers are the servers that a case needs, and what came to them.
type receivers struct {
	t     *testing.T
	token map[string]string // of a port in the configuration: the port
	stop  []func()
	talks sync.WaitGroup

	mu  sync.Mutex
	got map[string][]string // by kind: http, syslog, smtp (address and mail in turn), pickle
}

func serveAll(t *testing.T, names []string) *receivers {
	r := &receivers{t: t, token: map[string]string{}, got: map[string][]string{}}
	for _, name := range names {
		switch name {
		case "http":
			r.tcp("@HTTP_PORT@", r.http)
		case "syslog_udp":
			r.udp("@SYSLOG_UDP_PORT@", "udp", "127.0.0.1:0", "syslog")
		case "syslog_tcp":
			r.tcp("@SYSLOG_TCP_PORT@", r.syslog)
		case "syslog_unix":
			r.udp("", "unixgram", "syslog.sock", "syslog")
		case "syslog_unix_datagram", "syslog_unix_stream":
			r.unix(name)
		case "smtp":
			r.tcp("@SMTP_PORT@", r.smtp)
		case "pickle_tcp":
			r.tcp("@TCP_PORT@", r.pickles)
		case "pickle_udp":
			r.udp("@UDP_PORT@", "udp", "127.0.0.1:0", "pickle")
		default:
			t.Fatalf("there is no server %s", name)
		}
	}
	return r
}

func (r *receivers) ports(text []byte) []byte {
	for token, port := range r.token {
		text = bytes.ReplaceAll(text, []byte(token), []byte(port))
	}
	return text
}

func (r *receivers) add(kind, what string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got[kind] = append(r.got[kind], what)
}

func all(c io.Reader) string {
	b, _ := io.ReadAll(c)
	return string(b)
}

// unix takes syslog's messages by a socket with a short path, which is all that a
// socket can have.
func (r *receivers) unix(service string) {
	dir, err := os.MkdirTemp("", "girok")
	if err != nil {
		r.t.Fatal(err)
	}
	path := filepath.Join(dir, "s")
	if service == "syslog_unix_datagram" {
		r.udp("", "unixgram", path, "syslog")
	} else {
		r.listen("unix", path, r.syslog)
	}
	r.token["@SYSLOG_SOCKET@"] = path
	r.stop = append(r.stop, func() { os.RemoveAll(dir) })
}

// tcp gives each connection to talk, one after the other.
func (r *receivers) tcp(token string, talk func(net.Conn)) {
	_, r.token[token], _ = net.SplitHostPort(r.listen("tcp", "127.0.0.1:0", talk).String())
}

func (r *receivers) listen(network, address string, talk func(net.Conn)) net.Addr {
	l, err := net.Listen(network, address)
	if err != nil {
		r.t.Fatal(err)
	}
	r.stop = append(r.stop, func() {
		defer l.Close()
		if c, err := net.Dial(network, l.Addr().String()); err == nil { // it comes after all that still wait to be accepted
			defer c.Close()
			_ = c.(interface{ CloseWrite() error }).CloseWrite()
			_, _ = io.Copy(io.Discard, c)
		}
	})
	r.talks.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_ = c.SetDeadline(time.Now().Add(10 * time.Second))
			talk(c)
			c.Close()
		}
	})
	return l.Addr()
}

// udp takes datagrams until one is empty, which stop sends.
func (r *receivers) udp(token, network, address, kind string) {
	c, err := net.ListenPacket(network, address)
	if err != nil {
		r.t.Fatal(err)
	}
	if network == "udp" {
		_, r.token[token], _ = net.SplitHostPort(c.LocalAddr().String())
	}
	r.stop = append(r.stop, func() {
		end, err := net.Dial(network, c.LocalAddr().String())
		if err == nil {
			_, err = end.Write([]byte{})
		}
		if err != nil {
			c.Close()
		}
	})
	r.talks.Go(func() {
		defer c.Close()
		b := make([]byte, 1<<16)
		for {
			n, _, err := c.ReadFrom(b)
			if err != nil || n == 0 {
				return
			}
			r.add(kind, string(b[:n]))
		}
	})
}

func (r *receivers) syslog(c net.Conn) {
	if text := all(c); text != "" {
		r.add("syslog", text)
	}
}

func (r *receivers) http(c net.Conn) {
	var raw bytes.Buffer
	in := bufio.NewReader(io.TeeReader(c, &raw))
	req, err := http.ReadRequest(in)
	if err != nil {
		return
	}
	_, _ = io.ReadAll(req.Body)
	_, _ = io.WriteString(c, "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n")
	r.add("http", strings.ReplaceAll(raw.String(), ":"+r.token["@HTTP_PORT@"], ":@HTTP_PORT@"))
}

func (r *receivers) smtp(c net.Conn) {
	in := bufio.NewReader(c)
	say := func(text string) { _, _ = io.WriteString(c, text+"\r\n") }
	var from string
	to := []string{}
	address := func(line string) string {
		_, after, _ := strings.Cut(line, "<")
		before, _, _ := strings.Cut(after, ">")
		return before
	}
	for say("220 ready"); ; {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		verb, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch strings.ToUpper(verb) {
		case "EHLO":
			say("250-localhost")
			say("250 8BITMIME")
		case "MAIL":
			from = address(line)
			say("250 ok")
		case "RCPT":
			to = append(to, address(line))
			say("250 ok")
		case "DATA":
			say("354 go on")
			var mail strings.Builder
			for {
				line, err := in.ReadString('\n')
				if err != nil {
					return
				}
				if line == ".\r\n" {
					break
				}
				mail.WriteString(line)
			}
			say("250 ok")
			envelope, _ := json.Marshal(map[string]any{"from": from, "to": to})
			r.add("smtp", string(envelope))
			r.add("smtp", mail.String())
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

// pickles takes what SocketHandler sends: a length of 4 bytes and a pickle.
func (r *receivers) pickles(c net.Conn) {
	for b := []byte(all(c)); len(b) > 4; {
		n := 4 + int(b[0])<<24 + int(b[1])<<16 + int(b[2])<<8 + int(b[3])
		if n > len(b) {
			r.add("pickle", string(b))
			return
		}
		r.add("pickle", string(b[:n]))
		b = b[n:]
	}
}

// collect stops the servers and lays down what came to them under the names of the
// reference.
func (r *receivers) collect(out map[string]string) {
	for _, stop := range r.stop {
		stop()
	}
	r.talks.Wait()
	for i, text := range r.got["http"] {
		out[fmt.Sprintf("http/%03d.txt", i+1)] = text
	}
	for i, text := range r.got["syslog"] {
		out[fmt.Sprintf("syslog/%03d.bin", i+1)] = text
	}
	for i, text := range r.got["smtp"] {
		ext := []string{"json", "eml"}[i%2]
		out[fmt.Sprintf("smtp/%03d.%s", i/2+1, ext)] = text
	}
	for i, text := range r.got["pickle"] {
		out[fmt.Sprintf("pickle/%03d.json", i+1)] = r.unpickled(text)
	}
}

// unpickled is what CPython reads from a pickle, as JSON.
func (r *receivers) unpickled(sent string) string {
	const program = `import sys, pickle, json
b = sys.stdin.buffer.read()
print(json.dumps(pickle.loads(b[4:])))`
	cmd := exec.CommandContext(r.t.Context(), "python3", "-c", program)
	cmd.Stdin = strings.NewReader(sent)
	out, err := cmd.Output()
	if err != nil {
		r.t.Fatalf("python3 can't read the pickle: %v", err)
	}
	return string(out)
}
