package encodings

import (
	_ "embed"
	"strconv"
	"strings"
	"sync"

	"github.com/girok/girok/sink/file"
)

// The characters that JIS X 0213:2004 has and JIS X 0208 has not: for each line plane,
// row (two digits) and cell (two) of the first one, then those of the cells that follow.
//
//go:embed jisx0213.txt
var jisx0213Text string

// cell is a place in JIS X 0213: plane 1 or 2, row and cell plus 0x20.
type cell struct{ plane, row, cell byte }

var jisx0213Cells = sync.OnceValue(func() map[rune]cell {
	m := map[rune]cell{}
	for text := range strings.Lines(jisx0213Text) {
		first, chars, _ := strings.Cut(strings.TrimSuffix(text, "\n"), " ")
		n, err := strconv.Atoi(first)
		if err != nil {
			panic("jisx0213.txt: " + err.Error())
		}
		at := cell{byte(n / 10000), byte(n/100%100) + 0x20, byte(n%100) + 0x20}
		for _, r := range chars {
			m[r] = at
			at.cell++
		}
	}
	return m
})

// since2004 are the characters that the edition of 2000 did not have.
const since2004 = "俱剝吞噓姸屛幷瘦繫𠮟鬜"

// jisx0213 finds the cell of a character. old: as the edition of 2000 has it.
func jisx0213(r rune, old bool) (cell, bool) {
	if old && strings.ContainsRune(since2004, r) {
		return cell{}, false
	}
	if old && r == '鬝' { // that had another form
		r = '鬜'
	}
	c, ok := jisx0213Cells()[r]
	return c, ok
}

// kanaPairs are the cells of plane 1 that hold two characters of Unicode.
var kanaPairs = pairsOf(map[string]string{
	"か゚": "\x24\x77", "き゚": "\x24\x78", "く゚": "\x24\x79", "け゚": "\x24\x7a", "こ゚": "\x24\x7b",
	"カ゚": "\x25\x77", "キ゚": "\x25\x78", "ク゚": "\x25\x79", "ケ゚": "\x25\x7a", "コ゚": "\x25\x7b", "セ゚": "\x25\x7c", "ツ゚": "\x25\x7d", "ト゚": "\x25\x7e",
	"ㇷ゚": "\x26\x78", "\u00e6\u0300": "\x2b\x44", "\u0254\u0300": "\x2b\x48", "\u0254\u0301": "\x2b\x49", "\u028c\u0300": "\x2b\x4a", "\u028c\u0301": "\x2b\x4b",
	"\u0259\u0300": "\x2b\x4c", "\u0259\u0301": "\x2b\x4d", "\u025a\u0300": "\x2b\x4e", "\u025a\u0301": "\x2b\x4f", "\u02e9\u02e5": "\x2b\x65", "\u02e5\u02e9": "\x2b\x66",
})

// euc0213 is euc_jis_2004, or euc_jisx0213, which is old.
func euc0213(name string, old bool) file.Encoding {
	euc, _ := find("euc_jp")
	e := file.Encoding{Name: name, Single: true, Lacks: lacks, Append: func(dst []byte, r rune) ([]byte, bool) {
		if c, ok := jisx0213(r, old); ok {
			if c.plane == 2 {
				dst = append(dst, 0x8f)
			}
			return append(dst, c.row|0x80, c.cell|0x80), true
		}
		if r == 0xa5 || r == 0x203e || old && strings.ContainsRune(since2004, r) {
			return dst, false
		}
		return euc.Append(dst, r)
	}}
	return paired(e, kanaPairs, func(dst, code []byte) []byte { return append(dst, code[0]|0x80, code[1]|0x80) })
}

// shifted0213 is shift_jis_2004, or shift_jisx0213, which is old.
func shifted0213(name string, old bool) file.Encoding {
	euc, _ := find("euc_jp")
	first := within(euc, 2)
	e := file.Encoding{Name: name, Single: true, Lacks: lacks, Append: func(dst []byte, r rune) ([]byte, bool) {
		switch {
		case r == '\\':
			return append(dst, 0x81, 0x5f), true
		case r == '~':
			return append(dst, 0x81, 0xb0), true
		case r < 0x80:
			return append(dst, byte(r)), true
		case r == '＼' || r == '～':
			return dst, false
		case r == 0xa5:
			return append(dst, 0x5c), true
		case r == 0x203e:
			return append(dst, 0x7e), true
		case r >= 0xff61 && r <= 0xff9f:
			return append(dst, byte(r-0xff61)+0xa1), true
		}
		if c, ok := jisx0213(r, old); ok {
			return appendShifted(dst, c), true
		}
		if code := first(r); code != nil {
			return appendShifted(dst, cell{1, code[0], code[1]}), true
		}
		return dst, false
	}}
	return paired(e, kanaPairs, func(dst, code []byte) []byte { return appendShifted(dst, cell{1, code[0], code[1]}) })
}

// appendShifted appends a cell as Shift_JIS has it, two rows to each first byte. Of
// plane 2 the rows 1, 3 to 5, 8 and 12 to 15 come after those of plane 1, then 78 to 94.
func appendShifted(dst []byte, c cell) []byte {
	row := c.row - 0x21
	if c.plane == 2 {
		switch {
		case row >= 77:
			row += 26
		case row == 7 || row >= 11:
			row += 88
		default:
			row += 94
		}
	}
	hi, lo := 0x81+row/2, c.cell-0x21+row%2*94+0x40
	if hi > 0x9f {
		hi += 0x40
	}
	if lo >= 0x7f {
		lo++
	}
	return append(dst, hi, lo)
}
