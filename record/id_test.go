package record

import (
	"strings"
	"testing"
)

func idOf(sec int64, ms uint32, run RunID, at Place) string {
	v := View{Seconds: sec, Nanos: ms * 1e6}
	return string(v.AppendID(nil, run, at))
}

// The vectors were made with Python, from docs/spool-format.md and base 32 of one
// 128-bit number.
func TestIDVectors(t *testing.T) {
	tests := []struct {
		sec  int64
		ms   uint32
		run  RunID
		at   Place
		want string
	}{
		{0, 0, 0x1, Place{0x0, 0}, "0000000000HPPQ3JP3EH409774"},
		{1700000000, 123, 0x123456789abcdef, Place{0x1000, 0}, "01HF7YAT3VRW0B8Z5E32BHHEEA"},
		{1700000000, 123, 0x123456789abcdef, Place{0x1000, 1}, "01HF7YAT3V0SVJ8YVEVWR8GHVW"},
		{281474976710, 655, 0xffffffffffffffff, Place{0x4000000000000000, 4294967295}, "7ZZZZZZZZZMMS35R66WRBV42D1"},
		{-5, 0, 0x1, Place{0x8, 0}, "0000000000M8R2CQK181PKMT8V"},
		{1152921504606846976, 0, 0x1, Place{0x8, 0}, "7ZZZZZZZZZM8R2CQK181PKMT8V"},
	}
	for _, tt := range tests {
		if got := idOf(tt.sec, tt.ms, tt.run, tt.at); got != tt.want {
			t.Errorf("id of %d.%03d run %s at %v is %s, want %s", tt.sec, tt.ms, tt.run, tt.at, got, tt.want)
		}
	}
}

func TestIDsSortByTime(t *testing.T) {
	last := ""
	for _, sec := range []int64{-1 << 62, -1, 0, 1, 1_700_000_000, 1_700_000_001, 253402300800, 1<<48/1000 - 1, 1 << 40, 1 << 62} {
		id := idOf(sec, 0, 1, Place{})
		if len(id) != IDLength || strings.Trim(id, "0123456789ABCDEFGHJKMNPQRSTVWXYZ") != "" || id[0] > '7' {
			t.Errorf("id %q is no ULID", id)
		}
		// Times before 1970 and after 10889 stand at the ends.
		if id[:10] < last {
			t.Errorf("the id of second %d, %s, sorts before that of an earlier one, %s", sec, id, last)
		}
		last = id[:10]
	}
}

func TestIDsAreUnique(t *testing.T) {
	seen := map[string]bool{}
	for run := range RunID(10) {
		for pos := range uint64(100) {
			for index := range uint32(10) {
				id := idOf(1_700_000_000, 0, run+1, Place{pos * 8, index})
				if seen[id] {
					t.Fatalf("id %s came twice", id)
				}
				seen[id] = true
			}
		}
	}
}

// TestIDBitsAreEven counts how often each of the 80 bits is set: they are a hash of
// places that differ little.
func TestIDBitsAreEven(t *testing.T) {
	const n = 100_000
	var set [80]int
	for i := range uint64(n) {
		hi, lo := hashPlace(1, Place{i * 8, 0})
		for bit := range 64 {
			set[bit] += int(lo >> bit & 1)
		}
		for bit := range 16 {
			set[64+bit] += int(hi >> bit & 1)
		}
	}
	for bit, got := range set {
		if got < n*49/100 || got > n*51/100 { // six times what chance does
			t.Errorf("bit %d is set in %d of %d", bit, got, n)
		}
	}
}

func TestIDThatTheRecordBrought(t *testing.T) {
	const first = "01HQZZZZZZZZZZZZZZZZZZZZZZ"
	e := NewEncoder(nil)
	defer e.Release()
	e.Begin(&Header{})
	e.ID("too short")
	e.ID(first)
	var v View
	if err := v.Parse(e.Finish()); err != nil {
		t.Fatal(err)
	}
	if got := string(v.AppendID(nil, 7, Place{8, 1})); got != first {
		t.Errorf("id is %s, want the first one, %s", got, first)
	}
}
