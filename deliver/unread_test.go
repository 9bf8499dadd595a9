package deliver

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/girok/girok/spool"
)

// A segment that can't be read just now, as one that another user has taken: its
// records wait, that is told with the reason, and when it can be read they come.
func TestRunCantBeReadJustNow(t *testing.T) {
	dir, s := t.TempDir(), newStore()
	p := start(t, dir, 0, one(s), "a")
	p.appendN(1, 5)
	p.spool.Seal()
	p.spool.Release()
	run := runFolders(t, dir)[0]
	seg := filepath.Join(run, "000001.seg")
	if err := os.Rename(seg, seg+".kept"); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(run, seg); err != nil { // to read a folder is an error, for root too
		t.Fatal(err)
	}
	p = start(t, dir, 0, one(s), "a")
	p.d.Start()
	why := ""
	eventually(t, "told", func() bool {
		for _, b := range p.d.Backlog() {
			if b.State == spool.Retrying && b.Tried {
				why = b.Cause
			}
		}
		return why != ""
	})
	if !strings.Contains(why, "000001.seg: is a directory") {
		t.Errorf("the cause is %q", why)
	}
	r, err := spool.Look(run)
	if err != nil {
		t.Fatal(err)
	}
	if st, text := r.Counters().Slot(0).State(); st != spool.Retrying || text != "is a directory: 000001.seg" {
		t.Errorf("the page says %v, %q", st, text)
	}
	if err := os.Rename(seg+".kept", seg); err != nil { // at once: one that is not there for a moment counts as lost
		t.Fatal(err)
	}
	eventually(t, "drained", func() bool {
		p.d.Look()
		return len(runFolders(t, dir)) == 1
	})
	p.stop()
	once(t, s, 5)
}
