package deliver

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/girok/girok/spool"
)

// Dead letters take a tenth of the spool, and those of one batch beyond it, however many
// they are: then the handler waits, with the reason, until somebody has looked after
// them; no row is lost or set aside twice.
func TestLettersTakeATenth(t *testing.T) {
	const limit, bad = 8 << 20, 300
	dir, s := t.TempDir(), newStore()
	s.reject = func(msg string) (string, bool) { return "too long", strings.HasPrefix(msg, "bad") }
	p := start(t, dir, limit, one(s), "a")
	p.d.Start()
	pad := strings.Repeat("x", 10_000)
	for i := range bad {
		p.append(1, fmt.Sprint("bad", i, pad))
		p.appendN(1, 1)
	}
	seen := map[string]bool{}
	for full := 0; ; {
		var held int64
		letters, err := Letters(p.spool.Dir())
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range letters {
			if st, err := os.Stat(l.File); err == nil {
				held += st.Size()
			}
			seen[l.File] = true
		}
		if held > limit/10+limit/8*3/2 { // those of the last batch, in base64
			t.Fatalf("%d bytes of letters", held)
		}
		if len(seen) == bad {
			if full == 0 {
				t.Error("it was never full")
			}
			break
		}
		eventually(t, "full, or done", func() bool {
			list := p.d.Backlog()
			return len(list) == 0 || list[0].State == spool.Refused && strings.Contains(list[0].Cause, "more than a tenth of the spool")
		})
		if len(p.d.Backlog()) > 0 {
			full++
		}
		for _, l := range letters {
			if err := os.Remove(l.File); err != nil {
				t.Fatal(err)
			}
		}
	}
	p.flush()
	p.stop()
	once(t, s, bad)
}
