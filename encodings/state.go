package encodings

import (
	"slices"

	"github.com/girok/girok/sink/file"
)

// stateful is a line of an encoding in which the bytes of a character depend on what
// stands before it.
type stateful interface {
	// Append appends a character, or holds it back; false: the encoding lacks it.
	Append(dst []byte, r rune) ([]byte, bool)
	// End appends what was held back and what is due at the end of the line.
	End(dst []byte) []byte
}

// inLine is file.Encoding's Begin for lines that begin makes.
func inLine(begin func() stateful) func() func(dst []byte, r rune) ([]byte, bool) {
	return func() func(dst []byte, r rune) ([]byte, bool) {
		l := begin()
		return func(dst []byte, r rune) ([]byte, bool) {
			if r == file.EndOfLine {
				return l.End(dst), true
			}
			return l.Append(dst, r)
		}
	}
}

// set is a set of characters that ISO 2022 switches to.
type set struct {
	escape string                     // designates it
	shift  bool                       // to G1, which a byte of its own shifts to and from
	code   func(r rune) (code []byte) // of seven bits; nil: it lacks the character
}

// line is a line of an encoding of ISO 2022: it begins and ends in ASCII. All that
// designates a set stands in the line that needs it.
type line struct {
	sets       []*set
	in         *set // nil: ASCII
	designated bool // the set of G1 is, in this line
}

const shiftOut, shiftIn = 0x0e, 0x0f

// Append is that of stateful.
func (l *line) Append(dst []byte, r rune) ([]byte, bool) {
	if r < 0x80 {
		return append(l.End(dst), byte(r)), true
	}
	for _, s := range l.sets {
		if code := s.code(r); code != nil {
			return l.put(dst, s, code), true
		}
	}
	return dst, false
}

func (l *line) put(dst []byte, s *set, code []byte) []byte {
	if l.in != s && (!s.shift || !l.designated) {
		dst = append(dst, s.escape...)
	}
	if l.in != s && s.shift {
		dst = append(dst, shiftOut)
		l.designated = true
	}
	l.in = s
	return append(dst, code...)
}

// End is that of stateful.
func (l *line) End(dst []byte) []byte {
	switch {
	case l.in == nil:
	case l.in.shift:
		dst = append(dst, shiftIn)
	default:
		dst = append(dst, "\x1b(B"...)
	}
	l.in = nil
	return dst
}

// iso2022 is an encoding of ISO 2022; of what several sets have, the first one counts.
func iso2022(name string, sets ...*set) file.Encoding {
	return withState(name, func() stateful { return &line{sets: sets} })
}

// iso2022Pairs is iso2022 with pairs of characters, which all stand in one set.
func iso2022Pairs(name string, pairsIn *set, sets ...*set) file.Encoding {
	return withState(name, func() stateful {
		l := &line{sets: sets}
		return &pairing{stateful: l, pairs: kanaPairs, put: func(dst, code []byte) []byte { return l.put(dst, pairsIn, code) }}
	})
}

// iso2022Of is one of the encodings of ISO 2022.
func iso2022Of(name string) file.Encoding {
	of := func(other string) file.Encoding {
		e, _ := find(other)
		return e
	}
	kanji := &set{escape: "\x1b$B", code: within(of("euc_jp"), 2)}
	more := &set{escape: "\x1b$(D", code: within(of("euc_jp"), 3)}
	roman := &set{escape: "\x1b(J", code: func(r rune) []byte {
		switch r {
		case 0xa5:
			return []byte{0x5c}
		case 0x203e:
			return []byte{0x7e}
		}
		return nil
	}}
	katakana := &set{escape: "\x1b(I", code: func(r rune) []byte {
		if r < 0xff61 || r > 0xff9f {
			return nil
		}
		return []byte{byte(r-0xff61) + 0x21}
	}}
	plane := func(escape string, n byte, old bool) *set {
		return &set{escape: escape, code: func(r rune) []byte {
			if c, ok := jisx0213(r, old); ok && c.plane == n && r != '～' {
				return []byte{c.row, c.cell}
			}
			return nil
		}}
	}
	switch name {
	case "iso2022_kr":
		return iso2022(name, &set{escape: "\x1b$)C", shift: true, code: within(of("cp949"), 2)})
	case "iso2022_jp_1":
		return iso2022(name, kanji, more, roman)
	case "iso2022_jp_2":
		return iso2022(name, kanji, more, &set{escape: "\x1b$(C", code: within(of("cp949"), 2)}, &set{escape: "\x1b$(A", code: within(of("gb2312"), 2)}, roman)
	case "iso2022_jp_ext":
		return iso2022(name, kanji, more, roman, katakana)
	case "iso2022_jp_3":
		first := plane("\x1b$(O", 1, true)
		return iso2022Pairs(name, first, kanji, first, plane("\x1b$(P", 2, true))
	case "iso2022_jp_2004":
		first := plane("\x1b$(Q", 1, false)
		return iso2022Pairs(name, first, kanji, first, plane("\x1b$(P", 2, false))
	}
	return iso2022(name, kanji, roman)
}

