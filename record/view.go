package record

import (
	"encoding/binary"
	"errors"
	"math"
	"math/bits"
	"sync"
	"time"
)

// View reads a payload. Its slices alias the payload and are good as long as
// that is. A View is plain data: reuse one for many records.
type View struct {
	Mask    uint64
	Kind    Kind
	Flags   Flags
	Level   Level
	Seconds int64 // since 1970 UTC
	Nanos   uint32
	Logger  []byte
	Message []byte
	Source  []byte // nil unless HasSource
	ID      []byte // nil unless HasID

	caller []byte
	attrs  []byte
	shown  any
	held   *shown // in the place of shown, once somebody holds the record
}

// shown is how a record was shown, for all who hold it.
type shown struct {
	mu sync.Mutex
	by any
}

// Shown is of whoever hands the record from handler to handler: how one of them has
// shown it. Parse forgets it.
func (v *View) Shown() any {
	if v.held == nil {
		return v.shown
	}
	v.held.mu.Lock()
	defer v.held.mu.Unlock()
	return v.held.by
}

// Show sets Shown, of the record that Hold made too.
func (v *View) Show(by any) {
	if v.held == nil {
		v.shown = by
		return
	}
	v.held.mu.Lock()
	defer v.held.mu.Unlock()
	v.held.by = by
}

// ErrEncoding says that a record is written in a way that this program does not
// know: it must wait for one that does, and must not be skipped.
var ErrEncoding = errors.New("record: unknown kind or encoding; a newer girok wrote it")

// Known reports whether this program can read the payload of one record, as far as
// its kind and encoding tell; what is malformed is found by Parse.
func Known(p []byte) bool {
	return len(p) < HeaderSize || p[offEncode] == EncodingGirok && p[offKind] < byte(numKinds)
}

var errMalformed = errors.New("record: malformed payload")

// Parse reads the fixed parts. The attributes are looked at when they are
// walked. It fails with ErrEncoding or for a malformed payload, and never
// panics.
func (v *View) Parse(p []byte) error {
	if len(p) < HeaderSize {
		return errMalformed
	}
	if !Known(p) {
		return ErrEncoding
	}
	v.shown, v.held = nil, nil
	v.Mask = binary.LittleEndian.Uint64(p)
	v.Kind = Kind(p[offKind])
	v.Flags = Flags(binary.LittleEndian.Uint16(p[offFlags:]))
	v.Level = Level(binary.LittleEndian.Uint32(p[offLevel:]))
	v.Seconds = int64(binary.LittleEndian.Uint64(p[offSeconds:]))
	v.Nanos = binary.LittleEndian.Uint32(p[offNanos:])
	nmsg := uint64(binary.LittleEndian.Uint32(p[offMessage:]))
	nlog := uint64(binary.LittleEndian.Uint16(p[offLogger:]))
	rest := p[HeaderSize:]
	if nlog+nmsg > uint64(len(rest)) || v.Nanos > 999_999_999 {
		return errMalformed
	}
	v.Logger, v.Message, v.attrs = rest[:nlog:nlog], rest[nlog:nlog+nmsg:nlog+nmsg], rest[nlog+nmsg:]
	v.Source, v.ID, v.caller = nil, nil, nil
	if v.Flags&(HasCaller|HasSource|HasID) != 0 {
		return v.parseParts()
	}
	return nil
}

func (v *View) parseParts() error {
	b, ok := v.attrs, true
	if v.Flags&HasCaller != 0 {
		start := b
		_, b, ok = uvarint(b, ok)
		_, b, ok = text(b, ok)
		_, b, ok = text(b, ok)
		if ok {
			v.caller = start[:len(start)-len(b)]
		}
	}
	if v.Flags&HasSource != 0 {
		v.Source, b, ok = text(b, ok)
	}
	if v.Flags&HasID != 0 {
		if ok = ok && len(b) >= IDLength; ok {
			v.ID, b = b[:IDLength], b[IDLength:]
		}
	}
	if !ok {
		return errMalformed
	}
	v.attrs = b
	return nil
}

// uvarint and text read one item of b; ok is passed on so that a chain of
// calls is checked once.
func uvarint(b []byte, ok bool) (uint64, []byte, bool) {
	if !ok {
		return 0, nil, false
	}
	if len(b) > 0 && b[0] < 0x80 {
		return uint64(b[0]), b[1:], true
	}
	n, size := binary.Uvarint(b)
	if size <= 0 {
		return 0, nil, false
	}
	return n, b[size:], true
}

func varint(b []byte, ok bool) (int64, []byte, bool) {
	n, b, ok := uvarint(b, ok)
	return int64(n>>1) ^ -int64(n&1), b, ok
}

