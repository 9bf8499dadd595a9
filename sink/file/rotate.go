package file

import (
	"cmp"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/girok/girok/internal/crash"
	"github.com/girok/girok/internal/disk"
	"github.com/girok/girok/spool"
)

// due reports whether the file is put aside before the batch.
func (s *Spooled) due(size int64, now time.Time) bool {
	r := s.config.Rotate
	if size == 0 {
		return false
	}
	if r.Bytes > 0 && size+int64(len(s.lines)) > int64(r.Bytes) {
		return true
	}
	return r.Every != "" && s.label(time.Unix(s.file.began, 0)) != s.label(now)
}

// label is what the name of a file that is put aside says of its time.
func (s *Spooled) label(at time.Time) string {
	layout := "2006-01-02T150405"
	switch s.config.Rotate.Every {
	case "day":
		layout = "2006-01-02"
	case "hour":
		layout = "2006-01-02T15"
	}
	return at.In(s.env.Location).Format(layout)
}

// rotate puts the file aside under a name that nobody has, and begins a new one.
// A kill in between leaves no file at the path: the next batch makes it.
func (s *Spooled) rotate() error {
	at := time.Now()
	if s.config.Rotate.Every != "" {
		at = time.Unix(s.file.began, 0)
	}
	list, err := asides(s.file.path)
	if err != nil {
		return err
	}
	name, err := nextAside(s.file.path, s.label(at), list)
	if err != nil {
		return err
	}
	s.file.tidy.fresh.Store(&name)
	if err := os.Rename(s.file.path, name); err != nil {
		return err
	}
	crash.At(crash.Renamed)
	if err := s.file.use(s.file.path, mark{}); err != nil {
		return err
	}
	crash.At(crash.Begun)
	return s.syncDir()
}

// syncDir puts the names in the folder on the disk, if batches must be.
func (s *Spooled) syncDir() error {
	if !s.config.Sync && !s.env.Durable {
		return nil
	}
	return spool.SyncDir(filepath.Dir(s.file.path))
}

// aside is a file that was put aside.
type aside struct {
	path   string
	label  string
	n      int // of those with one label: 1, 2, …
	packed bool
}

// nameParts is what the names of files that are put aside begin and end with.
func nameParts(path string) (stem, ext string) {
	base := filepath.Base(path)
	ext = filepath.Ext(base)
	if stem = strings.TrimSuffix(base, ext); stem == "" {
		return base, ""
	}
	return stem, ext
}

// asides lists the files that were put aside, oldest first.
func asides(path string) ([]aside, error) {
	stem, ext := nameParts(path)
	pattern := regexp.MustCompile(`^` + regexp.QuoteMeta(stem) + `-(\d{4}-\d\d-\d\d(?:T\d\d(?:\d{4})?)?)(?:\.(\d+))?` + regexp.QuoteMeta(ext) + `(\.gz)?$`)
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	var list []aside
	for _, e := range entries {
		if m := pattern.FindStringSubmatch(e.Name()); m != nil {
			n, _ := strconv.Atoi(m[2])
			list = append(list, aside{filepath.Join(filepath.Dir(path), e.Name()), m[1], max(n, 1), m[3] != ""})
		}
	}
	sort.SliceStable(list, func(i, j int) bool {
		a, b := &list[i], &list[j]
		return cmp.Or(strings.Compare(a.label, b.label), cmp.Compare(a.n, b.n)) < 0
	})
	return list, nil
}

// nextAside is the name for the next file with a label: of those in list it is the
// last, and nobody has it. While a folder is listed a file may get its compressed
// copy, and the list have neither; so each name is looked up besides, the file
// before its copy, which comes before the file goes.
func nextAside(path, label string, list []aside) (string, error) {
	n := 1
	for _, a := range list {
		if a.label == label {
			n = a.n + 1
		}
	}
	stem, ext := nameParts(path)
	for ; ; n++ {
		base := stem + "-" + label + ext
		if n > 1 {
			base = stem + "-" + label + "." + strconv.Itoa(n) + ext
		}
		name := filepath.Join(filepath.Dir(path), base)
		free, err := freeName(name)
		if free && err == nil {
			free, err = freeName(name + ".gz")
		}
		if free || err != nil {
			return name, err
		}
	}
}

// freeName reports whether nobody has a name.
func freeName(name string) (bool, error) {
	_, err := os.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	return false, err
}

// tidier compresses and deletes what was put aside, while batches go on. What it
// had not finished when the program died it finishes after the first batch.
type tidier struct {
	fresh atomic.Pointer[string] // put aside just now: the batch that was its last may still be looked for

	mu      sync.Mutex
	looked  bool // it was started once
	running bool
	again   bool // there is more to do than when it began
	cancel  context.CancelFunc
	work    sync.WaitGroup
}

