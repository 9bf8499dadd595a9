package record

import (
	"bytes"
	"strconv"
)

// maxNested is how deep objects and lists lie in each other in a record's
// attributes, groups and the object around all included. What lies deeper is cut.
// MySQL and MongoDB take 100 levels, of which a store may put a few around them,
// BigQuery 500; SQLite's JSON functions fail for a whole column where one row of
// it has more than 1,000.
const maxNested = 96

// cutDeep is JSON text with each object or list that would be nested deeper than
// levels replaced by a string that says how long it was; ok is false if there is
// none, and the text is as it was. Of text that is no JSON the result is none
// either.
func cutDeep(text []byte, levels int) (_ []byte, ok bool) {
	if bytes.Count(text, []byte{'{'})+bytes.Count(text, []byte{'['}) <= levels {
		return text, false
	}
	var out []byte
	depth, from := 0, 0 // from: where what is not yet in out begins
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			i = quoteEnd(text, i)
		case '{', '[':
			if depth++; depth == levels+1 {
				out = append(out, text[from:i]...)
				from = i
			}
		case '}', ']':
			if depth--; depth == levels {
				out = append(out, `"[cut: `...)
				out = strconv.AppendInt(out, int64(i+1-from), 10)
				out = append(out, ` bytes]"`...)
				from = i + 1
			}
		}
	}
	if out == nil {
		return text, false
	}
	return append(out, text[from:]...), true
}

// quoteEnd is where the quote lies that ends the string whose first one lies at i.
func quoteEnd(text []byte, i int) int {
	for i++; i < len(text) && text[i] != '"'; i++ {
		if text[i] == '\\' {
			i++
		}
	}
	return i
}
