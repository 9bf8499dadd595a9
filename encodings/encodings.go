// Package encodings has encodings of files that need tables, for handlers whose key
// `encoding` names them:
//
//	logs, err := girok.Open("config.yaml", encodings.All)
//
// It is apart so that only who asks for them links the tables. The bytes are those
// that CPython's codecs write, but for characters of private use in gb18030, which are
// as GB 18030-2005 has them, and in cp932, which are errors. In iso2022_kr each line that
// needs it designates KS X 1001, for CPython the first one of a file.
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

// All is the Option of girok.Open that knows the encodings for text that CPython 3.11
// has, by all their names: those of one byte, and cp949, euc_kr, johab, shift_jis, cp932,
// euc_jp, gb2312, gbk, gb18030, hz, big5, big5hkscs, cp950, shift_jis_2004,
// shift_jisx0213, euc_jis_2004, euc_jisx0213, iso2022_kr, and iso2022_jp with all its
// kin. Without utf_7, idna, punycode and those that escape.
var All file.Encodings = find

// lacks is what CPython says of a character that an encoding of several bytes lacks.
const lacks = "illegal multibyte sequence"

// find finds an encoding by its plain name.
func find(plain string) (file.Encoding, bool) {
	if name, ok := aliases[plain]; ok {
		plain = name
	}
	if m, ok := bytes[plain]; ok {
		return single(m, strings.HasPrefix(plain, "iso8859_")), true
	}
	if row, ok := rows[plain]; ok {
		return inRow(row), true
	}
	make, ok := several[plain]
	if !ok {
		return file.Encoding{}, false
	}
	return make(plain), true
}

// several are the encodings of several bytes.
var several map[string]func(name string) file.Encoding

func init() { // they find one another
	changed := func(of encoding.Encoding, change func(r rune, b []byte) []byte) func(string) file.Encoding {
		return func(name string) file.Encoding { return multi(name, of, change) }
	}
	several = map[string]func(string) file.Encoding{
		"cp949":     changed(korean.EUCKR, nil),
		"euc_kr":    changed(korean.EUCKR, wansung),
		"johab":     changed(korean.EUCKR, johab),
		"cp932":     changed(japanese.ShiftJIS, windows),
		"shift_jis": changed(japanese.ShiftJIS, jis),
		"euc_jp":    changed(japanese.EUCJP, ujis),
		"big5":      changed(traditionalchinese.Big5, big5),
		"cp950":     changed(traditionalchinese.Big5, windows5),
		"gb2312":    changed(simplifiedchinese.GBK, gb2312),
		"gbk":       changed(simplifiedchinese.GBK, gbk),
		"gb18030":   changed(simplifiedchinese.GB18030, nil),
		"big5hkscs": func(name string) file.Encoding {
			return paired(multi(name, traditionalchinese.Big5, hongkong), hongkongPairs, func(dst, code []byte) []byte { return append(dst, code...) })
		},
		"euc_jis_2004":    func(name string) file.Encoding { return euc0213(name, false) },
		"euc_jisx0213":    func(name string) file.Encoding { return euc0213(name, true) },
		"shift_jis_2004":  func(name string) file.Encoding { return shifted0213(name, false) },
		"shift_jisx0213":  func(name string) file.Encoding { return shifted0213(name, true) },
		"hz":              func(string) file.Encoding { return hz() },
		"iso2022_kr":      iso2022Of,
		"iso2022_jp":      iso2022Of,
		"iso2022_jp_1":    iso2022Of,
		"iso2022_jp_2":    iso2022Of,
		"iso2022_jp_3":    iso2022Of,
		"iso2022_jp_2004": iso2022Of,
		"iso2022_jp_ext":  iso2022Of,
	}
}

