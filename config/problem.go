package config

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
	"strings"
)

// Pos is a place in a file. Line and Col count from 1; Col counts characters,
// not bytes. The zero Pos is "nowhere".
type Pos struct {
	File string
	Line int
	Col  int
}

// IsZero reports whether p names no place.
func (p Pos) IsZero() bool { return p == Pos{} }

// String gives file:line:col, leaving out what is not known.
func (p Pos) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Col)
}

func comparePos(a, b Pos) int {
	return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col))
}

// Problem is one mistake in a configuration. It never holds the value of a
// reference or of a [Secret].
type Problem struct {
	Pos
	Path string // the key, "handlers.events.table"; "" for the file itself
	Msg  string // what is wrong and what is wanted
	Hint string // a remedy for the lines below; may be empty or have several lines
}

// String is Error; without it fmt would find the String of Pos.
func (p Problem) String() string { return p.Error() }

// Error gives "file:line:col: path: message"; the hint follows on lines of
// their own, indented to the message.
func (p Problem) Error() string {
	place := p.Pos.String()
	if place != "" {
		place += ": "
	}
	text := place
	if p.Path != "" {
		text += p.Path + ": "
	}
	text += p.Msg
	if p.Hint == "" {
		return text
	}
	indent := "\n" + strings.Repeat(" ", len(place))
	return text + indent + strings.ReplaceAll(p.Hint, "\n", indent)
}

// Problems collects mistakes. It is an error; use [Problems.Err] to get nil when
// there is none. Not safe for concurrent use.
type Problems []Problem

// Add appends a problem at pos. The message is formatted as by fmt.Sprintf.
func (ps *Problems) Add(pos Pos, path, format string, args ...any) {
	ps.add(Problem{Pos: pos, Path: path, Msg: fmt.Sprintf(format, args...)})
}

// AddHint appends a problem with a remedy.
func (ps *Problems) AddHint(pos Pos, path, hint, format string, args ...any) {
	ps.add(Problem{Pos: pos, Path: path, Msg: fmt.Sprintf(format, args...), Hint: hint})
}

// add tolerates a nil collector: whoever passes nil does not want to know.
func (ps *Problems) add(p Problem) {
	if ps != nil {
		*ps = append(*ps, p)
	}
}

// Sort orders by file, line and column, and takes out exact repetitions (two
// decoders that met the same mistake).
func (ps *Problems) Sort() {
	all := *ps
	sort.SliceStable(all, func(i, j int) bool { return comparePos(all[i].Pos, all[j].Pos) < 0 })
	seen := make(map[Problem]bool, len(*ps))
	*ps = slices.DeleteFunc(*ps, func(p Problem) bool {
		again := seen[p]
		seen[p] = true
		return again
	})
}

// Err sorts the problems and returns them as an error, nil if there are none.
func (ps *Problems) Err() error {
	if ps == nil || len(*ps) == 0 {
		return nil
	}
	ps.Sort()
	return *ps
}

// Error gives all problems in order, one a line.
func (ps Problems) Error() string {
	sorted := slices.Clone(ps)
	sorted.Sort()
	lines := make([]string, len(sorted))
	for i, p := range sorted {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// has reports whether something at path, or below it, is already a problem.
func (ps *Problems) has(path string) bool {
	return ps != nil && slices.ContainsFunc(*ps, func(p Problem) bool {
		rest, ok := strings.CutPrefix(p.Path, path)
		return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
	})
}
