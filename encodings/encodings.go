// Package encodings has encodings of files that need tables, for handlers whose key
// `encoding` names them:
//
//	logs, err := girok.Open("config.yaml", encodings.All)
//
// It is apart so that only who asks for them links the tables. The bytes are those
// that CPython's codecs write, but for characters of private use in gb18030, which are
// as GB 18030-2005 has them, and in cp932, which are errors.
package encodings

import (
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"

	"github.com/girok/girok/sink/file"
)

// All is the Option of girok.Open that knows cp949, euc_kr, shift_jis, cp932, euc_jp, gbk, gb18030, big5, and the
// encodings of one byte: cp437, cp850, cp852, cp855, cp858, cp860, cp862, cp863, cp865,
// cp866, cp874, cp1250 to cp1258, iso8859_2 to _10 and _13 to _16, koi8_r,
// mac_roman and mac_cyrillic; all by the names that Python has for them.
var All file.Encodings = find

// find finds an encoding by its plain name.
func find(plain string) (file.Encoding, bool) {
	if name, ok := aliases[plain]; ok {
		plain = name
	}
	if m, ok := bytes[plain]; ok {
		return single(m, strings.HasPrefix(plain, "iso8859_")), true
	}
	switch plain {
	case "cp949":
		return multi(plain, korean.EUCKR, nil), true
	case "euc_kr":
		return multi(plain, korean.EUCKR, wansung), true
	case "cp932":
		return multi(plain, japanese.ShiftJIS, windows), true
	case "shift_jis":
		return multi(plain, japanese.ShiftJIS, jis), true
	case "euc_jp":
		return multi(plain, japanese.EUCJP, ujis), true
	case "big5":
		return multi(plain, traditionalchinese.Big5, big5), true
	case "gbk":
		return multi(plain, simplifiedchinese.GBK, gbk), true
	case "gb18030":
		return multi(plain, simplifiedchinese.GB18030, nil), true
	}
	return file.Encoding{}, false
}

// multi is an encoding of several bytes. change, if there is one, makes of the bytes
// that x/text has for a character, nil if none, those of Python; nil: it lacks it.
func multi(name string, of encoding.Encoding, change func(r rune, b []byte) []byte) file.Encoding {
	const longest = 8
	encode := of.NewEncoder().Transformer // of these encodings it has no state
	return file.Encoding{Name: name, Plain: true, Single: true, Lacks: "illegal multibyte sequence", Append: func(dst []byte, r rune) ([]byte, bool) {
		// Both sides of it lie behind dst: nothing is allocated for a character.
		dst = slices.Grow(dst, longest+utf8.UTFMax)
		room := dst[len(dst):cap(dst)]
		n := utf8.EncodeRune(room[longest:], r)
		k, _, err := encode.Transform(room[:longest], room[longest:longest+n], true)
		b := room[:k]
		if err != nil {
			b = nil
		}
		if change != nil {
			b = change(r, b)
		}
		return append(dst, b...), b != nil
	}}
}

// wansung is EUC-KR from the bytes of cp949, which has all 11,172 syllables of Hangul.
// KS X 1001 has 2,350; the others are spelled in its annex 3: a filler, then the
// letters, or a filler for no last one.
func wansung(r rune, b []byte) []byte {
	if len(b) != 2 || b[0] >= 0xa1 && b[1] >= 0xa1 {
		return b
	}
	const (
		first  = "\xa1\xa2\xa4\xa7\xa8\xa9\xb1\xb2\xb3\xb5\xb6\xb7\xb8\xb9\xba\xbb\xbc\xbd\xbe"
		last   = "\xd4\xa1\xa2\xa3\xa4\xa5\xa6\xa7\xa9\xaa\xab\xac\xad\xae\xaf\xb0\xb1\xb2\xb4\xb5\xb6\xb7\xb8\xba\xbb\xbc\xbd\xbe"
		vowel  = 0xbf
		vowels = 21
	)
	n := int(r - 0xac00)
	return []byte{0xa4, 0xd4, 0xa4, first[n/(vowels*len(last))], 0xa4, byte(vowel + n/len(last)%vowels), 0xa4, last[n%len(last)]}
}

// windows is cp932 from the bytes of Shift_JIS: it takes some characters as others that
// look like them.
func windows(r rune, b []byte) []byte {
	if b == nil {
		return []byte(likeIn932[r])
	}
	return b
}

