package girok

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/girok/girok/config"
	"github.com/girok/girok/format"
	"github.com/girok/girok/internal/disk"
	"github.com/girok/girok/sink/console"
	"github.com/girok/girok/sink/file"
	"github.com/girok/girok/tree"
)

// defaultStream is Python's for a StreamHandler.
const defaultStream = "ext://sys.stderr"

// consoleKeys are the keys of a StreamHandler.
type consoleKeys struct {
	Stream string `yaml:"stream" enum:"ext://sys.stderr|ext://sys.stdout|ext://sys.__stderr__|ext://sys.__stdout__" doc:"where it writes"`
	Mode   string `yaml:"mode" enum:"blocking|drop" doc:"when nobody takes what is written, as a terminal that is held or a log driver that hangs: blocking: log calls wait, as in Python; drop: records are dropped, counted, and told when the stream moves again"`
	Set    ending `yaml:"." doc:"terminator: what ends a line, a line break if absent"`
}

func (k *consoleKeys) place() (where, guarantee string) {
	if k.Mode == "drop" {
		return k.Stream, "written in the call; what the stream does not take is dropped and counted; nothing is kept"
	}
	return k.Stream, "written in the call; nothing is kept"
}

func (k *consoleKeys) open(_ *blueprint, h *handlerPlan, _ report) tree.Direct {
	out := console.Stderr()
	if strings.Contains(k.Stream, "stdout") {
		out = console.Stdout()
	}
	f := h.format
	if c, ok := f.(format.Colored); ok {
		f = c.On(console.Terminal(out))
	}
	if k.Mode == "drop" {
		return console.NewDropping(out, f, k.Set.text())
	}
	return console.NewEnding(out, f, k.Set.text())
}

// ending is what `.` may set of a handler that writes lines.
type ending struct{ terminator *string }

// FromNode implements config.Unmarshaler.
func (e *ending) FromNode(n *config.Node, ps *config.Problems) {
	var k struct {
		Terminator *string `yaml:"terminator,raw"`
	}
	config.Decode(n, ps, &k)
	e.terminator = k.Terminator
}

// DescribeType implements config.Describer.
func (ending) DescribeType() string { return "a map with the key terminator" }

func (e ending) text() string {
	if e.terminator == nil {
		return "\n"
	}
	return *e.terminator
}

// fileKeysOf are the keys that Python's file handlers have in common.
type fileKeysOf struct {
	Filename string       `yaml:"filename,required" doc:"file, relative to the working folder, as in Python"`
	Mode     string       `yaml:"mode" enum:"a|w|x" doc:"a: at the end of what is there; w: the file is emptied when the program starts; x: a file that is there is an error"`
	Encoding string       `yaml:"encoding" doc:"utf-8, utf-8-sig, ascii, latin-1, utf-16, utf-32 or another name of Python's for one of them, and with encodings.All, as in the program girok, nearly all others of Python; utf-8 if absent"`
	Errors   string       `yaml:"errors" enum:"strict|replace|ignore|backslashreplace|xmlcharrefreplace|namereplace|surrogateescape|surrogatepass" doc:"what becomes of a character that the encoding does not have; strict, so an error, if absent; namereplace with encodings.Names, as in the program girok"`
	Delay    config.Truth `yaml:"delay" doc:"open the file with the first record only"`
	Set      ending       `yaml:"." doc:"terminator: what ends a line, a line break if absent"`

	encoding *file.Encoding
}

// encodes finds the encoding, also among more than girok has by itself.
func (k *fileKeysOf) encodes(more []file.Encodings) (err error) {
	k.encoding, err = file.NewEncoding(k.Encoding, k.Errors, more...)
	return err
}

// Validate implements config.Validator.
func (k *fileKeysOf) Validate(at *config.At) {
	if k.Filename == "" && at.Has("filename") {
		at.Problem("filename", "is empty; want a file")
	}
	if st, err := os.Stat(k.Filename); err == nil && st.IsDir() {
		at.Problem("filename", "%s is a folder; want a file, %s for example", k.Filename, filepath.Join(k.Filename, "app.log"))
	}
}

func (k *fileKeysOf) place() (where, guarantee string) {
	return k.Filename, "written in the call, once"
}

// files are the keys that all files have.
func (k *fileKeysOf) files() *fileKeysOf { return k }

