package record

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"testing"
	"time"
	"unsafe"
)

// FuzzView: whatever the bytes are,
//   - Parse and a walk of everything end without a panic;
//   - every slice they give lies within the payload and can't be grown into what
//     stands behind it;
//   - the JSON of it is valid unless a value that says it is JSON is not;
//   - all ways to walk (JSON, text, Lookup) agree that it can be walked.
func FuzzView(f *testing.F) {
	f.Add([]byte{})
	f.Add(encode(f, nil, nil))
	f.Add(encode(f, nil, nil, slog.Int("n", 1), slog.String("s", "x"), slog.Group("g", slog.Bool("b", true), slog.Any("j", []int{1}))))
	f.Add(encode(f, nil, nil, slog.Time("t", time.Unix(1, 2)), slog.Duration("d", 3), slog.Float64("f", 1.5), slog.Any("e", errors.New("x"))))
	e := NewEncoder(nil)
	e.Begin(&Header{Message: "m", Logger: "l"})
	e.Caller(EncodeCaller(Caller{"a.go", "f", 3}))
	e.Source("s")
	e.ID("01HQZZZZZZZZZZZZZZZZZZZZZZ")
	f.Add(append([]byte(nil), e.Finish()...))
	nested := encode(f, nil, nil)
	for range 3000 { // deeper than encoding/json reads
		nested = append(nested, 0, byte(Group), 0xff, 0xff, 0, 0)
	}
	f.Add(nested)
	f.Fuzz(func(t *testing.T, p []byte) {
		var v View
		if v.Parse(p) != nil {
			return
		}
		w := walker{t: t, p: p, jsonOK: true}
		w.within(v.Logger, v.Message, v.Source, v.ID, v.EncodedCaller())
		w.walk(v.Attrs())
		a := v.Attrs()
		text := a.AppendJSON(nil)
		if w.jsonOK && !json.Valid(text) {
			t.Errorf("not JSON: %s", text)
		}
		v.Caller()
		v.Time()
		if id := v.AppendID(nil, 1, Place{1, 1}); len(id) != IDLength {
			t.Errorf("id %q", id)
		}
		var val Value
		v.Lookup([]string{"g", "b"}, &val)
	})
}

type walker struct {
	t      *testing.T
	p      []byte
	jsonOK bool
}

func (w *walker) within(slices ...[]byte) {
	lo := uintptr(unsafe.Pointer(unsafe.SliceData(w.p)))
	for _, s := range slices {
		at := uintptr(unsafe.Pointer(unsafe.SliceData(s)))
		if len(s) > 0 && (at < lo || at+uintptr(len(s)) > lo+uintptr(len(w.p))) {
			w.t.Fatalf("a slice lies outside of the payload")
		}
	}
}

func (w *walker) walk(a Attrs) {
	var key []byte
	var val Value
	for a.Next(&key, &val) {
		w.within(key)
		switch val.Type {
		case String, Bytes, Err, JSON, Group:
			w.within(val.Raw)
		}
		if val.Type == JSON && !json.Valid(val.Raw) {
			w.jsonOK = false
		}
		val.AppendText(nil)
		if val.Type == Time {
			_ = val.Time().String()
		}
		if val.Type == Group {
			w.walk(val.Attrs())
		}
	}
}

// FuzzEncode makes attributes out of bytes, encodes them and looks whether they
// come back, and whether the record says so when something was cut.
func FuzzEncode(f *testing.F) {
	f.Add([]byte("\x00\x03abc\x02xy\x05\x01a\x06\x02b\x03"))
	f.Add([]byte("\x07\x01g\x00\x01a\x01b\x08\x07\x01h\x08"))
	f.Add(bytes.Repeat([]byte("\x07\x01g"), 200))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := source{data}
		attrs := r.attrs(0)
		p := encode(t, nil, nil, attrs...)
		v := parse(t, p)
		if v.Flags&Cut != 0 {
			return
		}
		compare(t, attrs, v.Attrs())
		var b *Bound
		half := len(attrs) / 2
		if q := encode(t, nil, b.With(attrs[:half], nil), attrs[half:]...); !bytes.Equal(p, q) {
			t.Errorf("bound attributes are encoded differently:\n%q\n%q", p, q)
		}
	})
}

