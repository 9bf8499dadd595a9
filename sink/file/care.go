package file

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Care is what becomes of files that were put aside.
type Care struct {
	Packing *Packing                      // how they are compressed; nil: they are not
	MaxAge  time.Duration                 // they go when they are so old; 0: never
	Report  func(msg string, args ...any) // told of what fails; nil: nobody
	// Shared is told once that another process puts the file aside too; pid is one
	// of them, 0 if not known. nil: nobody.
	Shared func(pid int)
}

// carer compresses and removes what a handler has put aside, while it writes on.
// What a kill leaves half done the next start finishes.
type carer struct {
	care Care
	// asides are the paths of what was put aside, as they are now, without those that
	// are compressed.
	asides func() []string
	// alone calls f while nobody puts anything aside, in any process; false if
	// somebody is at it.
	alone func(f func()) bool
	// writes reports whether a file is the one that the handler writes.
	writes func(path string) bool
	dir    string
	half   string // what the names of copies begin with that are not whole

	mu      sync.Mutex
	running bool
	again   bool
	ended   bool
	cancel  context.CancelFunc
	work    sync.WaitGroup
}

// newCarer makes the one of a handler.
func newCarer(care Care, h *Handler, asides func() []string) carer {
	dir, base := filepath.Split(h.o.Path)
	return carer{care: care, asides: asides, alone: h.alone, writes: h.writes, dir: dir, half: "." + base + "."}
}

// start begins to look after what was put aside.
func (c *carer) start() {
	if c.care.Packing == nil && c.care.MaxAge <= 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.again = true; c.running || c.ended {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	c.running, c.cancel = true, cancel
	c.work.Go(func() {
		for c.more(ctx) {
			if err := c.tidy(ctx, time.Now()); err != nil && ctx.Err() == nil && c.care.Report != nil {
				c.care.Report("files that were put aside can't be tidied; trying again with the next", "error", err)
			}
		}
	})
}

func (c *carer) more(ctx context.Context) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running = c.again && ctx.Err() == nil
	c.again = false
	return c.running
}

// stop ends what is under way, for good. It is finished by the next start.
func (c *carer) stop() {
	c.mu.Lock()
	c.ended = true
	if c.cancel != nil {
		c.cancel()
	}
	c.mu.Unlock()
	c.work.Wait()
}

// tidy removes what is too old and compresses the rest.
func (c *carer) tidy(ctx context.Context, now time.Time) (err error) {
	if c.care.Packing != nil {
		err = c.sweep()
	}
	for _, path := range c.asides() {
		for _, suffix := range append([]string{""}, suffixes...) {
			name := path + suffix
			if info, serr := os.Stat(name); serr == nil && c.care.MaxAge > 0 && info.ModTime().Before(now.Add(-c.care.MaxAge)) {
				err = errors.Join(err, remove(name))
			}
		}
		if info, serr := os.Stat(path); serr == nil && c.care.Packing != nil && info.Mode().IsRegular() {
			err = errors.Join(err, c.pack(ctx, path))
		}
		if ctx.Err() != nil {
			return err
		}
	}
	return err
}

// pack compresses one file, unless somebody still writes it, who has not noticed that
// it was put aside, or another process is at it. While it is at it the file may get
// another name; the copy gets that one.
func (c *carer) pack(ctx context.Context, path string) error {
	if c.writes(path) {
		return nil // with the next
	}
	from, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it was put aside once more; with the next
	}
	if err != nil {
		return err
	}
	defer from.Close() // not before the end: until then no other file is taken for it
	info, err := from.Stat()
	if err != nil || !info.Mode().IsRegular() || claimed(from) {
		return err
	}
	to, err := takeHalf(filepath.Join(filepath.Dir(path), fmt.Sprintf("%s%d%s%s", c.half, inodeOf(info), c.care.Packing.suffix, halfPacked)))
	if err != nil || to == nil {
		return err
	}
	defer to.Close()
	err = c.care.Packing.compress(ctx, from, to)
	settled := false
	if err == errChanged {
		err = nil // a last line came meanwhile
	} else if err == nil {
		c.alone(func() { settled, err = c.settle(to.Name(), info) })
	}
	if !settled {
		err = errors.Join(err, remove(to.Name())) // another time
	}
	return err
}

// takeHalf makes or takes over a copy that is not whole, and has a lock on it until
// it is closed; nil if another process has that.
func takeHalf(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if lock(f) == nil {
		mine, err := f.Stat()
		there, serr := os.Stat(name)
		if err == nil && serr == nil && os.SameFile(mine, there) { // else it was finished meanwhile
			return f, f.Truncate(0)
		}
	}
	return nil, f.Close()
}

// sweep removes what processes have left half done that are dead.
func (c *carer) sweep() error {
	names, err := filepath.Glob(filepath.Join(globQuote(c.dir), globQuote(c.half)+"*"+halfPacked))
	for _, name := range names {
		if f, ferr := takeHalf(name); f != nil && ferr == nil {
			err = errors.Join(err, remove(name), f.Close())
		}
	}
	return err
}

func writtenByOthers(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return true
	}
	defer f.Close()
	return claimed(f)
}

// settle gives the copy of a file its name, and removes the file.
func (c *carer) settle(half string, of fs.FileInfo) (settled bool, err error) {
	for _, path := range c.asides() {
		info, err := os.Stat(path)
		if err != nil || !os.SameFile(info, of) {
			continue
		}
		if info.Size() != of.Size() || writtenByOthers(path) {
			return false, nil // a last line came meanwhile
		}
		for _, suffix := range suffixes { // a kill left it beside the file, and now it is packed otherwise
			err = errors.Join(err, remove(path+suffix))
		}
		if err = errors.Join(err, os.Rename(half, path+c.care.Packing.suffix)); err != nil {
			return false, err
		}
		return true, remove(path)
	}
	return false, nil // it has gone meanwhile
}