// multi is an encoding of several bytes. change, if there is one, makes of the bytes
// that x/text has for a character, nil if none, those of Python; nil: it lacks it.
func multi(name string, of encoding.Encoding, change func(r rune, b []byte) []byte) file.Encoding {
	const longest = 8
	encode := of.NewEncoder().Transformer // of these encodings it has no state
	return file.Encoding{Name: name, Plain: true, Single: true, Lacks: lacks, Append: func(dst []byte, r rune) ([]byte, bool) {
		if r < utf8.RuneSelf {
			return append(dst, byte(r)), true
		}
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

// johab is Johab, which makes syllables of the numbers of their letters, from the bytes
// of cp949. The rest of KS X 1001 stands two rows to each first byte.
func johab(r rune, b []byte) []byte {
	const first, vowel, none = 0x8000, 0x8400, 1<<6 | 1
	letters := func(code int) []byte { return []byte{byte(code >> 8), byte(code)} }
	switch {
	case r >= 0xac00 && r <= 0xd7a3:
		n := int(r - 0xac00)
		return letters(first | (n/588+2)<<10 | johabVowel(n/28%21)<<5 | johabLast(n%28))
	case r >= 0x314f && r <= 0x3163:
		return letters(vowel | johabVowel(int(r-0x314f))<<5 | 1)
	case r >= 0x3131 && r <= 0x314e:
		if n := strings.IndexRune(firstLetters, r); n >= 0 {
			return letters(first | (n/len("ㄱ")+2)<<10 | none)
		}
		return letters(vowel | 1<<6 | johabLast(1+strings.IndexRune(lastLetters, r)/len("ㄱ")))
	case len(b) != 2 || b[0] < 0xa1 || b[1] < 0xa1:
		return nil
	}
	row, cell := b[0]-0xa1, b[1]-0xa1
	if row > 0x2c-0x21 && row < 0x4a-0x21 {
		return nil
	}
	at := int(row) + 0x1b2
	if row >= 0x4a-0x21 {
		at = int(row) + 0x197
	}
	if at%2 == 1 {
		cell += 94
	}
	if cell < 0x4e {
		return []byte{byte(at / 2), cell + 0x31}
	}
	return []byte{byte(at / 2), cell + 0x43}
}

const (
	firstLetters = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"
	lastLetters  = "ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ"
)

func johabVowel(n int) int { return n + 3 + 2*((n+1)/6) }

func johabLast(n int) int { return n + 1 + n/17 }

// windows is cp932 from the bytes of Shift_JIS: it takes some characters as others that
// look like them.
func windows(r rune, b []byte) []byte {
	if c, ok := likeIn932[r]; ok && b == nil {
		return []byte(c)
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
		return windows(r, nil)
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

// windows5 is cp950, the Big5 of Windows, from what browsers take for it.
func windows5(r rune, b []byte) []byte {
	if c, ok := otherIn950[r]; ok {
		return []byte(c)
	}
	if c := big5(r, b); c != nil || len(b) != 2 || b[0] != 0xf9 || r == 0xffed {
		return c
	}
	return b
}

var otherIn950 = map[rune]string{
	0xaf: "\xa1\xc2", 0x2027: "\xa1\x45", 0x20ac: "\xa3\xe1", 0x2215: "\xa2\x41", 0x2295: "\xa1\xf2", 0x2299: "\xa1\xf3", 0x2593: "\xf9\xfe", 0xfe51: "\xa1\x4e",
	0xfe68: "\xa2\x42", 0xff0f: "\xa1\xfe", 0xff3c: "\xa2\x40", 0xff5e: "\xa1\xe3", 0xffe0: "\xa2\x46", 0xffe1: "\xa2\x47", 0xffe5: "\xa2\x44",
}

// hongkong is Big5 with the characters of Hong Kong as of 2004, from what browsers take
// for it, which is that of 2008.
func hongkong(r rune, b []byte) []byte {
	if c, ok := otherInHongKong[r]; ok {
		return []byte(c)
	}
	if c, ok := otherIn5()[r]; ok && !(len(c) == 2 && (c[0] == 0xc6 || c[0] == 0xc7)) && (r < 0x2550 || r > 0x2570) {
		return c
	}
	if len(b) == 2 && (b[0] == 0xa3 && b[1] >= 0xc0 || b[0] == 0x87 && strings.ContainsRune(hongkong2008, r)) {
		return nil
	}
	return b
}

var otherInHongKong = map[rune]string{
	0x5605: "\x9d\xef", 0x5ed0: "\x9d\xfb", 0x5f0c: "\x93\x61", 0x60a4: "\xa0\xdc", 0x7250: "\x94\x55", 0x732a: "\x99\x75",
	0x7468: "\x94\x7a", 0x8503: "\x92\x42", 0x880f: "\x8f\xb6", 0x96b6: "\x90\xc4", 0x9f17: "\x91\xbe",
}

const hongkong2008 = "㓦㡵㫵㻬䂴䄱䆁䌊䓡䚮䤯䤰剏呌垳堘墖拁晠枂権灮珄瑌瓆秐稬稲穲竼箮篅蒄蔄蘓袝讏遆鈘鐯靊龖龗鿇鿈鿉鿊鿋𠪊𡵓𢒼𢓁𢓉𢓌𣇪𣉞𣖻𣚎𣚞𤅡𥣞𥶙𥶹𦀡𦺈𧭥𨤍𪷿"

var hongkongPairs = pairsOf(map[string]string{
	"\u00ca\u0304": "\x88\x62", "\u00ca\u030c": "\x88\x64", "\u00ea\u0304": "\x88\xa3", "\u00ea\u030c": "\x88\xa5",
})

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

// gb2312 is GB 2312 from GBK.
func gb2312(r rune, b []byte) []byte {
	switch {
	case r == 0x30fb:
		return []byte("\xa1\xa4")
	case r == 0x2015:
		return []byte("\xa1\xaa")
	case r == 0xb7 || r == 0x2014 || len(b) != 2 || b[0] < 0xa1 || b[1] < 0xa1:
		return nil
	case b[0] == 0xa2 && b[1] < 0xb1, b[0] == 0xa6 && b[1] >= 0xd9, b[0] == 0xa8 && b[1] >= 0xbb && b[1] < 0xc5, b[0] >= 0xaa && b[0] < 0xb0, b[0] > 0xf7:
		return nil
	}
	return b
}

// inRow is an encoding of one byte, whose characters stand in the order of their bytes.
func inRow(row string) file.Encoding {
	chars := []rune(row)
	codes := make(map[rune]byte, 256)
	for i, r := range chars {
		if r != utf8.RuneError {
			codes[r] = byte(256 - len(chars) + i)
		}
	}
	ascii := len(chars) == 128
	return file.Encoding{Name: "charmap", Plain: ascii, Lacks: "character maps to <undefined>", Append: func(dst []byte, r rune) ([]byte, bool) {
		b, ok := codes[r]
		if !ok {
			return dst, false
		}
		return append(dst, b), true
	}}
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
