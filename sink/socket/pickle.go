package socket

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/girok/girok/format"
	"github.com/girok/girok/record"
)

// pickler writes Python's pickle protocol 1: what every Python reads.
type pickler struct{ b []byte }

// text appends a text. What is not UTF-8 has U+FFFD.
func (p *pickler) text(s []byte) {
	if !utf8.Valid(s) {
		s = bytes.ToValidUTF8(s, []byte("\ufffd"))
	}
	p.b = append(p.b, 'X')
	p.b = binary.LittleEndian.AppendUint32(p.b, uint32(len(s)))
	p.b = append(p.b, s...)
}

func (p *pickler) int(n int64) {
	switch {
	case n >= 0 && n <= math.MaxUint8:
		p.b = append(p.b, 'K', byte(n))
	case n >= 0 && n <= math.MaxUint16:
		p.b = binary.LittleEndian.AppendUint16(append(p.b, 'M'), uint16(n))
	case n >= math.MinInt32 && n <= math.MaxInt32:
		p.b = binary.LittleEndian.AppendUint32(append(p.b, 'J'), uint32(n))
	default:
		p.long(strconv.FormatInt(n, 10))
	}
}

// long appends an integer of any size.
func (p *pickler) long(digits string) {
	p.b = append(append(append(p.b, 'L'), digits...), "L\n"...)
}

func (p *pickler) float(f float64) {
	p.b = binary.BigEndian.AppendUint64(append(p.b, 'G'), math.Float64bits(f))
}

func (p *pickler) bool(b bool) {
	if b {
		p.b = append(p.b, "I01\n"...)
	} else {
		p.b = append(p.b, "I00\n"...)
	}
}

func (p *pickler) none() { p.b = append(p.b, 'N') }

// bytes appends bytes as protocol 1 has them: a text and how to encode it.
func (p *pickler) bytes(s []byte) {
	p.b = append(p.b, "c_codecs\nencode\n("...)
	latin := make([]rune, len(s))
	for i, c := range s {
		latin[i] = rune(c)
	}
	p.text([]byte(string(latin)))
	p.text([]byte("latin1"))
	p.b = append(p.b, "tR"...)
}

// dict appends a mapping; items appends its keys and values.
func (p *pickler) dict(items func()) {
	p.b = append(p.b, "}("...)
	items()
	p.b = append(p.b, 'u')
}

// value appends the value of an attribute.
func (p *pickler) value(v *record.Value) {
	switch v.Type {
	case record.Null:
		p.none()
	case record.False, record.True:
		p.bool(v.Type == record.True)
	case record.Int:
		p.int(v.Int())
	case record.Uint:
		if v.Num <= math.MaxInt64 {
			p.int(int64(v.Num))
		} else {
			p.long(strconv.FormatUint(v.Num, 10))
		}
	case record.Float:
		p.float(v.Float())
	case record.String:
		p.text(v.Raw)
	case record.Bytes:
		p.bytes(v.Raw)
	case record.Group:
		p.dict(func() {
			var key []byte
			var inner record.Value
			for a := v.Attrs(); a.Next(&key, &inner); {
				p.text(key)
				p.value(&inner)
			}
		})
	case record.JSON:
		p.json(v.Raw)
	default:
		p.text(format.AppendStr(nil, v))
	}
}

// json appends a value that is written as JSON; what is none is a text.
func (p *pickler) json(raw []byte) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	start := len(p.b)
	if err := p.next(d); err != nil {
		p.b = p.b[:start]
		p.text(raw)
	}
}

func (p *pickler) next(d *json.Decoder) error {
	t, err := d.Token()
	if err != nil {
		return err
	}
	switch t := t.(type) {
	case json.Delim:
		return p.container(d, t)
	case nil:
		p.none()
	case bool:
		p.bool(t)
	case string:
		p.text([]byte(t))
	case json.Number:
		p.number(string(t))
	}
	return nil
}

func (p *pickler) container(d *json.Decoder, open json.Delim) (err error) {
	end := byte('u')
	if open == '{' {
		p.b = append(p.b, "}("...)
	} else {
		p.b = append(p.b, "]("...)
		end = 'e'
	}
	for d.More() {
		if err := p.next(d); err != nil {
			return err
		}
	}
	if _, err := d.Token(); err != nil && err != io.EOF {
		return err
	}
	p.b = append(p.b, end)
	return nil
}

func (p *pickler) number(s string) {
	if strings.ContainsAny(s, ".eE") {
		f, _ := strconv.ParseFloat(s, 64) // it is one; too large gives infinity
		p.float(f)
		return
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		p.int(n)
		return
	}
	p.long(s)
}
