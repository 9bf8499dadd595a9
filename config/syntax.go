package config

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

const tooDeep = "more than %d lists and maps in each other"

// checkBytes finds what YAML's reader refuses, with its place: bytes that are
// not UTF-8, control characters.
func checkBytes(src *source, data []byte, ps *Problems) bool {
	if len(data) > maxFileBytes {
		ps.Add(Pos{src.name, 1, 1}, "", "larger than %s: this is no configuration", Size(maxFileBytes))
		return false
	}
	if bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")) {
		ps.Add(Pos{src.name, 1, 1}, "", "the file is UTF-16; save it as UTF-8")
		return false
	}
	line, col := 1, 1
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && size == 1 {
			ps.Add(Pos{src.name, line, col}, "", "byte 0x%02x is not UTF-8; save the file as UTF-8", data[i])
			return false
		}
		if !printable(r) {
			ps.AddHint(Pos{src.name, line, col}, "", `write it in double quotes with a backslash: "\x1b"`,
				"the character %U is not allowed in YAML", r)
			return false
		}
		i += size
		col++
		if isBreak(r) && !(r == '\r' && i < len(data) && data[i] == '\n') {
			line, col = line+1, 1
		}
	}
	return true
}

// printable reports YAML's c-printable.
func printable(r rune) bool {
	return r == '\t' || r == '\n' || r == '\r' || r == 0x85 ||
		r >= 0x20 && r <= 0x7e || r >= 0xa0 && r <= 0xd7ff ||
		r >= 0xe000 && r <= 0xfffd && r != 0xfeff || r >= 0x10000 && r <= 0x10ffff
}

// isBreak reports YAML 1.1's line breaks.
func isBreak(r rune) bool {
	return r == '\n' || r == '\r' || r == 0x85 || r == 0x2028 || r == 0x2029
}

// remedies gives for the library's messages what they mean, and what helps.
var remedies = []struct{ part, msg, hint string }{
	{"mapping values are not allowed in this context", "a second `: ` in one line, or a key that is indented too far",
		"quote a text that holds `: `; keys of one map begin in one column"},
	{"did not find expected key", "expected a key here",
		"keys of one map begin in one column; a text that goes on after its closing quote must be quoted as a whole"},
	{"did not find expected '-' indicator", "expected the next `- ` of the list here",
		"items of one list begin in one column; a list and keys can't be mixed"},
	{"did not find expected ',' or ']'", "expected , or ] in the list [ … ]", `in [ ] a text with [ ], { } or a comma must be quoted: "${NAME}"`},
	{"did not find expected ',' or '}'", "expected , or } in the map { … }", `in { } a text with { } or a comma must be quoted: "${NAME}"`},
	{"did not find expected node content", "expected a value here", "quote a text that begins with , ] or }"},
	{"found unexpected end of stream", "the quotes are not closed", `in "double quotes" write \" for a quote, in 'single quotes' two of them`},
	{"could not find expected ':'", "expected a `:` after the key", "`key: value` wants a space after the colon"},
	{"unknown anchor", "the alias has no anchor", `a text that begins with * must be quoted: "*…"`},
	{"found unknown escape character", "unknown escape after \\ in double quotes",
		`write \\ for a backslash, or use 'single quotes'`},
	{"found incompatible YAML document", "the file names a YAML version other than 1.1", "take out the line %YAML"},
	{"directive", "a line that begins with % is a directive",
		`a text that begins with % must be quoted: "%(message)s"`},
	{"did not find expected alphabetic or numeric character", "& and * want a name of letters and digits",
		`a text that begins with & or * must be quoted: "*…"`},
	{"block sequence entries are not allowed", "a list with - can't begin here",
		"begin it in the next line, or write [a, b]; a text that begins with - must be quoted"},
	{"found a tab character", "a tab where YAML wants spaces", "indent with spaces"},
}

// syntaxProblem turns an error of the YAML library into a problem with a place
// and a remedy. Texts of the file are not repeated: they could be secrets.
func syntaxProblem(src *source, data []byte, err error) Problem {
	p := Problem{Pos: Pos{src.name, 1, 1}, Msg: "not valid YAML"}
	var le *yaml.LoadError
	if !errors.As(err, &le) {
		return p
	}
	mark := le.Mark
	if begun := le.ContextMark; begun.Line > 0 && atBeginning(le.Message) || mark.Line == 0 {
		mark = begun
	}
	p.Pos = clampPos(lineLengths(data), Pos{src.name, mark.Line, mark.Column})
	if strings.Contains(le.Message, "cannot start any token") {
		p.Msg, p.Hint = badStart(data, p.Pos)
		return p
	}
	for _, r := range remedies {
		if strings.Contains(le.Message, r.part) {
			p.Msg, p.Hint = r.msg, r.hint
			return p
		}
	}
	if !strings.ContainsAny(le.Message, "'\"`") {
		p.Msg = "not valid YAML: " + le.Message
	}
	return p
}

// atBeginning reports whether a mistake is best shown where its text begins: at
// the quote that is not closed, the % of a line.
func atBeginning(message string) bool {
	return strings.Contains(message, "end of stream") || strings.Contains(message, "directive")
}

// badStart explains a character that can't begin a value.
func badStart(data []byte, pos Pos) (msg, hint string) {
	line := lineAt(data, pos.Line)
	r := rune(0)
	if pos.Col <= len(line) {
		r = line[pos.Col-1]
	}
	switch r {
	case '\t':
		return "a tab where YAML wants spaces", "indent with spaces"
	case '%':
		return "a value can't begin with %", `quote it: "%(message)s"`
	case '@', '`':
		return "a value can't begin with " + string(r), `quote it: "` + string(r) + `…"`
	}
	return "a value can't begin here", "quote the text"
}

// lineAt gives the characters of a line without its end; nil if there is none.
func lineAt(data []byte, number int) []rune {
	lines := splitLines(data)
	if number < 1 || number > len(lines) {
		return nil
	}
	return []rune(lines[number-1])
}

// splitLines cuts at YAML's line breaks; there is always at least one line.
func splitLines(data []byte) []string {
	text := strings.ReplaceAll(string(data), "\r\n", "\n")
	text = strings.Map(func(r rune) rune {
		if isBreak(r) {
			return '\n'
		}
		return r
	}, text)
	return strings.Split(text, "\n")
}

// lineLengths counts the characters of each line.
func lineLengths(data []byte) []int {
	lines := splitLines(data)
	lengths := make([]int, len(lines))
	for i, line := range lines {
		lengths[i] = utf8.RuneCountInString(line)
	}
	return lengths
}

// clampPos moves a place that lies behind the end of the file or of its line to
// that end: the library counts one further for what is missing.
func clampPos(lengths []int, pos Pos) Pos {
	if pos.Line > len(lengths) {
		pos.Line, pos.Col = len(lengths), math.MaxInt
	}
	pos.Line = max(pos.Line, 1)
	pos.Col = max(min(pos.Col, lengths[pos.Line-1]+1), 1)
	return pos
}