// source reads attributes out of the fuzzer's bytes.
type source struct{ b []byte }

func (s *source) byte() byte {
	if len(s.b) == 0 {
		return 8 // end of a group
	}
	c := s.b[0]
	s.b = s.b[1:]
	return c
}

func (s *source) text() string {
	n := min(int(s.byte()), len(s.b))
	t := string(s.b[:n])
	s.b = s.b[n:]
	return t
}

func (s *source) uint64() uint64 {
	var b [8]byte
	s.b = s.b[copy(b[:], s.b):]
	return binary.LittleEndian.Uint64(b[:])
}

func (s *source) attrs(depth int) (list []slog.Attr) {
	for len(s.b) > 0 && len(list) < 100 {
		kind := s.byte() % 10
		if kind == 8 {
			return list
		}
		key := s.text()
		switch kind {
		case 0:
			list = append(list, slog.String(key, s.text()))
		case 1:
			list = append(list, slog.Int64(key, int64(s.uint64())))
		case 2:
			list = append(list, slog.Uint64(key, s.uint64()))
		case 3:
			list = append(list, slog.Float64(key, math.Float64frombits(s.uint64())))
		case 4:
			list = append(list, slog.Bool(key, s.byte()&1 != 0))
		case 5:
			list = append(list, slog.Duration(key, time.Duration(s.uint64())))
		case 6:
			list = append(list, slog.Time(key, time.Unix(int64(s.uint64()>>8), int64(s.uint64()%1e9)).In(time.FixedZone("", int(s.byte())*300))))
		case 7:
			if depth < 100 {
				list = append(list, slog.Attr{Key: key, Value: slog.GroupValue(s.attrs(depth + 1)...)})
			}
		case 9:
			list = append(list, slog.Any(key, []byte(s.text())))
		}
	}
	return list
}

// compare looks whether a walk gives the attributes, empty groups left out and
// groups without a key inlined.
func compare(t *testing.T, want []slog.Attr, got Attrs) {
	flat := flatten(want)
	var key []byte
	var v Value
	for _, w := range flat {
		if !got.Next(&key, &v) {
			t.Fatalf("%v is missing", w)
		}
		if string(key) != w.Key {
			t.Fatalf("key %q, want %q", key, w.Key)
		}
		if w.Value.Kind() == slog.KindGroup {
			compare(t, w.Value.Group(), v.Attrs())
		} else if !same(w.Value, &v) {
			t.Fatalf("%v came back as %+v", w, v)
		}
	}
	if got.Next(&key, &v) || got.Malformed() {
		t.Fatalf("%q is one too many", key)
	}
}

func flatten(attrs []slog.Attr) (list []slog.Attr) {
	for _, a := range attrs {
		if a.Value.Kind() != slog.KindGroup {
			list = append(list, a)
			continue
		}
		in := flatten(a.Value.Group())
		if a.Key == "" {
			list = append(list, in...)
		} else if len(in) > 0 {
			list = append(list, slog.Attr{Key: a.Key, Value: slog.GroupValue(in...)})
		}
	}
	return list
}

func same(w slog.Value, v *Value) bool {
	switch w.Kind() {
	case slog.KindString:
		return v.Type == String && w.String() == string(v.Raw)
	case slog.KindInt64:
		return v.Type == Int && w.Int64() == v.Int()
	case slog.KindUint64:
		return v.Type == Uint && w.Uint64() == v.Num
	case slog.KindFloat64:
		return v.Type == Float && math.Float64bits(w.Float64()) == v.Num
	case slog.KindBool:
		return v.Type == True && w.Bool() || v.Type == False && !w.Bool()
	case slog.KindDuration:
		return v.Type == Duration && int64(w.Duration()) == v.Int()
	case slog.KindTime:
		_, offset := w.Time().Zone()
		return v.Type == Time && w.Time().Equal(v.Time()) && offset == int(v.Offset)
	}
	b, ok := w.Any().([]byte)
	return ok && v.Type == Bytes && bytes.Equal(b, v.Raw)
}
