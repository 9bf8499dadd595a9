package spool

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The file of the segment that is appended to is cut off behind its last record.
// The program goes on in a new segment, and no record is lost or doubled: not for
// the reader of the own run, not for another process's, not after death.
func TestSegmentCutOffUnderTheMapping(t *testing.T) {
	const writers, each = 4, 500
	s, ev := openSpool(t, Options{Dir: t.TempDir()})
	w := s.Writer()
	own, next := w.Run().Reader(0), make([]int, writers)
	defer own.Close()
	other, err := openRun(w.Run().Path())
	must(t, err)
	before := 0
	for round := range 3 {
		cur := w.cur.Load()
		page := (w.Tail() - cur.base + 4095) &^ 4095
		must(t, os.Truncate(cur.path, int64(page)))
		var wg sync.WaitGroup
		for g := range writers {
			wg.Go(func() {
				for n := range each {
					mustAppend(t, w, payload(3, g, round*each+n, 24+(n*31+g)%3000))
				}
			})
		}
		wg.Wait()
		if n := ev.count(EventFault); n <= before {
			t.Fatalf("round %d: no fault was reported", round)
		}
		before = ev.count(EventFault)
	}
	check := func(who string, r *Reader, status Status, o *once) {
		t.Helper()
		got := readAll(t, r)
		for _, f := range got.refs {
			o.see(t, f)
		}
		if o.count != 3*writers*each || got.status != status || len(got.gaps) != 0 {
			t.Errorf("%s: %d records of %d, status %d, gaps %v", who, o.count, 3*writers*each, got.status, got.gaps)
		}
	}
	check("own", own, Wait, &once{next: next})
	waitCommitted(t, w)
	r := other.Reader(0)
	defer r.Close()
	check("other", r, Wait, &once{next: make([]int, writers)})
	s.Seal()
	s.Release()
	other.probed = time.Time{}
	dead := other.Reader(0)
	defer dead.Close()
	check("dead", dead, End, &once{next: make([]int, writers)})
	if ev.count(EventLost) != 0 {
		t.Errorf("events %v", ev.list)
	}
}

func waitCommitted(t *testing.T, w *Writer) {
	t.Helper()
	for deadline := time.Now().Add(patience); w.Run().Counters().Committed() < w.Tail(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("committed %d, tail %d", w.Run().Counters().Committed(), w.Tail())
		}
	}
}

// Files are cut off at any time, while eight goroutines append: some records go
// with the bytes, and that is all that happens.
func TestFilesCutOffAtAnyTime(t *testing.T) {
	if raceEnabled {
		t.Skip("NOT TESTED with -race: a fault can meet the detector's own code in the middle of a store, which nothing recovers; run it without")
	}
	s, ev := openSpool(t, Options{Dir: t.TempDir(), MaxBytes: 32 << 20})
	w := s.Writer()
	var stop atomic.Bool
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for n := 0; !stop.Load(); n++ {
				// Holes where bytes went are given up only after a second: until
				// then all may be full.
				if _, err := w.Append(payload(1, g, n, 300)); err != nil && !errors.Is(err, ErrFull) {
					t.Error(err)
				}
			}
		})
	}
	for i := 0; i < 3 || i < 30 && ev.count(EventFault) == 0; i++ {
		time.Sleep(30 * time.Millisecond)
		cur := w.cur.Load()
		_ = os.Truncate(cur.path, int64(w.Tail()-min(w.Tail(), cur.base))/2)
	}
	stop.Store(true)
	wg.Wait()
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		if _, err := w.Append(payload(1, 0, 1<<30, big)); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the spool stays full")
		}
	}
	waitCommitted(t, w)
	s.Seal()
	r := w.Run().Reader(0)
	defer r.Close()
	last := map[int]int{}
	got := readAll(t, r)
	for _, f := range got.refs {
		who, n := whose(t, f.Payload)
		if old, ok := last[who]; ok && n <= old {
			t.Fatalf("record %d of %d after %d", n, who, old)
		}
		last[who] = n
	}
	if got.status != End || ev.count(EventFault) == 0 {
		t.Errorf("status %d, %d faults", got.status, ev.count(EventFault))
	}
}

