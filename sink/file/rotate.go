package file

import (
	"cmp"
	"context"
	"errors"
	"fmt"
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
	n      int    // of those with one label: 1, 2, …
	packed string // the suffix of a packing; "": not
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
	pattern := regexp.MustCompile(`^` + regexp.QuoteMeta(stem) + `-(\d{4}-\d\d-\d\d(?:T\d\d(?:\d{4})?)?)(?:\.(\d+))?` + regexp.QuoteMeta(ext) + `(\.gz|\.zst)?$`)
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	var list []aside
	for _, e := range entries {
		if m := pattern.FindStringSubmatch(e.Name()); m != nil {
			n, _ := strconv.Atoi(m[2])
			list = append(list, aside{filepath.Join(filepath.Dir(path), e.Name()), m[1], max(n, 1), m[3]})
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
		for _, suffix := range suffixes {
			if free && err == nil {
				free, err = freeName(name + suffix)
			}
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
func (t *tidier) start(path string, r Rotate, p *Packing, log *slog.Logger) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.fresh.Swap(nil) == nil && t.looked || r.Keep == 0 && p == nil {
		return
	}
	if t.looked, t.again = true, true; t.running {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	t.running, t.cancel = true, cancel
	t.work.Go(func() {
		for t.more(ctx) {
			if err := tidy(ctx, path, r.Keep, p, &t.fresh); err != nil && ctx.Err() == nil {
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
const halfPacked = ".new"

func tidy(ctx context.Context, path string, keep int, p *Packing, fresh *atomic.Pointer[string]) error {
	list, err := asides(path)
	if err != nil {
		return err
	}
	// A file beside its compressed copy: a kill came before it was removed.
	all := slices.Clone(list)
	list = slices.DeleteFunc(list, func(a aside) bool {
		i := slices.IndexFunc(all, func(b aside) bool { return b.packed != "" && b.path == a.path+b.packed })
		if i < 0 {
			return false
		}
		same, serr := copied(a.path, all[i].packed)
		if serr == nil && same {
			serr = remove(a.path)
		} else if serr == nil {
			serr = fmt.Errorf("%s is there, and is not its copy: both stay", all[i].path)
		}
		err = errors.Join(err, serr)
		return true
	})
	if n := len(list) - keep; keep > 0 && n > 0 {
		for _, a := range list[:n] {
			err = errors.Join(err, remove(a.path))
		}
		list = list[n:]
	}
	if p == nil {
		return err
	}
	stem, _ := nameParts(path)
	half, _ := filepath.Glob(filepath.Join(filepath.Dir(path), "."+globQuote(stem)+"-*"+halfPacked))
	for _, name := range half {
		err = errors.Join(err, remove(name))
	}
	for _, a := range list {
		if f := fresh.Load(); a.packed == "" && err == nil && (f == nil || *f != a.path) {
			err = p.pack(ctx, a.path)
		}
	}
	return err
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
func (p *Packing) pack(ctx context.Context, path string) (err error) {
	from, err := os.Open(path)
	if err != nil {
		return err
	}
	defer from.Close()
	half := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+p.suffix+halfPacked)
	to, err := os.OpenFile(half, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	if err := errors.Join(p.compress(ctx, from, to), to.Close()); err != nil {
		os.Remove(half)
		return err
	}
	if err := os.Rename(half, path+p.suffix); err != nil {
		return err
	}
	crash.At(crash.Packed)
	return remove(path)
}
