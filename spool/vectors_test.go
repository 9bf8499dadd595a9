package spool

import (
	"encoding/hex"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/girok/girok/record"
)

var update = flag.Bool("update", false, "write the vectors in testdata anew: only when the format gets a new version")

// golden compares bytes with those in testdata, which docs/spool-format.md shows.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	var text strings.Builder
	for i := 0; i < len(got); i += 16 {
		fmt.Fprintf(&text, "%s\n", hex.EncodeToString(got[i:min(i+16, len(got))]))
	}
	if *update {
		must(t, os.MkdirAll("testdata", 0o755), os.WriteFile(path, []byte(text.String()), 0o644))
	}
	want, err := os.ReadFile(path)
	must(t, err)
	if string(want) != text.String() {
		t.Errorf("%s: the format changed:\n%swant\n%s", name, text.String(), want)
	}
	doc, err := os.ReadFile("../docs/spool-format.md")
	must(t, err)
	if !strings.Contains(string(doc), strings.TrimSpace(string(want))) {
		t.Errorf("docs/spool-format.md does not show %s", name)
	}
}

func TestVectors(t *testing.T) {
	f := newFile(1, 0, 8192)
	f.h.salt = 0x0123456789abcdef
	f.h.encode(f.b)
	copy(f.b, segmentMagic[:])
	golden(t, "header.hex", f.b[:headerUsed])

	e := record.NewEncoder(nil)
	defer e.Release()
	e.Begin(&record.Header{Mask: 5, Level: record.Warning, Time: time.Unix(1_700_000_000, 123_456_789), Logger: "shop.cart", Message: "added"})
	e.Caller(record.EncodeCaller(record.Caller{File: "cart.go", Function: "shop.Add", Line: 300}))
	e.Attr(slog.Int("n", -2))
	e.Attr(slog.Group("user", slog.String("name", "Ann"), slog.Bool("vip", true)))
	e.Attr(slog.Float64("price", 9.5))
	payload := e.Finish()
	golden(t, "payload.hex", payload)

	at := f.n
	f.add(payload)
	golden(t, "frame.hex", f.b[at:f.n])
	at = f.n
	f.pad()
	golden(t, "pad.hex", f.b[at:at+8])

	r := deadRun(t, f).Reader(0)
	defer r.Close()
	if got := readAll(t, r); len(got.refs) != 1 || got.refs[0].Position != 0x1000 || string(got.refs[0].Payload) != string(payload) || r.FramesEnd() != 8192 {
		t.Errorf("the vectors do not read back: %+v", got)
	}
}

func TestMix(t *testing.T) {
	if got := mix(0x0123456789abcdef, 0x1000); got != 0x842f3fac {
		t.Errorf("mix is %#x", got)
	}
	c := Counters{id: 0x1122334455667788}
	if got := c.encode(bellOffset, bellQuiet); got != 0xbc58000000000001 {
		t.Errorf("a quiet bell is %#x", got)
	}
}

// What Open writes has the documented header, and its frames the documented words.
func TestWrittenBytes(t *testing.T) {
	s, _ := openSpool(t, Options{Dir: t.TempDir()})
	w := s.Writer()
	p := payload(1, 2, 3, 77)
	pos := mustAppend(t, w, p)
	b, err := os.ReadFile(filepath.Join(w.Run().Path(), segmentName(1)))
	must(t, err)
	h, err := decodeHeader(b)
	must(t, err)
	if h.seq != 1 || h.base != 0 || h.size != firstSegment || h.run != w.Run().ID || h.salt == 0 || h.checksum != crc32c || int(h.size) != len(b) || pos != headerSize {
		t.Errorf("%+v", h)
	}
	if age := time.Since(time.Unix(0, h.created)); age < 0 || age > time.Minute {
		t.Errorf("created %v ago", age)
	}
	f := newFile(1, 0, firstSegment)
	f.h.salt = h.salt
	f.add(p)
	if got, want := b[headerSize:headerSize+200], f.b[headerSize:headerSize+200]; string(got) != string(want) {
		t.Errorf("written % x\nwant    % x", got, want)
	}
}
