package record

import (
	"log/slog"
	"math"
	"testing"
)

func TestLevelsFromSlog(t *testing.T) {
	for l := slog.Level(-20); l <= 20; l++ {
		py := FromSlog(l)
		if want := Level(20 + int(math.Floor(float64(l)*5/2))); py != want {
			t.Errorf("FromSlog(%d) = %d, want %d", l, py, want)
		}
		if back := py.Slog(); back != l {
			t.Errorf("FromSlog(%d) = %d, whose Slog is %d", l, py, back)
		}
	}
	named := map[slog.Level]Level{
		slog.LevelDebug: Debug, slog.LevelInfo: Info, slog.LevelWarn: Warning, slog.LevelError: Error, 12: Critical,
	}
	for s, py := range named {
		if FromSlog(s) != py || py.Slog() != s {
			t.Errorf("slog %d and %s do not meet: %s, %d", s, py, FromSlog(s), py.Slog())
		}
	}
}

func TestLevelsKeepTheirOrder(t *testing.T) {
	for l := Level(-100); l < 100; l++ {
		if l.Slog() > (l + 1).Slog() {
			t.Errorf("%d.Slog() = %d is above %d.Slog() = %d", l, l.Slog(), l+1, (l + 1).Slog())
		}
		if FromSlog(l.Slog()) < l {
			t.Errorf("level %d becomes the lower %d by way of slog", l, FromSlog(l.Slog()))
		}
	}
	for _, l := range []slog.Level{math.MinInt, math.MaxInt, math.MinInt32, math.MaxInt32} {
		if py := FromSlog(l); (py > Info) != (l > 0) {
			t.Errorf("FromSlog(%d) = %d", l, py)
		}
	}
}

func TestLevelNames(t *testing.T) {
	for _, l := range []Level{NotSet, Debug, Info, Warning, Error, Critical} {
		if back, ok := ParseLevel(l.String()); !ok || back != l {
			t.Errorf("ParseLevel(%q) = %v, %v", l.String(), back, ok)
		}
	}
	if s := Level(22).String(); s != "Level 22" {
		t.Errorf("Level(22) is called %q", s)
	}
	for _, bad := range []string{"", "info", "Level 22", "99999999999"} {
		if l, ok := ParseLevel(bad); ok {
			t.Errorf("ParseLevel(%q) = %v, want none", bad, l)
		}
	}
}

func TestSeverity(t *testing.T) {
	for l, want := range map[Level]int{-1000: 1, Debug: 5, Info: 9, Warning: 13, Error: 17, Critical: 21, 1000: 24} {
		if got := l.Severity(); got != want {
			t.Errorf("severity of %s is %d, want %d", l, got, want)
		}
	}
}

func TestKindNames(t *testing.T) {
	for i, name := range KindNames() {
		k, ok := ParseKind(name)
		if !ok || int(k) != i || k.String() != name {
			t.Errorf("ParseKind(%q) = %v, %v", name, k, ok)
		}
	}
	if _, ok := ParseKind("kind 5"); ok {
		t.Error("a kind without a name was parsed")
	}
}

func TestRunIDText(t *testing.T) {
	for _, id := range []RunID{1, 0x0123456789abcdef, math.MaxUint64} {
		if back, ok := ParseRunID(id.String()); !ok || back != id {
			t.Errorf("ParseRunID(%q) = %v, %v", id.String(), back, ok)
		}
	}
	for _, bad := range []string{"", "0", "0000000000000000", "0123456789abcdeg", "0123456789abcdef0", "+123456789abcdef"} {
		if id, ok := ParseRunID(bad); ok {
			t.Errorf("ParseRunID(%q) = %v, want none", bad, id)
		}
	}
}

func TestPlaceCompare(t *testing.T) {
	order := []Place{{0, 0}, {0, 1}, {8, 0}, {8, 7}, {math.MaxUint64, 0}}
	for i, p := range order {
		for j, q := range order {
			if got := p.Compare(q); (got < 0) != (i < j) || (got > 0) != (i > j) {
				t.Errorf("%v.Compare(%v) = %d", p, q, got)
			}
		}
	}
}
