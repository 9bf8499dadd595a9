//go:build linux && girok_mount

package cuttest

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// disk is a small ext4 whose power can be cut. Its files are in inner.
type disk struct {
	t        *testing.T
	volatile bool
	outer    string // an XFS, whose files can be cloned
	middle   string // of a volatile disk: the ext4 that has its backing file
	inner    string
	mounted  []string
	rng      *rand.Rand
}

const diskMiB = 768

func newDisk(t *testing.T, volatile bool, rng *rand.Rand) *disk {
	if os.Getuid() != 0 {
		t.Skip("mounts need root")
	}
	for _, p := range []string{"mkfs.xfs", "mkfs.ext4", "mount", "umount"} {
		if _, err := exec.LookPath(p); err != nil {
			t.Skip(err)
		}
	}
	root := t.TempDir()
	d := &disk{t: t, volatile: volatile, rng: rng, outer: filepath.Join(root, "outer"), middle: filepath.Join(root, "middle"), inner: filepath.Join(root, "inner")}
	for _, dir := range []string{d.outer, d.middle, d.inner} {
		must(t, os.Mkdir(dir, 0o700))
	}
	image := filepath.Join(root, "outer.img")
	makeFile(t, image, 4*diskMiB)
	do(t, "mkfs.xfs", "-q", "-m", "reflink=1", image)
	do(t, "mount", "-o", "loop", image, d.outer)
	t.Cleanup(func() { umount(t, d.outer) })
	t.Cleanup(d.unmount)
	if !volatile {
		makeExt4(t, d.image(), diskMiB)
		d.mount()
		return d
	}
	makeExt4(t, d.image(), 2*diskMiB)
	do(t, "mount", "-o", "loop", d.image(), d.middle)
	// All of the backing file is written once: a page of it that is lost leaves
	// the page that was there before, as on a disk.
	must(t, os.WriteFile(d.backing(), make([]byte, diskMiB<<20), 0o600))
	do(t, "mkfs.ext4", "-q", "-E", "nodiscard,lazy_itable_init=0,lazy_journal_init=0", d.backing())
	umount(t, d.middle)
	d.mount()
	return d
}

// image is the file that is cloned.
func (d *disk) image() string { return filepath.Join(d.outer, "disk.img") }

// backing is the file under the device of inner.
func (d *disk) backing() string {
	if d.volatile {
		return filepath.Join(d.middle, "inner.img")
	}
	return d.image()
}

func (d *disk) mount() {
	if d.volatile {
		do(d.t, "mount", "-o", "loop", d.image(), d.middle)
		d.mounted = append(d.mounted, d.middle)
	}
	do(d.t, "mount", "-o", "loop,nodiscard", d.backing(), d.inner)
	d.mounted = append(d.mounted, d.inner)
}

func (d *disk) unmount() {
	for i := len(d.mounted) - 1; i >= 0; i-- {
		umount(d.t, d.mounted[i])
	}
	d.mounted = nil
}

// umount waits while the folder is busy: what looks at all mounts of a machine holds
// each for a moment.
func umount(t *testing.T, dir string) {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if exec.Command("umount", dir).Run() == nil {
			return
		}
	}
	do(t, "umount", dir)
}

// cut ends the life of the disk at an instant between its call and its return.
// Nothing that is written after it returns will be there after restart.
func (d *disk) cut() {
	if d.volatile {
		d.keepSome()
	}
	from, err := os.Open(d.image())
	must(d.t, err)
	defer from.Close()
	to, err := os.Create(d.image() + ".cut")
	must(d.t, err)
	defer to.Close()
	must(d.t, unix.IoctlFileClone(int(to.Fd()), int(from.Fd())))
}

// keepSome writes out parts of what the volatile cache holds, or nothing.
func (d *disk) keepSome() {
	f, err := os.OpenFile(d.backing(), os.O_RDWR, 0)
	must(d.t, err)
	defer f.Close()
	for range d.rng.IntN(3) * 500 {
		at := d.rng.Int64N(diskMiB<<20/4096) * 4096
		must(d.t, unix.SyncFileRange(int(f.Fd()), at, 4096<<d.rng.IntN(6), unix.SYNC_FILE_RANGE_WRITE))
	}
}

// restart brings back what the cut has left. Nobody may use the disk.
func (d *disk) restart() {
	d.unmount()
	must(d.t, os.Rename(d.image()+".cut", d.image()))
	d.mount()
}

func makeFile(t *testing.T, path string, mib int64) {
	f, err := os.Create(path)
	must(t, err)
	defer f.Close()
	must(t, f.Truncate(mib<<20))
}

func makeExt4(t *testing.T, path string, mib int64) {
	makeFile(t, path, mib)
	do(t, "mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", path)
}

func do(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
