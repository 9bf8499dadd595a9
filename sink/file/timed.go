package file

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/girok/girok/record"
)

// When is a unit of Python's TimedRotatingFileHandler.
type When struct {
	name    string
	seconds int64
	daily   bool // MIDNIGHT and W: the hour of the day is fixed
	weekday int  // of W, from 0 for Monday; else -1
	suffix  string
	fits    *regexp.Regexp
}

// ParseWhen reads S, M, H, D, MIDNIGHT and W0 to W6, in any case. Errors have
// Python's words.
func ParseWhen(s string) (When, error) {
	w := When{name: strings.ToUpper(s), weekday: -1, seconds: 86400, suffix: "2006-01-02"}
	digits := `\d{4}-\d{2}-\d{2}`
	switch {
	case w.name == "S":
		w.seconds, w.suffix, digits = 1, "2006-01-02_15-04-05", digits+`_\d{2}-\d{2}-\d{2}`
	case w.name == "M":
		w.seconds, w.suffix, digits = 60, "2006-01-02_15-04", digits+`_\d{2}-\d{2}`
	case w.name == "H":
		w.seconds, w.suffix, digits = 3600, "2006-01-02_15", digits+`_\d{2}`
	case w.name == "D":
	case w.name == "MIDNIGHT":
		w.daily = true
	case !strings.HasPrefix(w.name, "W"):
		return w, whenError("Invalid rollover interval specified: " + w.name)
	case len(w.name) != 2:
		return w, whenError("You must specify a day for weekly rollover from 0 to 6 (0 is Monday): " + w.name)
	case w.name[1] < '0' || w.name[1] > '6':
		return w, whenError("Invalid day specified for weekly rollover: " + w.name)
	default:
		w.daily, w.weekday, w.seconds = true, int(w.name[1]-'0'), 7*86400
	}
	w.fits = regexp.MustCompile(`^` + digits + `(\.[0-9A-Za-z_]+)?$`)
	return w, nil
}

type whenError string

func (e whenError) Error() string { return string(e) }

// TimedOptions say when a file is put aside.
type TimedOptions struct {
	When     When
	Interval int64 // how many units; at least 1
	Backups  int   // how many stay; 0: all
	UTC      bool
	At       int64 // second of the day, for daily ones; 86400 is midnight
	Location *time.Location
	Now      func() time.Time // nil: the clock
	Care     Care
}

// Timed is Python's TimedRotatingFileHandler as CPython 3.11 has it: with the
// first record at or after the time that is due, the file gets the time at which
// its interval began behind its name, and a new one is begun. What has that name
// already goes.
type Timed struct {
	Handler
	when    TimedOptions
	seconds int64        // of an interval
	due     atomic.Int64 // seconds since 1970

	turning sync.Mutex
	carer   carer
}

// NewTimed makes a handler. It looks when the file was changed last, and touches
// nothing.
func NewTimed(o Options, when TimedOptions) *Timed {
	if when.Now == nil {
		when.Now = time.Now
	}
	if when.Location == nil {
		when.Location = time.Local
	}
	if when.UTC {
		when.Location = time.UTC
	}
	o.Truncate, o.New = false, false
	t := &Timed{when: when, seconds: when.When.seconds * when.Interval}
	o.shared = when.Care.Shared
	t.init(o)
	t.carer = newCarer(when.Care, &t.Handler, t.asides)
	start := when.Now()
	if info, err := os.Stat(t.o.Path); err == nil {
		start = info.ModTime()
	}
	t.due.Store(t.next(start.Unix()))
	return t
}

// Open opens the file now, and finishes what a kill has left of older ones.
func (t *Timed) Open() error {
	err := t.Handler.Open()
	t.carer.start()
	return err
}

// Retire is Handler's.
func (t *Timed) Retire() error {
	t.carer.stop()
	return t.Handler.Retire()
}

// Close is Handler's.
func (t *Timed) Close() error {
	t.carer.stop()
	return t.Handler.Close()
}

// Handle writes one record. When the file can't be put aside, the record is
// written all the same, and the error tells why.
func (t *Timed) Handle(v *record.View) error {
	turned := t.look()
	if err := t.Handler.Handle(v); err != nil {
		return err
	}
	return turned
}

