package deliver

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"hash/crc32"
	"os"
	"path/filepath"
	"testing"

	"github.com/girok/girok/record"
)

// copyOf is a copy of a state file as write makes it.
func copyOf(number uint64, body []byte) []byte {
	b := binary.LittleEndian.AppendUint64([]byte(stateMagic), number)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(body)))
	b = append(b, body...)
	return binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
}

// FuzzState: whatever the two copies of a state file are, one of any bytes and one
// that checks with any number and text,
//   - opening neither panics nor fails: both bad is the same as none, and said;
//   - what is used is that of the copies that check and belong to the handler which
//     has the higher number, whole;
//   - the next write is what the next opening finds, whatever was there before.
func FuzzState(f *testing.F) {
	good, err := json.Marshal(stateBody{Handler: "h", Target: "t", Runs: map[string]*stateOfRun{"00000000000000ab": {Next: 4096, Index: 2, Lost: [][2]uint64{{1, 2}}}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(copyOf(7, good), uint64(8), good, true)
	f.Add(copyOf(7, good)[:30], uint64(1<<63), []byte("{}"), false)
	f.Add([]byte{}, uint64(0), []byte(`{"handler":"h","target":"t","runs":{"x":null,"00000000000000cd":{"next":18446744073709551615}}}`), true)
	f.Add(bytes.Repeat([]byte{0xff}, 24), uint64(1<<62), []byte(`{"handler":"other","target":"t"}`), false)
	f.Fuzz(func(t *testing.T, raw []byte, number uint64, body []byte, first bool) {
		dir := t.TempDir()
		empty, err := openState(dir, "h", "t")
		if err != nil || empty.torn || len(empty.runs()) != 0 {
			t.Fatalf("of nothing: %v, %+v", err, empty.body)
		}
		copies := [][]byte{raw, copyOf(number, body)}
		if first {
			copies[0], copies[1] = copies[1], copies[0]
		}
		for i, b := range copies {
			if err := os.WriteFile(empty.copyPath(uint64(i)), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		s, err := openState(dir, "h", "t")
		if err != nil {
			t.Fatal(err)
		}
		want, torn := bestOf(copies)
		if got, _ := json.Marshal(s.body.Runs); s.torn != torn || !bytes.Equal(got, want) {
			t.Fatalf("torn %v, want %v; got %s, want %s", s.torn, torn, got, want)
		}
		const id = record.RunID(0xab)
		at := record.Place{Position: 1 << 40, Index: 3}
		s.set(id, at)
		s.lost(id, 1, 2)
		before, _ := json.Marshal(s.body.Runs)
		if err := s.write(); err != nil {
			t.Fatal(err)
		}
		again, err := openState(dir, "h", "t")
		if err != nil || again.torn || again.number != s.number {
			t.Fatalf("%v, torn %v, number %d after %d", err, again.torn, again.number, s.number)
		}
		if got, ok := again.next(id); !ok || got != at {
			t.Errorf("it stands at %v", got)
		}
		if after, _ := json.Marshal(again.body.Runs); !bytes.Equal(before, after) {
			t.Errorf("wrote %s, reads %s", before, after)
		}
	})
}

// bestOf says, in a way of its own, what of two copies counts.
func bestOf(copies [][]byte) (runs []byte, torn bool) {
	best, found := uint64(0), false
	runs = []byte("{}")
	for _, b := range copies {
		if len(b) < 24 || !bytes.HasPrefix(b, []byte("girokst1")) {
			continue
		}
		number, n := binary.LittleEndian.Uint64(b[8:]), uint64(binary.LittleEndian.Uint32(b[16:]))
		if uint64(len(b)) < 24+n || crc32.ChecksumIEEE(b[:20+n]) != binary.LittleEndian.Uint32(b[20+n:]) {
			continue
		}
		var body stateBody
		if json.Unmarshal(b[20:20+n], &body) != nil || body.Handler != "h" || body.Target != "t" || number >= 1<<63 || found && number <= best {
			continue
		}
		best, found = number, true
		if body.Runs == nil {
			body.Runs = map[string]*stateOfRun{}
		}
		runs, _ = json.Marshal(body.Runs)
	}
	return runs, !found
}

// A copy that a kill tore leaves the one before.
func TestStateTorn(t *testing.T) {
	dir := t.TempDir()
	s, err := openState(dir, "h", "t")
	if err != nil {
		t.Fatal(err)
	}
	for n := range uint64(5) {
		s.set(1, record.Place{Position: n})
		if err := s.write(); err != nil {
			t.Fatal(err)
		}
	}
	last := s.copyPath(s.number)
	whole, err := os.ReadFile(last)
	if err != nil {
		t.Fatal(err)
	}
	used := 24 + int(binary.LittleEndian.Uint32(whole[16:]))
	for cut := range used {
		if err := os.WriteFile(last, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		again, err := openState(dir, "h", "t")
		if err != nil {
			t.Fatal(err)
		}
		if at, ok := again.next(1); !ok || at.Position != 3 {
			t.Fatalf("cut at %d of %s: %v", cut, filepath.Base(last), at)
		}
	}
}
