package config

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

// FuzzParse feeds Parse with anything. What must hold:
//
//  1. Parse, Decode, JSON and FromJSON never panic.
//  2. An error is Problems, never empty. Without an error there is a Document.
//  3. Every position, of problems, warnings, keys and values, lies inside the
//     file: on one of its lines, at most one character behind its end.
//  4. Every node is found again by its own JSON pointer.
//  5. What JSON writes FromJSON reads, JSON writes the same again, and PyYAML's
//     view of both is the same.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(files) == 0 {
		f.Fatal("no files to begin with", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	for _, text := range []string{
		"a: &a [1, *a]", "a: &a {x: 1}\nb: {<<: [*a, *a], y: 2}", "? \n: ", "a: \u0085b", "a: |+\n\n x", "k: [12:30, 0x1, .inf, 2024-01-02]",
		"$plain: {$plain: no, $$plain: 1}", "- - - ? -", "!!float 1", "\ufeff---\n...", "a: ${HOME:-x}$${y}${", "\ra: 1\r\n\r b", "<<: {<<: {a: 1}}",
		"handlers: {a: {password: &p hunter2, table: *p}}",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		doc, err := Parse("f", data)
		var ps Problems
		if err != nil {
			ps = err.(Problems)
			if len(ps) == 0 {
				t.Fatal("an error without problems")
			}
		}
		inFile := insideOf(t, data)
		if doc != nil {
			Decode(doc.Root, &ps, newSample())
			for _, w := range doc.Warnings {
				inFile(w.Pos)
			}
			checkTree(t, doc.Root, inFile)
			checkRoundTrip(t, doc.Root)
		} else if err == nil {
			t.Fatal("no document and no error")
		}
		for _, p := range ps {
			inFile(p.Pos)
		}
	})
}

// insideOf gives a check that a position lies inside data.
func insideOf(t *testing.T, data []byte) func(Pos) {
	lines := splitLines(bytes.TrimPrefix(data, []byte("\ufeff")))
	return func(p Pos) {
		t.Helper()
		if p.File != "f" || p.Line < 1 || p.Line > len(lines) || p.Col < 1 || p.Col > len([]rune(lines[p.Line-1]))+1 {
			t.Fatalf("%s is outside of the file", p)
		}
	}
}

func checkTree(t *testing.T, root *Node, inFile func(Pos)) {
	root.walk(func(n *Node) {
		inFile(n.Pos())
		inFile(n.KeyPos())
		if root.at(n.pointer()) != n {
			t.Fatalf("%s (%s) is not found again", n.Path(), n.pointer())
		}
	})
}

func checkRoundTrip(t *testing.T, root *Node) {
	first, err := root.JSON(nil)
	if err != nil {
		root.MarkRaw() // references to variables that are not set
		if first, err = root.JSON(nil); err != nil {
			t.Fatal(err)
		}
	}
	back, err := FromJSON("f", first)
	if err != nil {
		t.Fatalf("%s: %v", first, err)
	}
	second, err := back.JSON(nil)
	if err != nil || !bytes.Equal(first, second) {
		t.Fatalf("%s came back as %s, %v", first, second, err)
	}
	third, _ := FromJSON("f", second)
	if a, b := back.Py(nil), third.Py(nil); !reflect.DeepEqual(a, b) && !bytes.Contains(bytes.ToLower(first), []byte(".nan")) {
		t.Fatalf("%v came back as %v", a, b)
	}
	secrets := false
	root.walk(func(n *Node) { secrets = secrets || n.is(useSecret) })
	if a, b := root.Py(nil), back.Py(nil); !secrets && !reflect.DeepEqual(a, b) && !bytes.Contains(bytes.ToLower(first), []byte(".nan")) {
		t.Fatalf("%v came back as %v", a, b)
	}
}
