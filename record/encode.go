package record

import (
	"encoding/binary"
	"log/slog"
	"math"
	"slices"
	"strconv"
	"sync"
	"time"
	"unicode/utf8"
)

// Encoder makes the payload of one frame. Get one from NewEncoder, call Begin,
// then Caller, Source, ID in this order as needed, then Bound, then Attr for
// each attribute, then Finish; give it back with Release. It is not safe for
// concurrent use.
type Encoder struct {
	buf    []byte
	open   []openGroup
	depth  int
	redact *Redactor
	hide   bool // an open group's name is redacted: so is all that comes into it
	room   int  // where it stops taking attributes
	left   int  // attributes that found no room
	work   int  // attributes of groups that were looked at
	view   View
}

// openGroup is a group whose length is not known yet.
type openGroup struct {
	key int // where its key begins
	len int // where its length stands
}

var encoders = sync.Pool{New: func() any {
	return &Encoder{buf: make([]byte, 0, 1024), open: make([]openGroup, 0, 8)}
}}

// maxPooled is the largest buffer that is kept for the next record, in bytes.
const maxPooled = 64 << 10

// NewEncoder takes an encoder from a pool. redact may be nil.
func NewEncoder(redact *Redactor) *Encoder {
	e := encoders.Get().(*Encoder)
	e.redact = redact
	return e
}

// Release gives the encoder back. What Finish returned is not to be used after.
func (e *Encoder) Release() {
	if cap(e.buf) > maxPooled {
		return
	}
	e.redact = nil
	encoders.Put(e)
}

// Header is what every record has.
type Header struct {
	Mask    uint64
	Kind    Kind
	Level   Level
	Time    time.Time // zero: the record has none; the present is stored and the flag NoTime set
	Logger  string    // at most 65,535 bytes; the rest is cut
	Message string    // at most MaxString bytes
}

// Begin starts a record.
func (e *Encoder) Begin(h *Header) {
	e.open, e.depth, e.left, e.work, e.hide, e.room = e.open[:0], 0, 0, 0, false, room
	var flags Flags
	t := h.Time
	if t.IsZero() {
		t, flags = time.Now(), NoTime
	}
	logger, msg := h.Logger, h.Message
	if len(logger) > math.MaxUint16 {
		logger, flags = logger[:math.MaxUint16], flags|Cut
	}
	b := slices.Grow(e.buf[:0], HeaderSize+len(logger)+min(len(msg), MaxString+64))
	b = b[:HeaderSize]
	binary.LittleEndian.PutUint64(b, h.Mask)
	b[offKind], b[offEncode] = byte(h.Kind), EncodingGirok
	binary.LittleEndian.PutUint32(b[offLevel:], uint32(h.Level))
	sec, nsec := unix(t)
	binary.LittleEndian.PutUint64(b[offSeconds:], uint64(sec))
	binary.LittleEndian.PutUint32(b[offNanos:], nsec)
	b = append(b, logger...)
	start := len(b)
	if len(msg) > MaxString {
		b, flags = appendCut(b, msg), flags|Cut
	} else {
		b = append(b, msg...)
	}
	binary.LittleEndian.PutUint32(b[offMessage:], uint32(len(b)-start))
	binary.LittleEndian.PutUint16(b[offLogger:], uint16(len(logger)))
	binary.LittleEndian.PutUint16(b[offFlags:], uint16(flags))
	b[34], b[35] = 0, 0
	e.buf = b
}

func (e *Encoder) flag(f Flags) {
	e.buf[offFlags] |= byte(f)
	e.buf[offFlags+1] |= byte(f >> 8)
}

// Caller adds where the call stands, as EncodeCaller made it.
func (e *Encoder) Caller(encoded []byte) {
	if len(encoded) == 0 || len(encoded) > maxCaller {
		return
	}
	e.flag(HasCaller)
	e.buf = append(e.buf, encoded...)
}

// Source adds the name of the source that the record came in by.
func (e *Encoder) Source(name string) {
	e.flag(HasSource)
	e.buf = appendText(e.buf, name[:min(len(name), maxKey)])
}

// ID adds the id that the record got first, 26 characters.
func (e *Encoder) ID(id string) {
	if len(id) != IDLength {
		return
	}
	e.flag(HasID)
	e.buf = append(e.buf, id...)
}

// Bound adds what was bound by With and WithGroup; groups that it leaves open
// take the attributes that follow.
func (e *Encoder) Bound(b *Bound) {
	if b == nil {
		return
	}
	base := len(e.buf)
	e.buf = append(e.buf, b.bytes...)
	for _, g := range b.open {
		e.open = append(e.open, openGroup{g.key + base, g.len + base})
	}
	e.depth = len(b.open)
	e.left = b.left
	if b.cut {
		e.flag(Cut)
	}
	if e.redact != nil {
		for _, name := range b.names {
			e.hide = e.hide || e.redact.Match(name)
		}
	}
}