// A full disk is a clean error, counted; the program goes on, and records are
// stored again when there is room.
// On a file system that can't allocate, the spool has its space all the same.
func TestDiskWithoutFallocate(t *testing.T) {
	root := t.TempDir()
	image, dir := filepath.Join(root, "image"), filepath.Join(root, "disk")
	must(t, os.WriteFile(image, nil, 0o600), os.Truncate(image, 64<<20), os.Mkdir(dir, 0o700))
	for _, args := range [][]string{{"mkfs.ext2", "-q", "-F", image}, {"mount", "-o", "loop", image, dir}} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Skipf("NOT TESTED, needs root, mkfs.ext2 and a loop device: a disk without fallocate: %v %s", err, out)
		}
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	f, err := os.Create(filepath.Join(dir, "try"))
	must(t, err)
	if err := unix.Fallocate(int(f.Fd()), 0, 0, 1); err != unix.EOPNOTSUPP {
		t.Skip("NOT TESTED, this kernel allocates on ext2: ", err)
	}
	f.Close()
	s, ev := openSpool(t, Options{Dir: dir, MaxBytes: 32 << 20})
	if s.Degraded() {
		t.Fatalf("records stay in memory: %v", ev.list)
	}
	for i := range 100 {
		mustAppend(t, s.Writer(), payload(2, 0, i, big))
	}
	files, err := filepath.Glob(filepath.Join(s.Writer().Run().Path(), "*.seg"))
	must(t, err)
	for _, name := range files {
		var st unix.Stat_t
		if must(t, unix.Stat(name, &st)); st.Blocks*512 < st.Size {
			t.Errorf("%s has room for %d of %d bytes", name, st.Blocks*512, st.Size)
		}
	}
	s.Seal()
	r := s.Writer().Run().Reader(0)
	defer r.Close()
	got := readAll(t, r)
	got.inOrder(t, 0, 100)
}

func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=20m,mode=700"); err != nil {
		t.Skip("NOT TESTED, needs root and mount: a full disk: ", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	if d, err := LookDisk(dir); err != nil || d.Type != "tmpfs" || !d.Trusted || d.Free == 0 {
		t.Errorf("%+v, %v", d, err)
	}
	s, _ := openSpool(t, Options{Dir: dir, MaxBytes: 1 << 30})
	w := s.Writer()
	stored, failed := 0, 0
	for i := range 300 {
		switch _, err := w.Append(payload(2, 0, stored, big)); {
		case err == nil:
			stored++
		case errors.Is(err, syscall.ENOSPC):
			failed++
		default:
			t.Fatal(err)
		}
		if i%50 == 0 {
			time.Sleep(time.Millisecond)
		}
	}
	if n, _, _ := w.Run().Counters().Slot(1).Lost(); failed == 0 || int(n) != failed {
		t.Errorf("%d appends failed, %d counted", failed, n)
	}
	// There is room again.
	passAll(w.Run(), w.Tail())
	must(t, unix.Mount("tmpfs", dir, "tmpfs", unix.MS_REMOUNT, "size=60m,mode=700"))
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		if _, err := w.Append(payload(2, 0, stored, big)); err == nil {
			stored++
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("it does not go on")
		}
	}
	s.Seal()
	r := w.Run().Reader(0)
	defer r.Close()
	got := readAll(t, r)
	got.inOrder(t, stored-len(got.refs), stored)
}

