package record

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"log/slog"
	"testing"
)

func one(mask uint64, message string, attrs ...slog.Attr) []byte {
	e := NewEncoder(nil)
	defer e.Release()
	e.Begin(&Header{Mask: mask, Logger: "l", Message: message})
	for _, a := range attrs {
		e.Attr(a)
	}
	return bytes.Clone(e.Finish())
}

// Each record of a request reads as if it lay alone, with what is shared behind
// its own attributes.
func TestRequest(t *testing.T) {
	e := NewEncoder(nil)
	e.Begin(&Header{})
	e.Attr(slog.String("host", "h1"))
	var enc RequestEncoder
	enc.Begin("req-7", "offset 12", e.Attrs())
	e.Release()
	for i := range 3 {
		if !enc.Add(one(1<<i, fmt.Sprint("m", i), slog.Int("i", i))) {
			t.Fatal("no room")
		}
	}
	p := enc.Finish()
	if got := binary.LittleEndian.Uint64(p); got != 7 || !IsRequest(p) || enc.Len() != 3 {
		t.Errorf("mask %d, %d records", got, enc.Len())
	}
	var r Request
	if err := r.Parse(p); err != nil || string(r.ID) != "req-7" || string(r.Offset) != "offset 12" || r.Count != 3 {
		t.Fatalf("%v, %+v", err, r)
	}
	for i := range 3 {
		got, ok := r.Next(nil)
		var v View
		if !ok || v.Parse(got) != nil {
			t.Fatal("record ", i, " can't be read")
		}
		attrs := v.Attrs()
		if text := attrs.AppendJSON(nil); string(text) != fmt.Sprintf(`{"i":%d,"host":"h1"}`, i) || v.Mask != 1<<i || string(v.Message) != fmt.Sprint("m", i) {
			t.Errorf("record %d: mask %d, %s, %s", i, v.Mask, v.Message, text)
		}
	}
	if _, ok := r.Next(nil); ok {
		t.Error("a fourth record")
	}
	var masks []uint64
	Masks(p, func(m uint64) { masks = append(masks, m) })
	Masks(one(9, "alone"), func(m uint64) { masks = append(masks, m) })
	if fmt.Sprint(masks) != "[1 2 4 9]" {
		t.Errorf("masks %v", masks)
	}
}

func TestRequestIsFull(t *testing.T) {
	var enc RequestEncoder
	enc.Begin("", "", nil)
	big := one(1, string(make([]byte, 100_000)))
	n := 0
	for enc.Add(big) {
		n++
	}
	if len(enc.Finish()) > MaxPayload || n != MaxPayload/(len(big)+4) || enc.Len() != n {
		t.Errorf("%d bytes, %d records, %d taken", len(enc.Finish()), enc.Len(), n)
	}
}

// FuzzRequest: whatever the bytes are, reading them ends without a panic, gives
// no more records than it says, and nothing but what stands in them.
func FuzzRequest(f *testing.F) {
	var enc RequestEncoder
	enc.Begin("id", "at", []byte{1, 2, 3})
	enc.Add(one(1, "a"))
	enc.Add(one(2, "b", slog.Int("n", 1)))
	f.Add(bytes.Clone(enc.Finish()))
	f.Add(bytes.Clone(enc.Finish()[:30]))
	f.Fuzz(func(t *testing.T, p []byte) {
		n := 0
		Masks(p, func(uint64) { n++ })
		var r Request
		if r.Parse(p) != nil {
			return
		}
		total, shared, got := 0, len(r.shared), 0
		for {
			rec, ok := r.Next(nil)
			if !ok {
				break
			}
			got++
			total += len(rec) - shared + 4
		}
		if got > r.Count || total > len(p) || n > r.Count {
			t.Errorf("%d of %d records, %d bytes of %d", got, r.Count, total, len(p))
		}
	})
}