// Attrs is what lies behind the fixed parts of an encoder that has only had Begin
// without logger and message, and attributes: to be shared by a request's
// records. It is good until Release or Begin.
func (e *Encoder) Attrs() []byte { return e.Finish()[HeaderSize:] }

// Finish closes what is open and returns the payload, which belongs to the
// encoder and is good until Release or Begin.
func (e *Encoder) Finish() []byte {
	e.close()
	if e.left > 0 {
		e.flag(Cut)
		e.Text("!cut", strconv.Itoa(e.left)+" more attributes: the record is too long")
	}
	return e.buf
}

// View parses what Finish returned; it is good as long as that is. Nil for a
// payload that no view can read, which an Encoder does not make.
func (e *Encoder) View() *View {
	if e.view.Parse(e.buf) != nil {
		return nil
	}
	return &e.view
}

// close ends all open groups, innermost first; one without attributes goes.
func (e *Encoder) close() {
	for i := len(e.open) - 1; i >= 0; i-- {
		e.endGroup(e.open[i])
	}
	e.open = e.open[:0]
}

func (e *Encoder) endGroup(g openGroup) {
	n := len(e.buf) - g.len - 4
	if n == 0 {
		e.buf = e.buf[:g.key]
		return
	}
	binary.LittleEndian.PutUint32(e.buf[g.len:], uint32(n))
}

func (e *Encoder) beginGroup(key string) openGroup {
	g := openGroup{key: len(e.buf)}
	e.key(key, Group)
	g.len = len(e.buf)
	e.buf = append(e.buf, 0, 0, 0, 0)
	return g
}

// key adds an attribute's key and the type of the value that follows.
func (e *Encoder) key(key string, t Type) {
	if len(key) > maxKey {
		key = key[:maxKey]
		e.flag(Cut)
	}
	b := e.buf
	if len(key) < 0x80 {
		b = append(b, byte(len(key)))
	} else {
		b = binary.AppendUvarint(b, uint64(len(key)))
	}
	b = append(b, key...)
	e.buf = append(b, byte(t))
}

const (
	// maxKey is the longest key, in bytes.
	maxKey = 1024
	// maxCaller is the longest encoded caller: a line, a file, a function.
	maxCaller = 2*(maxKey+binary.MaxVarintLen16) + binary.MaxVarintLen64
)

// Attr adds one attribute as slog gives it: values are resolved, groups with an
// empty key are inlined, empty groups and the zero Attr are left out. Whatever
// a method of the value does, Attr does not panic.
func (e *Encoder) Attr(a slog.Attr) { e.add(&a) }

// add is Attr without a copy of what it is given.
func (e *Encoder) add(a *slog.Attr) {
	// Nearly all have a short key and a short or simple value: for those the buffer
	// is grown once and stored once.
	const short = 0x7f // one byte of length
	const most = 1 + short + 1 + 1 + short
	key, b, n := a.Key, e.buf, len(e.buf)
	if e.redact != nil || len(key) == 0 || len(key) > short || n > e.room {
		e.attr(*a)
		return
	}
	if cap(b)-n < most {
		b = slices.Grow(b, most)
	}
	b = b[:n+most]
	b[n] = byte(len(key))
	n += 1 + copy(b[n+1:], key)
	switch a.Value.Kind() {
	case slog.KindString:
		s := a.Value.String()
		if len(s) > short {
			e.attr(*a)
			return
		}
		b[n], b[n+1] = byte(String), byte(len(s))
		n += 2 + copy(b[n+2:], s)
	case slog.KindInt64:
		b[n] = byte(Int)
		n += 1 + binary.PutVarint(b[n+1:], int64(Bits(&a.Value)))
	case slog.KindDuration:
		b[n] = byte(Duration)
		n += 1 + binary.PutVarint(b[n+1:], int64(Bits(&a.Value)))
	case slog.KindUint64:
		b[n] = byte(Uint)
		n += 1 + binary.PutUvarint(b[n+1:], Bits(&a.Value))
	case slog.KindFloat64:
		b[n] = byte(Float)
		binary.LittleEndian.PutUint64(b[n+1:], Bits(&a.Value))
		n += 9
	case slog.KindBool:
		b[n] = byte(False)
		if Bits(&a.Value) != 0 {
			b[n] = byte(True)
		}
		n++
	default:
		e.attr(*a)
		return
	}
	e.buf = b[:n]
}