// shortVarint is varint without a branch for each byte, where a number has at most
// eight bytes and b has no fewer.
func shortVarint(b []byte) (int64, []byte, bool) {
	const more = 0x8080808080808080
	if len(b) < 8 {
		return varint(b, true)
	}
	w := binary.LittleEndian.Uint64(b)
	ends := ^w & more
	if ends == 0 {
		return varint(b, true)
	}
	w &= ends ^ (ends - 1)
	w = w&0x007f007f007f007f | w&0x7f007f007f007f00>>1
	w = w&0x00003fff00003fff | w&0x3fff00003fff0000>>2
	w = w&0x000000000fffffff | w&0x0fffffff00000000>>4
	return int64(w>>1) ^ -int64(w&1), b[bits.TrailingZeros64(ends)/8+1:], true
}

func text(b []byte, ok bool) ([]byte, []byte, bool) {
	n, b, ok := uvarint(b, ok)
	if !ok || n > uint64(len(b)) {
		return nil, nil, false
	}
	return b[:n:n], b[n:], true
}

// Time is the record's time, in the local zone.
func (v *View) Time() time.Time { return time.Unix(v.Seconds, int64(v.Nanos)) }

// Caller is where the call stands in the code; ok is false when the record does
// not say. It allocates.
func (v *View) Caller() (c Caller, ok bool) {
	if v.caller == nil {
		return c, false
	}
	line, b, ok := uvarint(v.caller, true)
	file, b, ok := text(b, ok)
	function, _, ok := text(b, ok)
	return Caller{File: string(file), Function: string(function), Line: int(line)}, ok
}

// EncodedCaller is what Encoder.Caller took; nil if nothing.
func (v *View) EncodedCaller() []byte { return v.caller }

// Attrs walks the attributes.
func (v *View) Attrs() Attrs { return Attrs{b: v.attrs} }

// Attrs is a walk over attributes, in their order. The zero Attrs is empty.
type Attrs struct {
	b     []byte
	depth uint8 // groups around it
	err   bool
}

// maxWalked is how deep groups are walked: no encoder nests so deep, and whoever
// walks may call itself for each group.
const maxWalked = 2 * maxDepth

// Next reads the next attribute; false at the end, or where what follows is
// malformed.
func (a *Attrs) Next(key *[]byte, val *Value) bool {
	if len(a.b) == 0 || a.err {
		return false
	}
	k, b, ok := text(a.b, true)
	if !ok || len(b) == 0 {
		a.err = true
		return false
	}
	*key = k
	val.Type, val.depth = Type(b[0]), a.depth
	a.b, ok = val.parse(b[1:])
	a.err = !ok
	return ok
}

// Start is what a key of two bytes or more begins with.
func Start(key string) uint16 { return uint16(key[0])<<8 | uint16(key[1]) }

// NextLike is Next for who looks for keys with one of three starts: it passes over
// others without reading their values. What it returns may still have another key.
func (a *Attrs) NextLike(starts *[3]uint16, key *[]byte, val *Value) bool {
	for !a.err {
		rest := passOver(a.b, starts)
		if rest == nil {
			return a.Next(key, val)
		}
		a.b = rest
	}
	return false
}

// passOver is what follows an attribute that NextLike passes over; nil if it does
// not, or if only Next can tell.
func passOver(b []byte, starts *[3]uint16) []byte {
	const short = 0x80
	if len(b) < 4 || b[0] < 2 || b[0] >= short || len(b) < int(b[0])+2 {
		return nil
	}
	if s := uint16(b[1])<<8 | uint16(b[2]); s == starts[0] || s == starts[1] || s == starts[2] {
		return nil
	}
	n := int(b[0]) + 1
	t := Type(b[n])
	b = b[n+1:]
	switch n = 0; t {
	case Null, False, True:
	case Int, Duration, Uint:
		for n < len(b) && b[n] >= short {
			n++
		}
		n++
	case Float:
		n = 8
	case String, Bytes, JSON, Err:
		if len(b) == 0 || b[0] >= short {
			return nil
		}
		n = 1 + int(b[0])
	default:
		return nil
	}
	if n > len(b) {
		return nil
	}
	return b[n:]
}

// Empty reports whether nothing is left.
func (a *Attrs) Empty() bool { return len(a.b) == 0 }

// Malformed reports whether the walk ended before the end.
func (a *Attrs) Malformed() bool { return a.err }

// Value is one attribute's value. Raw aliases the payload.
type Value struct {
	Type   Type
	Num    uint64 // Int, Duration, Float: the bits; Uint; Time: the seconds
	Nanos  uint32 // Time
	Offset int32  // Time: seconds east of UTC
	Raw    []byte // String, Bytes, JSON, Err: the text; Group: attributes

	depth uint8 // groups around it
}

