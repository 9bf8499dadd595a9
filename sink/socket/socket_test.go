package socket

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/girok/girok/config"
	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
)

func full(tb testing.TB) *record.View {
	tb.Helper()
	e := record.NewEncoder(nil)
	defer e.Release()
	e.Begin(&record.Header{Level: record.Error, Time: time.Unix(1709646306, 123456000), Logger: "shop", Message: "주문 placed"})
	e.Caller(record.EncodeCaller(record.Caller{File: "shop/orders.go", Function: "shop.Place", Line: 70000}))
	for _, a := range []slog.Attr{
		slog.Int("small", 200), slog.Int("middle", 60000), slog.Int("negative", -5), slog.Int64("large", 1<<40), slog.Uint64("huge", 1<<64-1),
		slog.Float64("f", 1.5), slog.Bool("yes", true), slog.Bool("no", false), slog.Any("none", nil), slog.Any("bytes", []byte("\x00\xff")),
		slog.Group("g", slog.Int("a", 1), slog.Group("h", slog.String("b", "c"))), slog.Any("list", []any{1, "a b", nil, map[string]any{"k": 1e300}}),
		slog.Duration("d", time.Second), slog.Time("t", time.Unix(0, 0).UTC()), slog.String("bad", "a\xffb"), slog.String("name", "clash"),
	} {
		e.Attr(a)
	}
	e.Finish()
	return e.View().Clone()
}

const wanted = `{'name': 'shop', 'msg': '주문 placed', 'args': None, 'levelname': 'ERROR', 'levelno': 40, 'pathname': 'shop/orders.go', 'filename': 'orders.go', ` +
	`'module': 'orders', 'exc_info': None, 'exc_text': None, 'stack_info': None, 'lineno': 70000, 'funcName': 'Place', 'created': 1709646306.123456, 'msecs': 123.0, ` +
	`'thread': 0, 'threadName': 'MainThread', 'processName': 'MainProcess', ` +
	`'small': 200, 'middle': 60000, 'negative': -5, 'large': 1099511627776, 'huge': 18446744073709551615, 'f': 1.5, 'yes': True, 'no': False, 'none': None, ` +
	`'bytes': b'\x00\xff', 'g': {'a': 1, 'h': {'b': 'c'}}, 'list': [1, 'a b', None, {'k': 1e+300}], 'd': '1s', 't': '1970-01-01 00:00:00+00:00', 'bad': 'a` + "\ufffd" + `b', 'extra.name': 'clash'}`

// receiver is the receiver of Python's own documentation: it unpickles each
// record, makes a LogRecord of it and prints its attributes.
const receiver = `
import logging, pickle, socketserver, struct, sys
def show(data):
    r = logging.makeLogRecord(pickle.loads(data))
    d = {k: v for k, v in r.__dict__.items() if k in pickle.loads(data) and k not in ('relativeCreated', 'process')}
    print(d, flush=True)
class Stream(socketserver.StreamRequestHandler):
    def handle(self):
        while True:
            head = self.rfile.read(4)
            if len(head) < 4: return
            show(self.rfile.read(struct.unpack('>L', head)[0]))
class Datagram(socketserver.DatagramRequestHandler):
    def handle(self):
        show(self.packet[4:])
kind, cls = {'tcp': (Stream, socketserver.TCPServer), 'udp': (Datagram, socketserver.UDPServer)}[sys.argv[1]]
with cls(('127.0.0.1', 0), kind) as s:
    print(s.server_address[1], flush=True)
    s.serve_forever()
`

func handler(tb testing.TB, kind sink.Direct, keys string) sink.Writer {
	tb.Helper()
	doc, err := config.Parse("x", []byte("{"+keys+"}"))
	if err != nil {
		tb.Fatal(err)
	}
	var ps config.Problems
	c := kind.Decode(doc.Root, &ps, &struct{}{})
	if err := ps.Err(); err != nil {
		tb.Fatal(err)
	}
	h := kind.Open(sink.DirectEnv{Location: time.UTC}, c)
	tb.Cleanup(func() { h.(io.Closer).Close() })
	return h
}

// TestPython: CPython itself reads what is sent.
func TestPython(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("THERE IS NO python3: not tested against a real receiver")
	}
	for network, kind := range map[string]sink.Direct{"tcp": Kind, "udp": Datagram} {
		t.Run(network, func(t *testing.T) {
			cmd := exec.Command(python, "-X", "utf8", "-c", receiver, network)
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			said := &strings.Builder{}
			cmd.Stderr = said
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			defer func() {
				_ = cmd.Process.Kill()
				_ = cmd.Wait()
			}()
			r := bufio.NewReader(out)
			port, err := r.ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			h := handler(t, kind, "host: 127.0.0.1, port: "+strings.TrimSpace(port))
			for range 2 {
				if err := h.Handle(full(t)); err != nil {
					t.Fatal(err)
				}
				got, err := r.ReadString('\n')
				if err != nil || strings.TrimSpace(got) != wanted {
					t.Fatalf("%v %s\ngot  %s\nwant %s", err, said, got, wanted)
				}
			}
		})
	}
}

// TestReceiverGone: a receiver that is started anew gets the next record.
func TestReceiverGone(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := handler(t, Kind, fmt.Sprintf("host: 127.0.0.1, port: %d", l.Addr().(*net.TCPAddr).Port))
	for range 3 {
		if err := h.Handle(full(t)); err != nil {
			t.Fatal(err)
		}
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 5)
		if _, err := io.ReadFull(c, b); err != nil || b[4] != '}' {
			t.Errorf("got %q, %v", b, err)
		}
		_, _ = io.CopyN(io.Discard, c, int64(b[2])<<8+int64(b[3])-1)
		c.Close()
	}
	l.Close()
	if err := h.Handle(full(t)); err == nil {
		t.Error("no error without a receiver")
	}
}

// A port that is left out is forgotten, and no path of a Unix socket meant.
func TestPort(t *testing.T) {
	for text, want := range map[string]string{
		"{host: h}":              "port: is missing; want a port, or null for a Unix socket",
		"{host: h, port: null}":  "",
		"{host: h, port: 70000}": "port: want a port from 1 to 65,535, or null for a Unix socket",
		"{host: h, port: 9020}":  "",
	} {
		doc, err := config.Parse("c", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		var ps config.Problems
		config.Decode(doc.Root, &ps, &Config{})
		if err := ps.Err(); want == "" && err != nil || want != "" && (err == nil || !strings.HasSuffix(err.Error(), want)) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
