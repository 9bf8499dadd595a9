package config

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestReference(t *testing.T) {
	s := newSample()
	s.Handlers = nil
	var lines []string
	for _, o := range Reference("", s) {
		lines = append(lines, strings.TrimRight(fmt.Sprintf("%s | %s | %s | %s | %s", o.Key, o.Type, o.JSONType, o.Default, o.Doc), " "))
	}
	golden(t, "testdata/reference.golden", strings.Join(lines, "\n")+"\n")
}

func TestReferencePrefixAndDetails(t *testing.T) {
	b := batch{Records: 5000, Bytes: 4 << 20, Age: Duration(90 * time.Minute)}
	got := Reference("handlers.<name>.batch", b)
	want := []Option{
		{Key: "handlers.<name>.batch.records", Type: "a whole number from 1 to 10,000", JSONType: "integer",
			Default: "5000", Doc: "rows in a batch", Min: "1", Max: "10000"},
		{Key: "handlers.<name>.batch.bytes", Type: "a size of at most 1GiB", Default: "4MiB", Max: "1GiB"},
		{Key: "handlers.<name>.batch.age", Type: "a duration from 1s to 1h", JSONType: "string", Default: "1h30m", Min: "1s", Max: "1h"},
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	for _, o := range Reference("", &handler{}) {
		if o.Required != (o.Key == "class" || strings.HasSuffix(o.Key, ".from")) || o.Secret != (o.Key == "password") {
			t.Errorf("%+v", o)
		}
	}
}

// TestReferenceOfItself: a type that holds itself comes to an end.
func TestReferenceOfItself(t *testing.T) {
	type node struct {
		Name string
		Next *node
		All  []node
	}
	if got := len(Reference("", &node{})); got != 3 {
		t.Errorf("got %d options, want 3", got)
	}
}

func TestThousands(t *testing.T) {
	for number, want := range map[string]string{"": "", "1": "1", "999": "999", "1000": "1,000", "-1234567": "-1,234,567", "-128": "-128"} {
		if got := thousands(number); got != want {
			t.Errorf("%s: got %s, want %s", number, got, want)
		}
	}
}
