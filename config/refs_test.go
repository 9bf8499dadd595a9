package config

import (
	"strings"
	"testing"
)

const refsYAML = `mine:
  names: {file: mine.log, "0": zero.log, 7: seven.log, "with space": space.log}
  list: [zero.log, one.log, [two.log]]
  next: cfg://mine.after
  after: cfg://mine.list[1]
  circle: cfg://mine.circle
  big: {a: cfg://mine.list, b: [cfg://mine.names, {c: cfg://mine.list}]}
`

func TestReferences(t *testing.T) {
	for path, want := range map[string]string{
		"mine.names.file": "mine.log", "mine[names][file]": "mine.log", "mine . names [ file ]": "mine.log", "mine.list[2][0]": "two.log",
		"mine[list][1]": "one.log", "mine.next": "one.log", "mine.names.0": "zero.log", "mine.names[7]": "seven.log", "mine.names[with space]": "space.log",
		"mine.names[0]": "no key '0'", "mine.list[3]": "no element 3", "mine.list.x": "no key 'x'", "mine.names.file.x": "no key 'x'", "nope": "no key 'nope'",
		"mine!a": "Unable to convert 'mine!a' at '!a'", "mine.a.": "no key 'a'", "mine.names.": "Unable to convert 'mine.names.' at '.'", "": "Unable to convert ''",
		"mine.circle": "leads to itself", "it": "leads to itself",
	} {
		doc, err := Parse("f", []byte(refsYAML+"it: 'cfg://"+path+"'\n"))
		got := doc.Root.Get("it").Raw()
		if err != nil {
			for line := range strings.Lines(err.Error()) {
				if strings.Contains(line, ": it: ") {
					got = line
				}
			}
		}
		if !strings.Contains(got, want) {
			t.Errorf("cfg://%s: %q, want %q", path, got, want)
		}
	}
}

// Whole maps and lists are taken over, references in them too; the place is that of
// the reference.
func TestReferenceToMap(t *testing.T) {
	text := strings.Replace(refsYAML, "  circle: cfg://mine.circle\n", "", 1) + "it: cfg://mine.big\nhandlers: ['cfg://mine.after']\nlevel: ext://logging.DEBUG\nclass: ext://logging.Other\n"
	doc, err := Parse("f", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	it := doc.Root.Get("it")
	c := it.Get("b").Items()[1].Get("c").Items()[2].Items()[0]
	if c.Raw() != "two.log" || c.Path() != "it.b[1].c[2][0]" || it.Pos().Line != 7 {
		t.Errorf("%s %q, at %v", c.Path(), c.Raw(), it.Pos())
	}
	if h := doc.Root.Get("handlers").Items()[0].Raw(); h != "cfg://mine.after" {
		t.Errorf("the name of a handler became %q", h)
	}
	if l := doc.Root.Get("level").Py(nil); l != 10 {
		t.Errorf("the level is %v", l)
	}
	if c := doc.Root.Get("class").Raw(); c != "ext://logging.Other" {
		t.Errorf("the class is %q", c)
	}
}

// A file of a few lines that would become a billion values is refused.
func TestReferencesThatGrow(t *testing.T) {
	var b strings.Builder
	b.WriteString("a0: [1, 2, 3, 4]\n")
	for i := range 20 {
		at := string(rune('a' + i))
		b.WriteString(at + "1: [")
		prev := "a0"
		if i > 0 {
			prev = string(rune('a'+i-1)) + "1"
		}
		b.WriteString("cfg://" + prev + ", cfg://" + prev + ", cfg://" + prev + "]\n")
	}
	if _, err := Parse("f", []byte(b.String())); err == nil || !strings.Contains(err.Error(), "more than") {
		t.Errorf("it is taken: %v", err)
	}
}
