package record

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"math"
	"strings"
	"testing"
)

// FuzzJSONLikeSlog makes attributes out of bytes: their JSON must be that of slog's
// JSONHandler byte for byte, and readable by encoding/json, whichever of the ways to
// write a member they take, and behind whatever stands in the buffer.
func FuzzJSONLikeSlog(f *testing.F) {
	f.Add([]byte("\x00\x03abc\x02xy\x05\x01a\x06\x02b\x03"))
	f.Add([]byte("\x00\x09long key!\x10a text, 16 bytes\x00\x01k\x11a \"text\", 17 byte"))
	f.Add([]byte("\x07\x01g\x00\x01a\x01b\x03\x01f\x9a\x99\x99\x99\x99\x99\xb9\x3f\x08\x04\x01t\x01"))
	f.Add([]byte("\x03\x01f\xdb\xb6\x6d\xdb\xb6\x6d\xc3\x3f\x01\x01n\xff\xff\xff\xff\xff\xff\xff\x7f"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := source{data}
		attrs := r.attrs(0)
		if !jsonCan(attrs) {
			return
		}
		v := parse(t, encode(t, nil, nil, attrs...))
		if v.Flags&Cut != 0 {
			return
		}
		var want bytes.Buffer
		h := slog.NewJSONHandler(&want, &slog.HandlerOptions{ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if l, ok := a.Value.Any().(slog.Level); len(groups) == 0 && (ok && l == 77 || a.Value.String() == "the message") {
				return slog.Attr{}
			}
			return a
		}})
		rec := slog.Record{Level: 77, Message: "the message"}
		rec.AddAttrs(attrs...)
		if err := h.Handle(t.Context(), rec); err != nil {
			t.Fatal(err)
		}
		got := string(v.Attrs().AppendJSON(bytes.Repeat([]byte("x"), len(data)%40)))
		if got = strings.TrimLeft(got, "x"); got != strings.TrimSuffix(want.String(), "\n") {
			t.Fatalf("got  %s\nslog %s", got, want.String())
		}
		if !json.Valid([]byte(got)) {
			t.Errorf("not JSON: %s", got)
		}
	})
}

// jsonCan reports whether slog writes them all: it has no NaN, no infinities, and no
// years of five digits; and it leaves out what this test takes for level and message.
func jsonCan(attrs []slog.Attr) bool {
	for _, a := range attrs {
		switch v := a.Value; v.Kind() {
		case slog.KindFloat64:
			if f := v.Float64(); math.IsNaN(f) || math.IsInf(f, 0) {
				return false
			}
		case slog.KindTime:
			if y := v.Time().Year(); y < 0 || y > 9999 {
				return false
			}
		case slog.KindString:
			if v.String() == "the message" {
				return false
			}
		case slog.KindGroup:
			if !jsonCan(v.Group()) {
				return false
			}
		}
	}
	return true
}