// small mounts a disk of some size.
func small(t *testing.T, size string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "mode=700,size="+size); err != nil {
		t.Skipf("NOT TESTED, needs root and mount: a disk of %s: %v", size, err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	return dir
}

// On a disk that is smaller than a segment, segments are smaller, and those that are
// delivered make room for others. Once there is more room they are as large as ever.
func TestDiskSmallerThanASegment(t *testing.T) {
	for _, size := range []string{"2200k", "3m", "5m", "7m"} {
		t.Run(size, func(t *testing.T) {
			dir := small(t, size)
			s, ev := openSpool(t, Options{Dir: dir, MaxBytes: 1 << 30})
			w, stored := s.Writer(), 0
			var full error
			for full == nil {
				if _, full = w.Append(payload(2, 0, stored, big)); full == nil {
					stored++
				}
			}
			if n, _, _ := w.Run().Counters().Slot(1).Lost(); !errors.Is(full, syscall.ENOSPC) || n != 1 || stored < 20 {
				t.Fatalf("%d are stored, %d lost: %v", stored, n, full)
			}
			checkRead(t, w, stored, 0)
			goesOn := func() {
				eventually(t, "it goes on", func() bool {
					_, err := w.Append(payload(2, 0, stored, big))
					return err == nil
				})
				stored++
			}
			for range 100 {
				passAll(w.Run(), w.Tail()) // delivered
				goesOn()
			}
			if largest := largestOf(w); largest > 4<<20 {
				t.Errorf("a segment has %d bytes", largest)
			}
			must(t, unix.Mount("tmpfs", dir, "tmpfs", unix.MS_REMOUNT, "size=60m,mode=700"))
			for i := 0; largestOf(w) < fullSegment; i++ {
				if goesOn(); i > 200 {
					t.Fatal("segments stay small")
				}
			}
			s.Seal()
			checkRead(t, w, stored, End)
			if n := ev.count(EventFault); n > 0 {
				t.Errorf("%d faults", n)
			}
		})
	}
}

// checkRead wants what is there to be the last of the records that were stored.
func checkRead(t *testing.T, w *Writer, stored int, status Status) {
	t.Helper()
	r := w.Run().Reader(0)
	defer r.Close()
	got := readAll(t, r)
	if got.inOrder(t, stored-len(got.refs), stored); status != 0 && got.status != status || len(got.refs) == 0 {
		t.Errorf("%d of %d records, status %d", len(got.refs), stored, got.status)
	}
}

// largestOf is the size of the largest segment.
func largestOf(w *Writer) (size uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.segs {
		size = max(size, s.size)
	}
	return size
}

// A process is killed on such a disk, which is full, or on which delivery makes room
// again and again: all that was acknowledged and not delivered is there.
func TestKillOnASmallDisk(t *testing.T) {
	for _, free := range []bool{false, true} {
		t.Run(fmt.Sprint("delivered=", free), func(t *testing.T) {
			kills := 6
			if testing.Short() {
				kills = 1
			}
			for range kills {
				c := startChild(t, small(t, "3m"), free, false, killEnv+"_SMALL=1")
				run, err := openRun(c.path)
				must(t, err)
				eventually(t, "it is full, or has gone on", func() bool {
					n, _, _ := run.Counters().Slot(0).Lost()
					return !free && n > 0 || ackOf(c.page, 0).Load() > 10_000
				})
				time.Sleep(time.Duration(rand.IntN(20_000)) * time.Microsecond)
				c.kill(t)
				run, err = openRun(c.path)
				must(t, err)
				r := run.Reader(0)
				checkKilled(t, c, readAll(t, r), free)
				if r.Close(); r.Damaged != 0 {
					t.Errorf("%d bytes did not check", r.Damaged)
				}
			}
		})
	}
}

// A disk with no room for the first segment: records stay in memory, and nothing
// is left behind.
func TestNoRoomForBirth(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=512k,mode=700"); err != nil {
		t.Skip("NOT TESTED, needs root and mount: a run on a full disk: ", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	ev := &events{}
	s, err := Open(Options{Dir: dir, Config: testConfig(), Report: ev.report})
	must(t, err)
	defer s.Seal()
	if !s.Degraded() || !errors.Is(ev.list[0].Err, syscall.ENOSPC) {
		t.Errorf("degraded %v, events %v", s.Degraded(), ev.list)
	}
	mustAppend(t, s.Writer(), payload(1, 0, 0, 100))
	if got := names(t, filepath.Join(dir, "shop", "runs")); got != "" {
		t.Errorf("left behind: %s", got)
	}
}

func TestReadOnlyDisk(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", unix.MS_RDONLY, "size=4m"); err != nil {
		t.Skip("NOT TESTED, needs root and mount: a disk that can't be written: ", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	ev := &events{}
	s, err := Open(Options{Dir: dir, Config: testConfig(), Report: ev.report})
	must(t, err)
	defer s.Seal()
	if !s.Degraded() || !errors.Is(ev.list[0].Err, syscall.EROFS) {
		t.Errorf("degraded %v, events %v", s.Degraded(), ev.list)
	}
}

// When no file can be opened for a moment nothing counts as gone.
func TestNoFilesLeft(t *testing.T) {
	run := deadRun(t, threeFiles()...)
	r := run.Reader(0)
	defer r.Close()
	if _, st := r.Next(); st != Frame {
		t.Fatal(st)
	}
	var old unix.Rlimit
	must(t, unix.Getrlimit(unix.RLIMIT_NOFILE, &old))
	low := unix.Rlimit{Cur: 3, Max: old.Max}
	must(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &low))
	got := readAll(t, r)
	passAll(run, run.Counters().Slot(0).Delivered())
	_, ferr := run.FreeDelivered(1 << 20)
	must(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &old))
	if got.inOrder(t, 1, 10); got.status != Wait || r.Err == nil || ferr == nil {
		t.Errorf("status %d, gaps %v, error %v, freeing: %v", got.status, got.gaps, r.Err, ferr)
	}
	got = readAll(t, r)
	if got.inOrder(t, 10, 30); got.status != End || len(got.gaps) != 0 {
		t.Errorf("status %d, gaps %v", got.status, got.gaps)
	}
}

func TestDescribeDisk(t *testing.T) {
	tests := []struct {
		magic   int64
		name    string
		trusted bool
	}{
		{unix.EXT4_SUPER_MAGIC, "ext4", true}, {unix.XFS_SUPER_MAGIC, "xfs", true}, {unix.TMPFS_MAGIC, "tmpfs", true},
		{unix.OVERLAYFS_SUPER_MAGIC, "overlay", true}, {unix.NFS_SUPER_MAGIC, "NFS", false}, {unix.CIFS_SUPER_MAGIC, "SMB", false},
		{unix.FUSE_SUPER_MAGIC, "FUSE", false}, {unix.V9FS_MAGIC, "9p", false}, {0x6a656a63, "virtiofs", false}, {0x1234, "type 0x1234", true},
	}
	for _, tt := range tests {
		d := describeDisk(tt.magic)
		if d.Type != tt.name || d.Trusted != tt.trusted || d.Survives == "" {
			t.Errorf("%#x: %+v", tt.magic, d)
		}
		if !d.Trusted && !containsAll(d.Survives, "memory", "kill", "spool.trust") {
			t.Errorf("%s: %q does not tell what it means and what to do", d.Type, d.Survives)
		}
	}
}