// refused says why the file can't be opened; nil if nothing speaks against it.
func (k *fileKeysOf) refused() error {
	if _, err := os.Lstat(k.Filename); err == nil && k.Mode == "x" {
		return fmt.Errorf("%s is there, and mode x wants to make it", k.Filename)
	}
	return disk.File(k.Filename)
}

func (k *fileKeysOf) options(h *handlerPlan) file.Options {
	return file.Options{
		Path: k.Filename, Format: h.format, Truncate: k.Mode == "w", New: k.Mode == "x",
		End: k.Set.text(), HasEnd: true, Encoding: k.encoding,
	}
}

// opener is a handler that writes a file.
type opener interface {
	tree.Direct
	Open() error
}

// begin opens the file, unless that is delayed.
func (k *fileKeysOf) begin(f opener, h *handlerPlan, report report) tree.Direct {
	if !k.Delay {
		if err := f.Open(); err != nil {
			report("a file can't be opened; each record tries again", "handler", h.name, "error", err)
		}
	}
	return f
}

// fileHandlerKeys are the keys of a FileHandler.
type fileHandlerKeys struct {
	fileKeysOf
	Spooled bool `yaml:"spooled" doc:"true: written from the spool, with the keys of the section below"`
}

func (k *fileHandlerKeys) open(_ *blueprint, h *handlerPlan, report report) tree.Direct {
	return k.begin(file.New(k.options(h)), h, report)
}

type watchedKeys struct{ fileKeysOf }

func (k *watchedKeys) open(_ *blueprint, h *handlerPlan, report report) tree.Direct {
	return k.begin(file.NewWatched(k.options(h)), h, report)
}

type rotatingKeys struct {
	fileKeysOf
	MaxBytes    config.Number `yaml:"maxBytes" doc:"the file is put aside before a record makes it as long as this, in bytes; 0: never"`
	BackupCount config.Number `yaml:"backupCount" doc:"how many files that were put aside stay, called .1, .2 and so on; 0: the file is never put aside, and grows"`
	careKeys
}

// careKeys say what becomes of files that were put aside. They are girok's own.
type careKeys struct {
	Compress string          `yaml:"compress" enum:"gzip|zstd" doc:"files that were put aside are compressed, and their names end in .gz or .zst; zstd with zstd.Packing, as in the program girok"`
	MaxAge   config.Duration `yaml:"max_age" doc:"files that were put aside go when they are so old; they stay if absent"`

	packing *file.Packing
}

// packs finds the packing.
func (k *careKeys) packs(zstd file.Zstd) (err error) {
	k.packing, err = file.NewPacking(k.Compress, zstd)
	return err
}

func (k *careKeys) care(h *handlerPlan, report report) file.Care {
	say := func(msg string, args ...any) { report(msg, append(args, "handler", h.name)...) }
	return file.Care{
		Packing: k.packing, MaxAge: time.Duration(k.MaxAge), Report: say,
		Shared: func(pid int) {
			who := "another program"
			if pid != 0 {
				who = "the process " + strconv.Itoa(pid)
			}
			say(who + " puts this file aside too; girok's programs take turns and lose nothing, others would: give each a file of its own, or write it with spooled: true")
		},
	}
}

func (k *rotatingKeys) open(_ *blueprint, h *handlerPlan, report report) tree.Direct {
	size := file.RotatingOptions{MaxBytes: int64(math.Ceil(float64(k.MaxBytes))), Backups: int(k.BackupCount), Care: k.care(h, report)}
	return k.begin(file.NewRotating(k.options(h), size), h, report)
}

type timedKeys struct {
	Filename    string        `yaml:"filename,required" doc:"file, relative to the working folder, as in Python"`
	When        string        `yaml:"when" doc:"S, M, H, D: seconds, minutes, hours, days from the start; midnight; W0 to W6: a day of the week, 0 is Monday"`
	Interval    config.Number `yaml:"interval" doc:"how many of these"`
	BackupCount config.Number `yaml:"backupCount" doc:"how many files that were put aside stay; 0: all"`
	UTC         config.Truth  `yaml:"utc" doc:"count days and name files in UTC; in timezone if absent"`
	AtTime      *config.Node  `yaml:"atTime" doc:"with midnight and W0 to W6: the time of day, as \"03:30\""`
	Encoding    string        `yaml:"encoding" doc:"utf-8, utf-8-sig, ascii, latin-1, utf-16, utf-32 or another name of Python's for one of them, and with encodings.All, as in the program girok, nearly all others of Python; utf-8 if absent"`
	Errors      string        `yaml:"errors" enum:"strict|replace|ignore|backslashreplace|xmlcharrefreplace|namereplace|surrogateescape|surrogatepass" doc:"what becomes of a character that the encoding does not have; strict, so an error, if absent; namereplace with encodings.Names, as in the program girok"`
	Delay       config.Truth  `yaml:"delay" doc:"open the file with the first record only"`
	Set         ending        `yaml:"." doc:"terminator: what ends a line, a line break if absent"`
	careKeys

	encoding *file.Encoding
}

