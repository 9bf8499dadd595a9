package config

import (
	"strings"
	"testing"
)

func TestSuggest(t *testing.T) {
	known := []string{"table", "batch", "columns", "create", "credentials_file", "max_bytes", "spool", "id", "rest"}
	for word, want := range map[string]string{
		"tabel": "table", "tabl": "table", "Table": "table", "TABLE": "table", "btach": "batch", "colum": "columns",
		"spol": "spool", "max-bytes": "max_bytes", "maxbytes": "max_bytes", "credentials": "credentials_file",
		"x": "", "": "", "if": "", "di": "", "ID": "id", "unheard": "", "rset": "rest", "table": "", "crea": "create", "cre": "",
		strings.Repeat("x", 1000): "",
	} {
		if got := Suggest(word, known); got != want {
			t.Errorf("%s: got %q, want %q", word, got, want)
		}
	}
	if got := Suggest("fil", []string{"pile", "file", "fill"}); got != "file" {
		t.Errorf("the first of the nearest: got %q", got)
	}
}

func TestEditDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"abc", "abc", 0}, {"abc", "acb", 1}, {"abc", "abd", 1},
		{"abc", "ab", 1}, {"kitten", "sitting", 3}, {"ca", "abc", 3}, {"é", "e", 1},
	} {
		if got := editDistance(c.a, c.b); got != c.want {
			t.Errorf("%q, %q: got %d, want %d", c.a, c.b, got, c.want)
		}
	}
}

func TestKnownWords(t *testing.T) {
	if got := knownWords([]string{"c", "a", "b", "d", "a"}, true); got != "a, b, c, …" {
		t.Errorf("got %s", got)
	}
	if got := knownWords([]string{"c", "a", "b", "d"}, false); got != "a, b, c, d" {
		t.Errorf("got %s", got)
	}
}
