package config

import (
	"strings"
	"testing"
)

func TestExpand(t *testing.T) {
	t.Setenv("GIROK_A", "a")
	t.Setenv("GIROK_EMPTY", "")
	t.Setenv("GIROK_NESTED", "${GIROK_A}")
	for text, want := range map[string]string{
		"": "", "plain": "plain", "${GIROK_A}": "a", "x${GIROK_A}y${GIROK_A}": "xaya", "${GIROK_EMPTY}": "",
		"${GIROK_EMPTY:-d}": "d", "${GIROK_UNSET:-d}": "d", "${GIROK_UNSET:-}": "", "${GIROK_A:-d}": "a",
		"${GIROK_UNSET:-a:-b}": "a:-b", "${GIROK_UNSET:-/x y}": "/x y",
		"$${GIROK_A}": "${GIROK_A}", "$$${GIROK_A}": "$${GIROK_A}", "$$": "$$", "$": "$", "$GIROK_A": "$GIROK_A",
		"%(message)s": "%(message)s", "{message}": "{message}", "}": "}", "${GIROK_NESTED}": "${GIROK_A}",
	} {
		if got, err := expand(text, &source{}, inText); err != nil || got != want {
			t.Errorf("%s: got %q, %v; want %q", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"${": "not closed", "${GIROK_A": "not closed", "${}": "want a variable's name", "${1}": "want a variable's name",
		"${a b}": "want a variable's name", "${GIROK_UNSET}": "GIROK_UNSET is not set", "${GIROK_A:+x}": "want a variable's name",
		"${A:-${B}}": "can't hold another", "${file:/no/such}": "no such file", "${key:x}": "JSON pointer",
		"${key:x#/a}": "stored configurations",
	} {
		if got, err := expand(text, &source{}, inText); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %q, %v; want an error with %q", text, got, err, want)
		}
	}
}

// TestKeysAreNotExpanded: references are replaced in values only.
func TestKeysAreNotExpanded(t *testing.T) {
	t.Setenv("GIROK_A", "a: b")
	root := parseRoot(t, "'${GIROK_A}': '${GIROK_A}'\n")
	if got, _ := root.JSON(nil); string(got) != `{"${GIROK_A}":"a: b"}` {
		t.Errorf("got %s", got)
	}
}