// files are the keys that all files have.
func (k *timedKeys) files() *fileKeysOf {
	return &fileKeysOf{Filename: k.Filename, Encoding: k.Encoding, Errors: k.Errors, Delay: k.Delay, Set: k.Set, encoding: k.encoding}
}

func (k *timedKeys) encodes(more []file.Encodings) (err error) {
	k.encoding, err = file.NewEncoding(k.Encoding, k.Errors, more...)
	return err
}

// Validate implements config.Validator.
func (k *timedKeys) Validate(at *config.At) {
	k.files().Validate(at)
	if _, err := file.ParseWhen(k.When); err != nil {
		at.Problem("when", "%v", err)
	}
	if k.Interval < 1 || k.Interval != config.Number(math.Trunc(float64(k.Interval))) {
		at.Problem("interval", "want a whole number of at least 1")
	}
	if _, ok := timeOfDay(k.AtTime); !ok {
		at.Problem("atTime", `want a time of day, as "03:30" or "03:30:15"`)
	}
}

// midnight is the end of a day, in seconds.
const midnight = 24 * 60 * 60

// timeOfDay is a time of day in seconds.
func timeOfDay(n *config.Node) (seconds int64, ok bool) {
	if n.IsZero() {
		return midnight, true
	}
	text := n.Raw()
	switch text {
	case "ext://datetime.time.min":
		return 0, true
	case "ext://datetime.time.max":
		return midnight - 1, true
	}
	parts := strings.Split(text, ":")
	limits := []int64{24, 60, 60}
	if n.Kind() != config.Scalar || len(parts) < 2 || len(parts) > 3 {
		return 0, false
	}
	for len(parts) < 3 {
		parts = append(parts, "0")
	}
	for i, p := range parts {
		v, err := strconv.ParseUint(p, 10, 8)
		if err != nil || int64(v) >= limits[i] {
			return 0, false
		}
		seconds = seconds*60 + int64(v)
	}
	return seconds, true
}

func (k *timedKeys) place() (where, guarantee string) { return k.files().place() }

func (k *timedKeys) open(b *blueprint, h *handlerPlan, report report) tree.Direct {
	when, _ := file.ParseWhen(k.When) // checked before
	at, _ := timeOfDay(k.AtTime)
	o := file.TimedOptions{
		When: when, Interval: int64(k.Interval), Backups: int(k.BackupCount), UTC: bool(k.UTC), At: at, Location: b.location, Now: b.now, Care: k.care(h, report),
	}
	return k.files().begin(file.NewTimed(k.files().options(h), o), h, report)
}

// sameFile warns of direct handlers that write one file and may put it aside:
// each would count for itself.
func (b *blueprint) sameFile(ps *config.Problems) {
	first := map[string]*handlerPlan{}
	for _, h := range b.sorted() {
		if h.out == nil {
			continue
		}
		where, _ := h.out.place()
		turns := slices.Contains([]string{"RotatingFileHandler", "TimedRotatingFileHandler"}, className(h.class))
		if at := h.node.Get("filename"); at != nil && first[where] != nil && turns {
			ps.Add(at.Pos(), at.Path(), "the handler %q writes this file too; let several loggers name one handler", first[where].name)
		}
		if h.node.Get("filename") != nil {
			first[where] = h
		}
	}
}

// clock is the process's clock, which tests put forward.
type clock func() time.Time

func (clock) GirokOption() {}

// began is when the process began by that clock; without it, when the configuration
// was read.
type began time.Time

func (began) GirokOption() {}

// clockOf is the clock among options; nil: the real one.
func clockOf(opts []Option) clock {
	for _, o := range opts {
		if c, ok := o.(clock); ok {
			return c
		}
	}
	return nil
}
