package filter

import (
	"testing"

	"github.com/girok/girok/record"
)

func TestName(t *testing.T) {
	tests := []struct {
		name, logger string
		want         bool
	}{
		{"a.b", "a.b", true},
		{"a.b", "a.b.c", true},
		{"a.b", "a.b.", true},
		{"a.b", "a.bc", false},
		{"a.b", "a", false},
		{"a.b", "A.b", false},
		{"a.b", "", false},
		{"", "", true},
		{"", "a", true},
		{"root", "", true},
		{"root", "root.x", true},
		{"root", "a", false},
	}
	for _, tt := range tests {
		v := record.View{Logger: []byte(tt.logger)}
		if got := Name(tt.name).Pass(&v); got != tt.want {
			t.Errorf("Name(%q) on logger %q: %v", tt.name, tt.logger, got)
		}
	}
}

func TestAll(t *testing.T) {
	yes, no := Name(""), Func(func(*record.View) bool { return false })
	v := record.View{Logger: []byte("a")}
	for _, tt := range []struct {
		all  All
		want bool
	}{{nil, true}, {All{yes}, true}, {All{yes, no}, false}} {
		if got := tt.all.Pass(&v); got != tt.want {
			t.Errorf("%d filters: %v", len(tt.all), got)
		}
	}
}

func TestNameAllocatesNothing(t *testing.T) {
	v := record.View{Logger: []byte("shop.orders")}
	var f Filter = Name("shop")
	if n := testing.AllocsPerRun(100, func() { f.Pass(&v) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
