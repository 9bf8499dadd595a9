package syslog

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/girok/girok/config"
	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
)

func message(tb testing.TB, level record.Level, text string) *record.View {
	tb.Helper()
	e := record.NewEncoder(nil)
	defer e.Release()
	e.Begin(&record.Header{Level: level, Time: time.Unix(1709646306, 0), Logger: "shop", Message: text})
	e.Finish()
	return e.View().Clone()
}

// handler makes a handler of keys in YAML.
func handler(tb testing.TB, keys string) *Handler {
	tb.Helper()
	c, err := decode(keys)
	if err != nil {
		tb.Fatal(err)
	}
	h := Kind.Open(sink.DirectEnv{Append: func(dst []byte, v *record.View) []byte { return append(dst, v.Message...) }, Location: time.UTC}, c).(*Handler)
	tb.Cleanup(func() { h.Close() })
	return h
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

func TestDatagrams(t *testing.T) {
	tests := []struct {
		keys  string
		level record.Level
		want  string
	}{
		{"", record.Debug, "<15>hi\x00"},
		{"", record.Info, "<14>hi\x00"},
		{"", record.Warning, "<12>hi\x00"},
		{"", record.Error, "<11>hi\x00"},
		{"", record.Critical, "<10>hi\x00"},
		{"", 25, "<12>hi\x00"},
		{", facility: kern", record.Info, "<6>hi\x00"},
		{", facility: 30", record.Info, "<246>hi\x00"},
		{", facility: ext://logging.handlers.SysLogHandler.LOG_LOCAL0", record.Info, "<134>hi\x00"},
		{", .: {ident: 'app: ', append_nul: no}", record.Info, "<14>app: hi"},
	}
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	port := conn.LocalAddr().(*net.UDPAddr).Port
	for _, tt := range tests {
		t.Run(tt.keys+" "+tt.level.String(), func(t *testing.T) {
			h := handler(t, fmt.Sprintf("address: [127.0.0.1, %d]%s", port, tt.keys))
			if err := h.Handle(message(t, tt.level, "hi")); err != nil {
				t.Fatal(err)
			}
			b := make([]byte, 100)
			_ = conn.SetReadDeadline(time.Now().Add(time.Minute))
			n, _, err := conn.ReadFrom(b)
			if err != nil || string(b[:n]) != tt.want {
				t.Errorf("got %q, %v, want %q", b[:n], err, tt.want)
			}
		})
	}
}

// TestStream: a daemon that is started anew gets the next message.
func TestStream(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		t.Run(network, func(t *testing.T) {
			at := "127.0.0.1:0"
			if network == "unix" {
				at = filepath.Join(t.TempDir(), "s")
			}
			l, err := net.Listen(network, at)
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			keys := "address: " + at
			if network == "tcp" {
				host, port, _ := net.SplitHostPort(l.Addr().String())
				keys = fmt.Sprintf("address: [%s, %s], socktype: ext://socket.SOCK_STREAM", host, port)
			}
			h := handler(t, keys)
			for _, text := range []string{"one", "two"} {
				if err := h.Handle(message(t, record.Info, text)); err != nil {
					t.Fatal(err)
				}
				c, err := l.Accept()
				if err != nil {
					t.Fatal(err)
				}
				b := make([]byte, len(text)+5)
				if _, err := io.ReadFull(c, b); err != nil || string(b) != "<14>"+text+"\x00" {
					t.Errorf("got %q, %v", b, err)
				}
				c.Close()
			}
		})
	}
}

// TestNobody: an absent daemon is an error of the record, not of the start.
func TestNobody(t *testing.T) {
	h := handler(t, "address: "+filepath.Join(t.TempDir(), "nothing.sock"))
	if err := h.Handle(message(t, record.Info, "x")); err == nil {
		t.Error("no error")
	}
	if err := h.Close(); err != nil {
		t.Error(err)
	}
	if err := h.Handle(message(t, record.Info, "x")); err == nil {
		t.Error("no error after the end")
	}
}

func TestMistakes(t *testing.T) {
	for _, tt := range []struct{ keys, want string }{
		{"address: [127.0.0.1]", "x:1:11: address: want a text, or a list of a host and a port"},
		{"facility: Local0", `no facility "Local0"; did you mean "local0"?`},
		{"facility: -1", "facility: want a facility"},
		{"socktype: 5", "socktype: want ext://socket.SOCK_STREAM"},
	} {
		if _, err := decode(tt.keys); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v", tt.keys, err)
		}
	}
}

// TestRsyslog: a real daemon understands each kind of socket.
func TestRsyslog(t *testing.T) {
	program, err := exec.LookPath("/usr/sbin/rsyslogd")
	if err != nil {
		t.Skip("THERE IS NO rsyslogd: not tested against a real daemon; apt-get install rsyslog")
	}
	dir := t.TempDir()
	port := freePort(t)
	conf := fmt.Sprintf(`
global(workDirectory="%[1]s")
module(load="imuxsock" SysSock.Use="off")
input(type="imuxsock" Socket="%[1]s/log")
module(load="imudp")
input(type="imudp" address="127.0.0.1" port="%[2]d")
module(load="imtcp")
input(type="imtcp" address="127.0.0.1" port="%[2]d" AddtlFrameDelimiter="0")
template(name="t" type="string" string="%%syslogfacility-text%%.%%syslogseverity-text%% %%msg%%\n")
action(type="omfile" file="%[1]s/out" template="t")
`, dir, port)
	if err := os.WriteFile(filepath.Join(dir, "conf"), []byte(conf), 0o644); err != nil {
		t.Fatal(err)
	}
	said, err := os.Create(filepath.Join(dir, "said"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "-n", "-f", filepath.Join(dir, "conf"), "-i", filepath.Join(dir, "pid"))
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	end := time.Now().Add(20 * time.Second)
	const rfc5424 = "1 2024-03-05T13:45:06Z shop.example girok 77 - - " // as a formatter may write it
	for _, tt := range []struct{ name, keys, ident string }{
		{"unix", "address: " + filepath.Join(dir, "log"), "girok: "},
		{"udp", fmt.Sprintf("address: [127.0.0.1, %d]", port), "girok: "},
		{"tcp", fmt.Sprintf("address: [127.0.0.1, %d], socktype: ext://socket.SOCK_STREAM", port), "girok: "},
		{"udp by RFC 5424", fmt.Sprintf("address: [127.0.0.1, %d]", port), rfc5424},
		{"tcp by RFC 5424", fmt.Sprintf("address: [127.0.0.1, %d], socktype: ext://socket.SOCK_STREAM", port), rfc5424},
	} {
		h := handler(t, tt.keys+", facility: local3, .: {ident: '"+tt.ident+"'}")
		want := "local3.err placed by " + tt.name + " é\n"
		for found := false; !found; { // until the daemon listens, records are lost
			err := h.Handle(message(t, record.Error, "placed by "+tt.name+" é"))
			out, _ := os.ReadFile(filepath.Join(dir, "out"))
			out = bytes.ReplaceAll(out, []byte("  "), []byte(" ")) // RFC 3164 leaves the space after the tag with the message
			if found = strings.Contains(string(out), want); !found && time.Now().After(end) {
				daemon, _ := os.ReadFile(said.Name())
				t.Fatalf("%s: %v; the daemon wrote %q and said %s", tt.name, err, out, daemon)
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
}

func freePort(tb testing.TB) int {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