func (v *Value) parse(b []byte) (rest []byte, ok bool) {
	ok = true
	switch v.Type {
	case Null, False, True:
	case Int, Duration:
		var n int64
		n, b, ok = varint(b, ok)
		v.Num = uint64(n)
	case Uint:
		v.Num, b, ok = uvarint(b, ok)
	case Float:
		if len(b) < 8 {
			return nil, false
		}
		v.Num, b = binary.LittleEndian.Uint64(b), b[8:]
	case String, Bytes, JSON, Err:
		v.Raw, b, ok = text(b, ok)
	case Time:
		return v.parseTime(b)
	case Group:
		if len(b) < 4 {
			return nil, false
		}
		n := uint64(binary.LittleEndian.Uint32(b))
		b = b[4:]
		if n > uint64(len(b)) {
			return nil, false
		}
		v.Raw, b = b[:n:n], b[n:]
	default:
		return nil, false
	}
	return b, ok
}

// maxOffset is the furthest zone from UTC, in seconds.
const maxOffset = 26 * 3600

func (v *Value) parseTime(b []byte) (rest []byte, ok bool) {
	sec, b, ok := varint(b, true)
	nsec, b, ok := uvarint(b, ok)
	off, b, ok := varint(b, ok)
	if !ok || nsec > 999_999_999 || off < -maxOffset || off > maxOffset {
		return nil, false
	}
	v.Num, v.Nanos, v.Offset = uint64(sec), uint32(nsec), int32(off)
	return b, true
}

// Int is the value of Int and Duration.
func (v *Value) Int() int64 { return int64(v.Num) }

// Float is the value of Float.
func (v *Value) Float() float64 { return math.Float64frombits(v.Num) }

// Time is the value of Time, in the zone it was given in (by offset).
func (v *Value) Time() time.Time {
	t := time.Unix(int64(v.Num), int64(v.Nanos))
	if v.Offset == 0 {
		return t.UTC()
	}
	return t.In(time.FixedZone("", int(v.Offset)))
}

// Attrs walks the attributes of a Group.
func (v *Value) Attrs() Attrs {
	if v.Type != Group {
		return Attrs{}
	}
	if v.depth >= maxWalked {
		return Attrs{err: true}
	}
	return Attrs{b: v.Raw, depth: v.depth + 1}
}

// Lookup finds the attribute at a path of keys through groups and, below a JSON
// value, reports the rest of the path in depth: how many keys were used.
func (v *View) Lookup(path []string, val *Value) (depth int, ok bool) {
	if len(path) == 0 {
		return 0, false
	}
	a := v.Attrs()
	return lookup(&a, path, val)
}

func lookup(a *Attrs, path []string, val *Value) (depth int, ok bool) {
	var key []byte
	for a.Next(&key, val) {
		if string(key) != path[0] {
			continue
		}
		if len(path) == 1 {
			return 1, true
		}
		switch val.Type {
		case Group:
			in := val.Attrs()
			if d, ok := lookup(&in, path[1:], val); ok {
				return d + 1, true
			}
		case JSON:
			return 1, true
		}
	}
	return 0, false
}

// Hold is Clone for who keeps the record while others have it still: how they show it,
// or the clone is shown, is Shown of both.
func (v *View) Hold() *View {
	if v.held == nil {
		v.held = &shown{by: v.shown}
	}
	c := v.Clone()
	c.held = v.held
	return c
}

// Clone copies a view and what it aliases.
func (v *View) Clone() *View { return v.CloneWith(v.Message, nil) }

// CloneWith is Clone with another message and without the attributes that without
// says, if it is not nil.
func (v *View) CloneWith(message []byte, without func(key []byte, val *Value) bool) *View {
	c := *v
	c.shown, c.held = v.Shown(), nil
	parts := []*[]byte{&c.Logger, &c.Message, &c.Source, &c.ID, &c.caller, &c.attrs}
	c.Message = message
	if without != nil {
		c.attrs = v.attrsWithout(without)
	}
	size := 0
	for _, p := range parts {
		size += len(*p)
	}
	all := make([]byte, 0, size)
	for _, p := range parts {
		if *p != nil {
			start := len(all)
			all = append(all, *p...)
			*p = all[start:len(all):len(all)]
		}
	}
	return &c
}

// attrsWithout is the attributes but those that without says.
func (v *View) attrsWithout(without func(key []byte, val *Value) bool) []byte {
	var key []byte
	var val Value
	var left []byte
	cut := false
	for a := v.Attrs(); ; {
		before := a.b
		if !a.Next(&key, &val) {
			if !cut {
				return v.attrs
			}
			return left
		}
		one := before[:len(before)-len(a.b)]
		if without(key, &val) {
			cut = true
			continue
		}
		left = append(left, one...)
	}
}