// attr is Attr for what is long, redacted or not of a simple kind.
func (e *Encoder) attr(a slog.Attr) {
	v := a.Value
	if v.Kind() == slog.KindLogValuer {
		v = v.Resolve()
	}
	if a.Key == "" && v.Kind() == slog.KindAny && v.Any() == nil {
		return
	}
	if len(e.buf) > e.room {
		e.left++
		return
	}
	if e.redact != nil && (e.hide || e.redact.Match(a.Key)) {
		e.redacted(a.Key, v)
		return
	}
	e.value(a.Key, v)
}

func (e *Encoder) value(key string, v slog.Value) {
	switch v.Kind() {
	case slog.KindString:
		e.Text(key, v.String())
	case slog.KindInt64:
		e.key(key, Int)
		e.buf = binary.AppendVarint(e.buf, v.Int64())
	case slog.KindUint64:
		e.key(key, Uint)
		e.buf = binary.AppendUvarint(e.buf, v.Uint64())
	case slog.KindFloat64:
		e.key(key, Float)
		e.buf = binary.LittleEndian.AppendUint64(e.buf, math.Float64bits(v.Float64()))
	case slog.KindBool:
		if v.Bool() {
			e.key(key, True)
		} else {
			e.key(key, False)
		}
	case slog.KindDuration:
		e.key(key, Duration)
		e.buf = binary.AppendVarint(e.buf, int64(v.Duration()))
	case slog.KindTime:
		e.time(key, v.Time())
	case slog.KindGroup:
		e.group(key, v.Group())
	default:
		e.any(key, v.Any())
	}
}

func (e *Encoder) time(key string, t time.Time) {
	e.key(key, Time)
	sec, nsec := unix(t)
	_, offset := t.Zone()
	if offset < -maxOffset || offset > maxOffset {
		offset = 0 // no zone on earth: the moment is kept, the zone is not
	}
	e.buf = binary.AppendVarint(e.buf, sec)
	e.buf = binary.AppendUvarint(e.buf, uint64(nsec))
	e.buf = binary.AppendVarint(e.buf, int64(offset))
}

func (e *Encoder) group(key string, attrs []slog.Attr) {
	if e.depth >= maxDepth {
		e.flag(Cut)
		e.Text(key, "!cut: groups nested too deep")
		return
	}
	if e.work += 1 + len(attrs); e.work > maxWork {
		e.left += len(attrs)
		return
	}
	e.depth++
	if key == "" {
		for _, a := range attrs {
			e.Attr(a)
		}
	} else {
		g := e.beginGroup(key)
		for _, a := range attrs {
			e.Attr(a)
		}
		e.endGroup(g)
	}
	e.depth--
}

// Text adds a string.
func (e *Encoder) Text(key, s string) { e.text(key, String, s) }

// JSON adds JSON text that the caller vouches for. Objects and lists in it that
// are nested too deep are cut.
func (e *Encoder) JSON(key string, text []byte) {
	if e.redact != nil {
		text = e.redact.json(text)
	}
	text, cut := cutDeep(text, maxNested-1-e.depth)
	if cut {
		e.flag(Cut)
	}
	if len(text) > MaxString {
		e.text(key, String, string(text)) // what is left of it is no JSON
		return
	}
	e.key(key, JSON)
	e.buf = binary.AppendUvarint(e.buf, uint64(len(text)))
	e.buf = append(e.buf, text...)
}

func (e *Encoder) text(key string, t Type, s string) {
	e.key(key, t)
	if len(s) <= MaxString {
		e.buf = appendText(e.buf, s)
		return
	}
	e.flag(Cut)
	e.buf = appendText(e.buf, string(appendCut(nil, s)))
}

func appendText(b []byte, s string) []byte {
	if len(s) < 0x80 {
		b = append(b, byte(len(s)))
	} else {
		b = binary.AppendUvarint(b, uint64(len(s)))
	}
	return append(b, s...)
}

// appendCut appends the first MaxString bytes of s, whole runes, and says so.
func appendCut(b []byte, s string) []byte {
	n := MaxString
	for i := 0; i < utf8.UTFMax && n > 0 && !utf8.RuneStart(s[n]); i++ {
		n--
	}
	b = append(b, s[:n]...)
	b = append(b, " [cut: "...)
	b = strconv.AppendInt(b, int64(len(s)), 10)
	return append(b, " bytes]"...)
}

// SetMask changes the mask of a payload that is not yet in a spool.
func SetMask(payload []byte, mask uint64) { binary.LittleEndian.PutUint64(payload, mask) }
