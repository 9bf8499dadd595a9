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
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"

	"github.com/girok/girok/sink/file"
)

// All is the Option of girok.Open that knows cp949, euc_kr, shift_jis, cp932, gbk, gb18030, and the
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