var likeIn932 = map[rune]string{
	0x80: "\x80", 0xa2: "\x81\x91", 0xa3: "\x81\x92", 0xac: "\x81\xca", 0x2016: "\x81\x61", 0x2212: "\x81\x7c", 0x301c: "\x81\x60",
}

// jis is Shift_JIS with the characters of JIS X 0208 alone, from what browsers take
// for it, which is that of Windows.
func jis(r rune, b []byte) []byte {
	switch {
	case r == 0xa5:
		return []byte{0x5c}
	case r == 0x203e:
		return []byte{0x7e}
	case r == 0x80:
		return nil
	case b == nil:
		return []byte(likeIn932[r])
	case b[0] == 0x87 || b[0] >= 0xed, r == 0x2225 || r == 0xff0d || r == 0xff5e || r >= 0xffe0 && r <= 0xffe2:
		return nil
	}
	return b
}

// ujis is euc_jp from what browsers take for it: the characters of JIS X 0208 and 0212,
// without those that vendors have put into their empty rows.
func ujis(r rune, b []byte) []byte {
	switch {
	case r == 0xa5 || r == 0x203e:
		return jis(r, b)
	case b == nil:
		if c := likeIn932[r]; len(c) == 2 {
			return fromShifted(c)
		}
		return nil
	case len(b) == 2 && (b[0] == 0xad || b[0] >= 0xf9):
		return in0212()[r]
	case r == 0x2225 || r == 0xff0d || r == 0xff5e || r >= 0xffe0 && r <= 0xffe2:
		return nil
	}
	return b
}

// fromShifted is euc_jp from two bytes of Shift_JIS of the first rows.
func fromShifted(c string) []byte {
	hi, lo := 2*(c[0]-0x81)+0xa1, c[1]
	switch {
	case lo >= 0x9f:
		return []byte{hi + 1, lo + 0x02}
	case lo >= 0x80:
		return []byte{hi, lo + 0x60}
	}
	return []byte{hi, lo + 0x61}
}

// in0212 are the characters of JIS X 0212 in euc_jp.
var in0212 = sync.OnceValue(func() map[rune][]byte {
	m := map[rune][]byte{}
	decode := japanese.EUCJP.NewDecoder()
	for hi := byte(0xa1); hi < 0xff; hi++ {
		for lo := byte(0xa1); lo < 0xff; lo++ {
			code := []byte{0x8f, hi, lo}
			if text, err := decode.Bytes(code); err == nil {
				if r, _ := utf8.DecodeRune(text); r != utf8.RuneError {
					m[r] = code
				}
			}
		}
	}
	return m
})

// big5 is Big5 from what browsers take for it. Theirs has the characters of Hong Kong,
// and some in other places than Unicode's old table, which is CPython's.
func big5(r rune, b []byte) []byte {
	if c, ok := otherIn5()[r]; ok {
		return c
	}
	if len(b) != 2 {
		return b
	}
	switch hi, lo := b[0], b[1]; {
	case hi < 0xa1, hi > 0xf9, hi == 0xf9 && lo >= 0xd6, hi == 0xa3 && lo >= 0xc0, hi == 0xc6 && lo >= 0xa1, hi == 0xc7, hi == 0xc8:
		return nil
	}
	return b
}

