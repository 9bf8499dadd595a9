package smtp

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
)

// A session that may be kept takes several mails; when the server ends it, the next
// mail has another one, and each arrives once.
func TestKept(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var conns, mails atomic.Int64
	const each = 3 // mails to a session
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			conns.Add(1)
			go func() {
				defer c.Close()
				say := func(text string) { _, _ = io.WriteString(c, text+"\r\n") }
				say("220 hello")
				r := bufio.NewReader(c)
				for taken := 0; ; {
					line, err := r.ReadString('\n')
					switch {
					case err != nil:
						return
					case strings.HasPrefix(line, "MAIL") && taken == each:
						say("421 enough")
						return
					case strings.HasPrefix(line, "DATA"):
						say("354 go on")
						for line != ".\r\n" && err == nil {
							line, err = r.ReadString('\n')
						}
						taken++
						mails.Add(1)
						say("250 taken")
					case strings.HasPrefix(line, "QUIT"):
						say("221 bye")
						return
					default:
						say("250 fine")
					}
				}
			}()
		}
	}()
	host, port, _ := net.SplitHostPort(l.Addr().String())
	c, err := decode(fmt.Sprintf("mailhost: [%s, %s], fromaddr: a@example.com, toaddrs: b@example.com, subject: x", host, port))
	if err != nil {
		t.Fatal(err)
	}
	h := Kind.Open(sink.DirectEnv{Append: func(dst []byte, v *record.View) []byte { return append(dst, v.Message...) }, Location: time.UTC, Keep: true, Patience: time.Minute}, c).(*Handler)
	for range 3 * each {
		if err := h.Handle(message(t, "m")); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.Close(); err != nil {
		t.Error(err)
	}
	if mails.Load() != 3*each || conns.Load() != 3 {
		t.Errorf("%d mails in %d sessions", mails.Load(), conns.Load())
	}
}