// start begins, if something was put aside. The next batch is in the journal now,
// on the disk: nobody will look into that file any more.
func (t *tidier) start(path string, r Rotate, log *slog.Logger) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.fresh.Swap(nil) == nil && t.looked || r.Keep == 0 && r.Compress == "" {
		return
	}
	if t.looked, t.again = true, true; t.running {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	t.running, t.cancel = true, cancel
	t.work.Go(func() {
		for t.more(ctx) {
			if err := tidy(ctx, path, r, &t.fresh); err != nil && ctx.Err() == nil {
				log.Warn("files that were put aside can't be tidied; trying again with the next", "file", path, "error", err)
			}
		}
	})
}

func (t *tidier) more(ctx context.Context) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.running = t.again && ctx.Err() == nil
	t.again = false
	return t.running
}

// stop ends what is under way. It is finished another time.
func (t *tidier) stop() {
	if t.cancel != nil {
		t.cancel()
		t.work.Wait()
	}
}

// halfPacked is what the name of a compressed file ends in that is not whole.
const halfPacked = ".gz.new"

func tidy(ctx context.Context, path string, r Rotate, fresh *atomic.Pointer[string]) error {
	list, err := asides(path)
	if err != nil {
		return err
	}
	// A file beside its compressed copy: a kill came before it was removed.
	list = slices.DeleteFunc(list, func(a aside) bool {
		if a.packed || !slices.ContainsFunc(list, func(b aside) bool { return b.path == a.path+".gz" }) {
			return false
		}
		same, serr := copied(a.path)
		if serr == nil && same {
			serr = remove(a.path)
		} else if serr == nil {
			serr = fmt.Errorf("%s.gz is there, and is not its copy: both stay", a.path)
		}
		err = errors.Join(err, serr)
		return true
	})
	if n := len(list) - r.Keep; r.Keep > 0 && n > 0 {
		for _, a := range list[:n] {
			err = errors.Join(err, remove(a.path))
		}
		list = list[n:]
	}
	if r.Compress == "" {
		return err
	}
	stem, _ := nameParts(path)
	half, _ := filepath.Glob(filepath.Join(filepath.Dir(path), "."+globQuote(stem)+"-*"+halfPacked))
	for _, name := range half {
		err = errors.Join(err, remove(name))
	}
	for _, a := range list {
		if f := fresh.Load(); !a.packed && err == nil && (f == nil || *f != a.path) {
			err = pack(ctx, a.path)
		}
	}
	return err
}

// copied reports whether the compressed copy of a file has its length, which stands
// in the last four bytes of gzip.
func copied(path string) (bool, error) {
	st, err := os.Stat(path)
	if err != nil {
		return false, err
	}
	z, err := os.Open(path + ".gz")
	if err != nil {
		return false, err
	}
	defer z.Close()
	var b [4]byte
	if n, err := z.Seek(-int64(len(b)), io.SeekEnd); err != nil || n < 0 {
		return false, nil
	}
	if _, err := io.ReadFull(z, b[:]); err != nil {
		return false, err
	}
	return binary.LittleEndian.Uint32(b[:]) == uint32(st.Size()), nil
}

// globQuote makes a name one that matches only itself.
func globQuote(name string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(name)
}

func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// pack compresses a file: the copy gets its name when it is whole and on the disk,
// and then the file goes.
func pack(ctx context.Context, path string) (err error) {
	from, err := os.Open(path)
	if err != nil {
		return err
	}
	defer from.Close()
	half := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+halfPacked)
	to, err := os.OpenFile(half, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	if err := errors.Join(compress(ctx, from, to), to.Close()); err != nil {
		os.Remove(half)
		return err
	}
	if err := os.Rename(half, path+".gz"); err != nil {
		return err
	}
	crash.At(crash.Packed)
	return remove(path)
}

// compress makes a compressed copy of a file, whole and on the disk. It has the mode
// and the time of the file, for those who look for the day.
func compress(ctx context.Context, from, to *os.File) error {
	st, err := from.Stat()
	if err != nil {
		return err
	}
	z := gzip.NewWriter(to)
	z.Name, z.ModTime = filepath.Base(from.Name()), st.ModTime()
	for err == nil {
		if err = ctx.Err(); err == nil {
			_, err = io.CopyN(z, from, writeSize)
		}
	}
	if err != io.EOF {
		return err
	}
	if err := errors.Join(z.Close(), to.Chmod(st.Mode().Perm())); err != nil {
		return err
	}
	if err := disk.SyncData(to); err != nil {
		return err
	}
	_ = os.Chtimes(to.Name(), time.Time{}, st.ModTime()) // the copy is as good without
	return nil
}