// otherIn5 are the characters that CPython's big5 has elsewhere; nil: it lacks it.
var otherIn5 = sync.OnceValue(func() map[rune][]byte {
	m := map[rune][]byte{
		0xa2: []byte("\xa2\x46"), 0xa3: []byte("\xa2\x47"), 0xa5: []byte("\xa2\x44"), 0xaf: nil, 0x2022: []byte("\xa1\x45"), 0x2027: nil, 0x203e: []byte("\xa1\xc2"),
		0x2215: nil, 0x223c: []byte("\xa1\xe3"), 0x2295: nil, 0x2299: nil, 0x2550: []byte("\xa2\xa4"), 0x255e: []byte("\xa2\xa5"), 0x2561: []byte("\xa2\xa7"),
		0x256a: []byte("\xa2\xa6"), 0x256d: []byte("\xa2\x7e"), 0x256e: []byte("\xa2\xa1"), 0x256f: []byte("\xa2\xa3"), 0x2570: []byte("\xa2\xa2"), 0x2609: []byte("\xa1\xf3"),
		0x2641: []byte("\xa1\xf2"), 0x3003: []byte("\xa1\xb2"), 0x5029: []byte("\xad\xc5"), 0x507d: []byte("\xb0\xb0"), 0x5305: []byte("\xa5\x5d"), 0x5344: []byte("\xa2\xcd"),
		0x537f: []byte("\xad\xeb"), 0x5a77: []byte("\xb4\x40"), 0x5e75: []byte("\xc9\xdb"), 0x5f58: []byte("\xd8\xf4"), 0x6490: []byte("\xbc\xb5"), 0x6674: []byte("\xb4\xb8"),
		0x675e: []byte("\xa7\xfb"), 0x6c9c: []byte("\xcb\x58"), 0x6e1d: []byte("\xb4\xfc"), 0x6e2f: []byte("\xb4\xe4"), 0x716e: []byte("\xb5\x4e"), 0x745c: []byte("\xb7\xec"),
		0x74e9: []byte("\xa2\x60"), 0x7809: []byte("\xcf\xf1"), 0xfe51: nil, 0xfe68: nil, 0xff0f: []byte("\xa2\x41"), 0xff3c: []byte("\xa2\x42"), 0xff5e: nil,
		0xff64: []byte("\xa1\x4e"), 0xffe0: nil, 0xffe1: nil, 0xffe5: nil,
	}
	// From 0xc6a1 on, one cell after the other.
	next := []byte{0xc6, 0xa1}
	ranges := []struct{ first, last rune }{
		{'ヾ', 'ヾ'}, {'ゝ', 'ゞ'}, {'々', '々'}, {'ぁ', 'ん'}, {'ァ', 'ヶ'}, {'Д', 'Е'}, {'Ё', 'Ё'}, {'Ж', 'М'}, {'У', 'Я'},
		{'а', 'е'}, {'ё', 'ё'}, {'ж', 'я'}, {'①', '⑩'}, {'⑴', '⑽'},
	}
	for _, part := range ranges {
		for r := part.first; r <= part.last; r++ {
			m[r] = slices.Clone(next)
			switch next[1]++; next[1] {
			case 0x7f:
				next[1] = 0xa1
			case 0xff:
				next[0], next[1] = next[0]+1, 0x40
			}
		}
	}
	return m
})

// gbk is GBK without what GB 18030 has added since.
func gbk(_ rune, b []byte) []byte {
	if len(b) != 2 || b[0] == 0xfe && b[1] >= 0x50 || b[0] == 0xa8 && b[1] == 0xbf || b[0] == 0xa9 && b[1] >= 0x89 && b[1] <= 0x95 {
		return nil
	}
	return b
}

// single is an encoding of one byte. controls: it has those of 0x80 to 0x9f.
func single(of *charmap.Charmap, controls bool) file.Encoding {
	return file.Encoding{Name: "charmap", Plain: true, Lacks: "character maps to <undefined>", Append: func(dst []byte, r rune) ([]byte, bool) {
		if controls && r >= 0x80 && r < 0xa0 {
			return append(dst, byte(r)), true
		}
		b, ok := of.EncodeRune(r)
		if !ok {
			return dst, false
		}
		return append(dst, b), true
	}}
}

var bytes = map[string]*charmap.Charmap{
	"cp437": charmap.CodePage437, "cp850": charmap.CodePage850, "cp852": charmap.CodePage852, "cp855": charmap.CodePage855,
	"cp858": charmap.CodePage858, "cp860": charmap.CodePage860, "cp862": charmap.CodePage862, "cp863": charmap.CodePage863,
	"cp865": charmap.CodePage865, "cp866": charmap.CodePage866, "cp874": charmap.Windows874,
	"cp1250": charmap.Windows1250, "cp1251": charmap.Windows1251, "cp1252": charmap.Windows1252, "cp1253": charmap.Windows1253,
	"cp1254": charmap.Windows1254, "cp1255": charmap.Windows1255, "cp1256": charmap.Windows1256, "cp1257": charmap.Windows1257, "cp1258": charmap.Windows1258,
	"iso8859_2": charmap.ISO8859_2, "iso8859_3": charmap.ISO8859_3, "iso8859_4": charmap.ISO8859_4, "iso8859_5": charmap.ISO8859_5,
	"iso8859_6": charmap.ISO8859_6, "iso8859_7": charmap.ISO8859_7, "iso8859_8": charmap.ISO8859_8, "iso8859_9": charmap.ISO8859_9,
	"iso8859_10": charmap.ISO8859_10, "iso8859_13": charmap.ISO8859_13, "iso8859_14": charmap.ISO8859_14, "iso8859_15": charmap.ISO8859_15, "iso8859_16": charmap.ISO8859_16,
	"koi8_r": charmap.KOI8R, "mac_roman": charmap.Macintosh, "mac_cyrillic": charmap.MacintoshCyrillic,
}