// withState is an encoding whose lines begin makes.
func withState(name string, begin func() stateful) file.Encoding {
	return file.Encoding{Name: name, Single: true, Lacks: lacks, Begin: inLine(begin), Append: func(dst []byte, r rune) ([]byte, bool) {
		l := begin()
		dst, ok := l.Append(dst, r)
		return l.End(dst), ok
	}}
}

// plain is a line of an encoding that has no state.
type plain struct{ file.Encoding }

// Append is that of stateful.
func (p plain) Append(dst []byte, r rune) ([]byte, bool) { return p.Encoding.Append(dst, r) }

func (plain) End(dst []byte) []byte { return dst }

// pairing is a line of an encoding in which some pairs of characters are one.
type pairing struct {
	stateful
	pairs map[[2]rune][]byte
	put   func(dst, code []byte) []byte
	held  rune // may be the first of a pair; 0: none
}

// Append is that of stateful.
func (p *pairing) Append(dst []byte, r rune) ([]byte, bool) {
	if code := p.pairs[[2]rune{p.held, r}]; code != nil {
		p.held = 0
		return p.put(dst, code), true
	}
	dst = p.give(dst)
	if p.pairs[[2]rune{r, 0}] != nil {
		p.held = r
		return dst, true
	}
	return p.stateful.Append(dst, r)
}

// give appends what is held.
func (p *pairing) give(dst []byte) []byte {
	if p.held != 0 {
		dst, _ = p.stateful.Append(dst, p.held)
		p.held = 0
	}
	return dst
}

// End is that of stateful.
func (p *pairing) End(dst []byte) []byte { return p.stateful.End(p.give(dst)) }

// pairsOf are pairs by their two characters; what may begin one stands beside 0.
func pairsOf(codes map[string]string) map[[2]rune][]byte {
	m := map[[2]rune][]byte{}
	for pair, code := range codes {
		r := []rune(pair)
		m[[2]rune{r[0], r[1]}] = []byte(code)
		m[[2]rune{r[0], 0}] = []byte{}
	}
	return m
}

// paired is an encoding without a state, but for pairs.
func paired(of file.Encoding, pairs map[[2]rune][]byte, put func(dst, code []byte) []byte) file.Encoding {
	of.Plain = false // a letter may come after what is held
	line := plain{of}
	of.Begin = inLine(func() stateful { return &pairing{stateful: line, pairs: pairs, put: put} })
	return of
}

// hz is HZ, which is GB 2312 between ~{ and ~}.
func hz() file.Encoding {
	of, _ := find("gb2312")
	gb := within(of, 2)
	return withState("hz", func() stateful { return &hzLine{gb: gb} })
}

type hzLine struct {
	gb func(r rune) []byte
	in bool
}

// Append is that of stateful.
func (l *hzLine) Append(dst []byte, r rune) ([]byte, bool) {
	if r < 0x80 {
		if dst = l.End(dst); r == '~' {
			dst = append(dst, '~')
		}
		return append(dst, byte(r)), true
	}
	code := l.gb(r)
	if code == nil {
		return dst, false
	}
	if !l.in {
		dst = append(dst, "~{"...)
		l.in = true
	}
	return append(dst, code...), true
}

// End is that of stateful.
func (l *hzLine) End(dst []byte) []byte {
	if l.in {
		dst = append(dst, "~}"...)
	}
	l.in = false
	return dst
}

// within is the code of seven bits of the characters that an encoding has with so many
// bytes, the last two of which have the eighth.
func within(of file.Encoding, length int) func(r rune) []byte {
	return func(r rune) []byte {
		b, ok := of.Append(nil, r)
		if !ok || len(b) != length || b[length-2] < 0xa1 || b[length-1] < 0xa1 {
			return nil
		}
		b = slices.Clone(b[length-2:])
		b[0], b[1] = b[0]&0x7f, b[1]&0x7f
		return b
	}
}