// HandleCall is Handle for a call that is not encoded.
func (t *Timed) HandleCall(c *record.Call) (ok bool, err error) {
	if t.calls == nil {
		return false, nil
	}
	turned := t.look()
	if ok, err = t.Handler.HandleCall(c); err != nil || !ok {
		return ok, err
	}
	return true, turned
}

// look puts the file aside if it is time.
func (t *Timed) look() error {
	now := t.when.Now().Unix()
	if now < t.due.Load() {
		return nil
	}
	t.turning.Lock()
	defer t.turning.Unlock()
	if now < t.due.Load() {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed || t.late {
		return nil
	}
	if !t.opened && !there(t.o.Path) { // delayed: there is nothing to put aside
		t.due.Store(t.following(now))
		return nil
	}
	if err := t.open(); err != nil {
		return nil // the write will tell
	}
	if !t.regular() {
		t.due.Store(t.next(now))
		return nil
	}
	to := t.o.Path + "." + t.began(now).Format(t.when.When.suffix)
	renamed, err := t.turn(func() error { return replace(t.o.Path, to) })
	if err != nil {
		return unturned(err)
	}
	t.due.Store(t.following(now))
	if renamed {
		t.carer.start()
	}
	if renamed && t.when.Backups > 0 {
		return t.prune()
	}
	return nil
}

func there(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func (t *Timed) local(unix int64) time.Time { return time.Unix(unix, 0).In(t.when.Location) }

// summer is an hour with the sign that Python corrects by, when one of two times
// is in summer time.
func (t *Timed) summer(is, other int64) int64 {
	switch a, b := t.local(is).IsDST(), t.local(other).IsDST(); {
	case a == b:
		return 0
	case a:
		return 3600
	}
	return -3600
}

// began is when the interval of the file began, for its name.
func (t *Timed) began(now int64) time.Time {
	at := t.due.Load() - t.seconds
	return t.local(at + t.summer(now, at))
}

// next is Python's computeRollover.
func (t *Timed) next(now int64) int64 {
	if !t.when.When.daily {
		return now + t.seconds
	}
	at := t.local(now)
	day := (int(at.Weekday()) + 6) % 7 // from Monday
	wait := t.when.At - int64((at.Hour()*60+at.Minute())*60+at.Second())
	if wait < 0 {
		wait += 86400
		day = (day + 1) % 7
	}
	next := now + wait
	if wanted := t.when.When.weekday; wanted >= 0 && day != wanted {
		next += int64((wanted-day+7)%7) * 86400
		next += t.summer(now, next)
	}
	return next
}

// following is when the file that begins now is put aside.
func (t *Timed) following(now int64) int64 {
	next := t.next(now)
	for next <= now {
		next += t.seconds
	}
	if t.when.When.daily {
		next += t.summer(now, next)
	}
	return next
}

// prune removes the oldest of what was put aside, by name, as CPython 3.11 finds
// it: it takes what only begins like the file for its own.
func (t *Timed) prune() error {
	dir, base := filepath.Split(t.o.Path)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	prefix := base[:len(base)-len(extension(base))] + "."
	var old []string
	for _, e := range entries {
		name := e.Name()
		if strings.HasPrefix(name, base) && strings.HasPrefix(name, prefix) && slices.ContainsFunc(strings.Split(name[len(prefix):], "."), t.when.When.fits.MatchString) {
			old = append(old, name)
		}
	}
	slices.Sort(old)
	for _, name := range old[:max(0, len(old)-t.when.Backups)] {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}

// asides are the files that were put aside.
func (t *Timed) asides() (paths []string) {
	dir, base := filepath.Split(t.o.Path)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil // the next write tells
	}
	for _, e := range entries {
		if rest, ok := strings.CutPrefix(e.Name(), base+"."); ok {
			for _, suffix := range suffixes {
				rest = strings.TrimSuffix(rest, suffix)
			}
			if path := filepath.Join(dir, base+"."+rest); t.when.When.fits.MatchString(rest) && !slices.Contains(paths, path) {
				paths = append(paths, path)
			}
		}
	}
	return paths
}

// extension is the last extension of a file's name, as Python's splitext has it:
// leading dots begin no extension.
func extension(name string) string {
	bare := strings.TrimLeft(name, ".")
	if i := strings.LastIndexByte(bare, '.'); i >= 0 {
		return bare[i:]
	}
	return ""
}
