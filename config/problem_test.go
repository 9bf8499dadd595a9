package config

import (
	"errors"
	"fmt"
	"testing"
)

func TestProblemError(t *testing.T) {
	pos := Pos{"bad.yaml", 7, 11}
	for _, c := range []struct {
		p    Problem
		want string
	}{
		{Problem{pos, "a.b", "is wrong", ""}, "bad.yaml:7:11: a.b: is wrong"},
		{Problem{pos, "", "is wrong", ""}, "bad.yaml:7:11: is wrong"},
		{Problem{Pos{}, "a", "is wrong", ""}, "a: is wrong"},
		{Problem{Pos{File: "bad.yaml"}, "", "is wrong", ""}, "bad.yaml: is wrong"},
		{Problem{pos, "a", "is wrong", "do this\nand that"},
			"bad.yaml:7:11: a: is wrong\n               do this\n               and that"},
	} {
		if got := c.p.Error(); got != c.want {
			t.Errorf("got\n%s\nwant\n%s", got, c.want)
		}
		if got := fmt.Sprintf("%v|%s", c.p, c.p); got != c.want+"|"+c.want {
			t.Errorf("printed: %s", got)
		}
	}
}

func TestProblemsOrder(t *testing.T) {
	var ps Problems
	if ps.Err() != nil || (*Problems)(nil).Err() != nil {
		t.Fatal("no problems are an error")
	}
	ps.Add(Pos{"b", 1, 1}, "", "fourth")
	ps.Add(Pos{"a", 10, 1}, "", "third")
	ps.Add(Pos{"a", 2, 9}, "", "%s", "second")
	ps.AddHint(Pos{"a", 2, 3}, "x", "hint", "first")
	ps.Add(Pos{"a", 10, 1}, "", "third")
	want := "a:2:3: x: first\n       hint\na:2:9: second\na:10:1: third\nb:1:1: fourth"
	if got := ps.Error(); got != want || len(ps) != 5 {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	var sorted Problems
	if err := ps.Err(); !errors.As(err, &sorted) || len(sorted) != 4 || sorted[0].Msg != "first" {
		t.Errorf("Err: got %v", err)
	}
	(*Problems)(nil).Add(Pos{}, "", "nobody wants to know")
}

func TestProblemsHas(t *testing.T) {
	ps := Problems{{Path: "a.b"}, {Path: "c[0]"}}
	for path, want := range map[string]bool{"a": true, "a.b": true, "a.b.c": false, "a.": false, "c": true, "d": false} {
		if got := ps.has(path); got != want {
			t.Errorf("%s: got %v", path, got)
		}
	}
}
