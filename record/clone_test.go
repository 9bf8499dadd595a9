package record

import (
	"bytes"
	"log/slog"
	"testing"
	"time"
)

func TestClone(t *testing.T) {
	e := NewEncoder(nil)
	defer e.Release()
	e.Begin(&Header{Level: Error, Time: time.Unix(7, 8), Logger: "shop", Message: "placed"})
	e.Source("web")
	e.Attr(slog.Int("a", 1))
	e.Attr(slog.String("exc_info", "boom"))
	e.Attr(slog.Group("g", slog.Bool("exc_info", true)))
	payload := e.Finish()
	var v View
	if err := v.Parse(payload); err != nil {
		t.Fatal(err)
	}
	same, other := v.Clone(), v.CloneWith([]byte("said"), func(key []byte, _ *Value) bool { return string(key) == "exc_info" || string(key) == "stack_info" })
	kept := bytes.Clone(payload)
	clear(payload)
	if err := v.Parse(kept); err != nil {
		t.Fatal(err)
	}
	members := func(v *View) string { return string(v.Attrs().AppendMembers(nil)) }
	if got := string(same.Message) + string(same.Logger) + string(same.Source) + members(same); got != "placedshopweb"+members(&v) || same.Level != Error || same.Time() != v.Time() {
		t.Errorf("a clone is %s", got)
	}
	if got, want := string(other.Message)+members(other), `said,"a":1,"g":{"exc_info":true}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestHold(t *testing.T) {
	e := NewEncoder(nil)
	defer e.Release()
	e.Begin(&Header{Time: time.Unix(7, 8), Message: "placed"})
	e.Finish()
	v := e.View()
	v.Show("before")
	first, second, other := v.Hold(), v.Hold(), v.Clone()
	v.Show("later")
	for _, tt := range []struct {
		v    *View
		want string
	}{{v, "later"}, {first, "later"}, {second, "later"}, {other, "before"}} {
		if got := tt.v.Shown(); got != tt.want {
			t.Errorf("shown %v, want %v", got, tt.want)
		}
	}
	first.Show("held")
	if v.Shown() != "held" || second.Shown() != "held" {
		t.Errorf("shown %v, %v", v.Shown(), second.Shown())
	}
	if v = e.View(); v.Shown() != nil {
		t.Errorf("the next record was shown: %v", v.Shown())
	}
}
