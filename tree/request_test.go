package tree

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/girok/girok/record"
)

// The records of a request are one frame, each with the mask of its own logger;
// nobody gets any before the frame is there.
func TestRequest(t *testing.T) {
	f, direct := &frames{full: true}, &lines{}
	spooled := func(bit int) *Handler {
		return &Handler{Name: "s", Accepts: Takes(record.Log), Bit: bit}
	}
	tr := New(Config{Appender: f, Loggers: []LoggerConfig{
		{Name: "a", Level: record.Info, Handlers: []*Handler{spooled(0)}},
		{Name: "b", Level: record.Info, Handlers: []*Handler{spooled(1), {Name: "d", Accepts: Takes(record.Log), Direct: direct}}},
	}})
	r := NewRequest("id", "")
	for _, name := range []string{"a", "b", "a"} {
		r.Add(tr.Node(name), &Entry{Level: record.Info, Message: "to " + name})
		r.Add(tr.Node(name), &Entry{Level: record.Debug, Message: "to nobody"})
	}
	if _, err := r.Commit(); err != errFull || len(direct.got) != 0 {
		t.Errorf("a full spool: %v, direct %v", err, direct.got)
	}
	f.full = false
	if spooled, err := r.Commit(); !spooled || err != nil || len(f.got) != 1 {
		t.Fatalf("%v, %v, %d frames", spooled, err, len(f.got))
	}
	if strings.Join(direct.got, ",") != "to b" {
		t.Errorf("direct: %v", direct.got)
	}
	var masks []uint64
	record.Masks(f.got[0], func(m uint64) { masks = append(masks, m) })
	if len(masks) != 3 || masks[0] != 1 || masks[1] != 2 || masks[2] != 1 {
		t.Errorf("masks %v", masks)
	}
}

// A request that is longer than a frame becomes several.
func TestLongRequest(t *testing.T) {
	f := &frames{}
	tr := New(Config{Appender: f, Loggers: []LoggerConfig{{Level: record.Info, Handlers: []*Handler{{Name: "s", Accepts: Takes(record.Log)}}}}})
	r := NewRequest("id", "")
	for range 20 {
		r.Add(tr.Node("x"), &Entry{Level: record.Info, Message: strings.Repeat("m", 100_000)})
	}
	huge := &Entry{Level: record.Info, Message: strings.Repeat("m", record.MaxString), Source: "a source"}
	for i := range 10 { // longer than a frame with anything beside it
		huge.Attrs = append(huge.Attrs, slog.String(strings.Repeat("k", i), strings.Repeat("v", 60_000)))
	}
	r.Add(tr.Node("x"), huge)
	r.Add(tr.Node("x"), &Entry{Level: record.Info, Message: "last"})
	if _, err := r.Commit(); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, p := range f.got {
		if len(p) > record.MaxPayload {
			t.Errorf("a frame of %d bytes", len(p))
		}
		record.Masks(p, func(uint64) { n++ })
	}
	if n != 22 || len(f.got) < 4 {
		t.Errorf("%d records in %d frames", n, len(f.got))
	}
}
