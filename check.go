package girok

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/girok/girok/config"
	"github.com/girok/girok/format"
	"github.com/girok/girok/internal/disk"
	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
	"github.com/girok/girok/source"
	"github.com/girok/girok/spool"
	"github.com/girok/girok/tree"
)

// Checked is a configuration that was read and found right. Nothing of it was
// opened.
type Checked struct {
	File     string
	Service  string
	SpoolDir string // the service's folder in the spool; "" when nothing is spooled
	// SpoolRefused says why this user can't use the spool, as far as that is known
	// without trying; nil if nothing speaks against it.
	SpoolRefused  error
	SpoolRequired bool // spool.require: such a spool is an error of Open
	Handlers      []CheckedHandler
	Loggers       []CheckedLogger
	Sources       []source.Plan
	// Run is what a run of it would keep: the spooled handlers that loggers use.
	Run      spool.RunConfig
	Warnings []config.Problem // what works and is perhaps not meant

	blue *blueprint
}

// CheckedHandler is one handler of a configuration.
type CheckedHandler struct {
	Name, Class string
	Place       string // where it writes: a file, a stream, a table
	Guarantee   string // in words
	Level       record.Level
	Accepts     []string // kinds of records
	Spooled     bool
	Used        bool        // a logger names it
	File        string      // that a direct handler writes; "" if it writes none
	FileRefused error       // why it can't be opened, as far as that is known without trying
	Kind        sink.Kind   // if Spooled
	Config      sink.Config // if Spooled
	Env         sink.Env    // if Spooled
}

// CheckedLogger is one logger of a configuration, and where its records go.
type CheckedLogger struct {
	Name      string       // "" is the root
	Level     record.Level // that it has or inherits
	OwnLevel  record.Level // NotSet: it inherits
	Own       []string     // its own handlers
	All       []string     // those that its records come to
	Propagate bool
}

// Check reads a configuration and reports every mistake in it, as Open does, and
// touches nothing else: no folder is made, no file opened.
func Check(path string, opts ...Option) (*Checked, error) {
	offerSecrets(opts)
	doc, err := config.Load(path)
	return check(doc, err, opts)
}

// CheckOver is Check for what OpenOver opens.
func CheckOver(path, name string, over func(*config.Document) []byte, opts ...Option) (*Checked, error) {
	offerSecrets(opts)
	doc, err := config.LoadOver(path, name, over)
	return check(doc, err, opts)
}

func check(doc *config.Document, err error, opts []Option) (*Checked, error) {
	if err != nil {
		return nil, err
	}
	b, err := readOver(nil, doc, append(slices.Clone(opts), checking{}))
	if err != nil {
		return nil, err
	}
	return b.checked(), nil
}

func (b *blueprint) checked() *Checked {
	c := &Checked{File: b.doc.File, Service: b.keys.Service, Sources: b.sources, SpoolRequired: b.keys.Spool.Require, blue: b}
	for _, h := range b.sorted() {
		c.Handlers = append(c.Handlers, b.checkedHandler(h))
	}
	if slices.ContainsFunc(c.Handlers, func(h CheckedHandler) bool { return h.Spooled && h.Used }) {
		c.SpoolDir, c.SpoolRefused = b.checkedSpool()
	}
	t := tree.New(tree.Config{Loggers: b.loggers})
	for _, l := range t.Loggers() {
		n := t.Node(l.Name)
		c.Loggers = append(c.Loggers, CheckedLogger{
			Name: l.Name, Level: n.Level(), OwnLevel: l.Level, Own: namesOf(l.Handlers), All: namesOf(n.Handlers()), Propagate: l.Propagate,
		})
	}
	c.Warnings = b.warnings()
	c.Run, _ = b.runConfig() // what can't be in it was a mistake before
	return c
}

// checkedSpool is the service's folder in the spool, and why it can't be used.
func (b *blueprint) checkedSpool() (dir string, refused error) {
	if dir = b.spoolPlace(disk.Possible); dir == "" {
		return "", fmt.Errorf("there is no folder for the spool that user %d can write: none of $GIROK_SPOOL, $STATE_DIRECTORY, %s, %s", os.Getuid(), filepath.Join(b.dir(), "spool"), stateHome())
	}
	dir = filepath.Join(dir, b.keys.Service)
	return dir, spool.Usable(dir, b.group)
}

func namesOf(hs []*tree.Handler) []string {
	names := []string{}
	for _, h := range hs {
		names = append(names, h.Name)
	}
	return names
}

func (b *blueprint) checkedHandler(h *handlerPlan) CheckedHandler {
	c := CheckedHandler{Name: h.name, Class: h.class, Level: h.tree.Level, Spooled: h.spooled, Used: h.used}
	for i, name := range record.KindNames() {
		if h.tree.Accepts&(1<<i) != 0 {
			c.Accepts = append(c.Accepts, name)
		}
	}
	switch {
	case h.foreign:
		c.Guarantee = "its kind is not in this program, which only writes: who delivers checks the rest"
	case h.spooled:
		c.Kind, c.Config = h.kind, h.cfg
		c.Env = sink.Env{Service: b.keys.Service, Handler: h.name, Location: b.location, Dir: b.dir()}
		if c.Place = h.cfg.Endpoint(c.Env); h.cfg.Target() != "" {
			c.Place += ", " + h.cfg.Target()
		}
		c.Guarantee = h.cfg.Guarantee()
	case h.out != nil:
		c.Place, c.Guarantee = h.out.place()
		if f, ok := h.out.(interface{ files() *fileKeysOf }); ok {
			c.File, c.FileRefused = c.Place, f.files().refused()
		}
	}
	return c
}

// warnings finds what is no mistake and perhaps not meant.
func (b *blueprint) warnings() []config.Problem {
	ps := config.Problems(slices.Concat(b.doc.Warnings, b.stoodIn))
	if n := b.doc.Root.Get("service"); n.IsZero() {
		ps.Add(b.doc.Root.Pos(), "service", "is missing: the program's file name (%s) stands for it, so another program that reads this file has a spool of its own", b.keys.Service)
	}
	for _, h := range b.sorted() {
		if !h.used {
			ps.Add(h.node.KeyPos(), h.node.Path(), "no logger uses this handler")
		}
		b.unreached(h, &ps)
	}
	b.sameFile(&ps)
	b.misspelt(&ps)
	b.levelsApart(&ps)
	b.doubled(&ps)
	b.unused(&ps)
	b.idle(&ps)
	clearSecrets(b.doc.Root, "", &ps)
	if len(b.handlers) == 0 {
		ps.Add(b.doc.Root.Pos(), "handlers", "is missing: records of WARNING and above go to standard error, others nowhere")
	}
	ps.Sort()
	return ps
}

// unreached warns of a handler's level that no logger lets anything come down to.
func (b *blueprint) unreached(h *handlerPlan, ps *config.Problems) {
	if h.tree.Level == record.NotSet || h.tree.Accepts&tree.Takes(record.Log) == 0 {
		return
	}
	lowest, found := record.Level(0), ""
	t := tree.New(tree.Config{Loggers: b.loggers})
	for _, l := range t.Loggers() {
		n := t.Node(l.Name)
		if slices.Contains(n.Handlers(), h.tree) && (found == "" || n.Level() < lowest) {
			lowest, found = n.Level(), cmp.Or(l.Name, "root")
		}
	}
	if found != "" && lowest > h.tree.Level {
		at := h.node.Get("level")
		ps.Add(at.Pos(), at.Path(), "takes logs from %s on, but its loggers let none below %s through: set the level of %s", h.tree.Level, lowest, found)
	}
}

// levelsApart warns of a logger that lets through what none of its handlers takes.
func (b *blueprint) levelsApart(ps *config.Problems) {
	t := tree.New(tree.Config{Loggers: b.loggers})
	for _, l := range b.loggers {
		n := t.Node(l.Name)
		var levels []record.Level
		for _, h := range n.Handlers() {
			if h.Accepts&tree.Takes(record.Log) != 0 {
				levels = append(levels, h.Level)
			}
		}
		if l.Level == record.NotSet || len(levels) == 0 || slices.Min(levels) <= l.Level {
			continue
		}
		if at := b.loggerNode(l.Name).Get("level"); at != nil {
			ps.Add(at.Pos(), at.Path(), "lets logs from %s on through, but none of its handlers takes any below %s", l.Level, slices.Min(levels))
		}
	}
}

// doubled warns of handlers that a logger and one above it name: each log of the lower
// one comes to them twice. What is spooled is stored once.
func (b *blueprint) doubled(ps *config.Problems) {
	t := tree.New(tree.Config{Loggers: b.loggers})
	for _, l := range b.loggers {
		above := t.Node(l.Name).Parent()
		if above == nil || !l.Propagate {
			continue
		}
		for _, item := range b.loggerNode(l.Name).Get("handlers").Items() {
			if h := b.handlers[item.Raw()]; !h.spooled && slices.Contains(above.Handlers(), h.tree) {
				ps.Add(item.Pos(), item.Path(), "a logger above names this handler too, so it gets each log of %s twice: take it out here, or set propagate: false", l.Name)
			}
		}
	}
}

// loggerNode is where a logger stands in the file; nil if it does not.
func (b *blueprint) loggerNode(name string) *config.Node {
	if name == "" && b.keys.Root != nil {
		return b.keys.Root
	}
	return b.keys.Loggers[shownName(name)]
}

// unused warns of formatters and filters that nothing names.
func (b *blueprint) unused(ps *config.Problems) {
	named := map[string]map[string]bool{"formatters": {}, "filters": {}}
	users := append(slices.Collect(maps.Values(b.keys.Handlers)), slices.Collect(maps.Values(b.keys.Loggers))...)
	for _, n := range append(users, b.keys.Root) {
		named["formatters"][n.Get("formatter").Raw()] = true
		for _, item := range n.Get("filters").Items() {
			named["filters"][item.Raw()] = true
		}
	}
	for what, entries := range map[string]map[string]*config.Node{"formatters": b.keys.Formatters, "filters": b.keys.Filters} {
		for name, n := range entries {
			if !named[what][name] {
				ps.Add(n.KeyPos(), n.Path(), "nothing uses it")
			}
		}
	}
}

// idle warns of keys that do not do what they look like.
func (b *blueprint) idle(ps *config.Problems) {
	for _, n := range b.keys.Formatters {
		if strings.HasPrefix(n.Get("class").Raw(), "pythonjsonlogger.") {
			for _, k := range n.Keys() {
				switch k.Name {
				case "class", "format", "datefmt", "style", "validate":
				default:
					ps.Add(k.Pos, n.Get(k.Name).Path(), "means nothing beside class, as in Python: write (): %s", n.Get("class").Raw())
				}
			}
		}
	}
	for _, h := range b.sorted() {
		if _, ok := h.out.(*externalKeys); ok && h.node.Get("formatter") != nil {
			at := h.node.Get("formatter")
			ps.Add(at.Pos(), at.Path(), "means nothing: a handler of the program makes its own lines")
		}
		if r, ok := h.out.(*rotatingKeys); ok && r.MaxBytes > 0 && r.BackupCount < 1 {
			at := h.node.Get("maxBytes")
			ps.Add(at.Pos(), at.Path(), "without backupCount the file is never put aside, and grows, as in Python")
		}
	}
}

// formatOf is a formatter's format as text; nil if it has none that is right.
func formatOf(n *config.Node) (at *config.Node, t *format.Text) {
	if at = n.Get("format"); at == nil {
		at = n.Get("fmt")
	}
	o := format.Options{Format: at.Raw(), Style: '%', Lenient: true}
	if style := n.Get("style").Raw(); style != "" {
		o.Style = style[0]
	}
	if at == nil {
		return nil, nil
	}
	t, err := o.Text()
	if err != nil {
		return nil, nil // told already
	}
	return at, t
}

// otherNames are names that only formatters of other packages know.
var otherNames = map[string]string{
	"log_color": "colorlog", "reset": "colorlog", "levelprefix": "uvicorn", "client_addr": "uvicorn", "request_line": "uvicorn",
}

// misspelt finds names in formats that are nearly those of a record's fields.
func (b *blueprint) misspelt(ps *config.Problems) {
	for _, n := range b.keys.Formatters {
		at, t := formatOf(n)
		if t == nil {
			continue
		}
		written := n.Get("class").Raw() + n.Get("()").Raw()
		for _, name := range t.Attributes() {
			if meant := format.Misspelt(name); meant != "" {
				ps.Add(at.Pos(), at.Path(), "no field of a record is called %q; did you mean %q? As it is, it shows the attribute of this name", name, meant)
			} else if owner := otherNames[name]; owner != "" && !strings.Contains(written, owner) {
				ps.Add(at.Pos(), at.Path(), "%q is a field that only formatters of %s have: a record has it only as an attribute", name, owner)
			}
		}
		if d := n.Get("datefmt"); d.Raw() != "" && !t.ShowsTime() && !strings.Contains(written, "sonFormatter") {
			ps.Add(d.Pos(), d.Path(), "means nothing: the format does not show asctime")
		}
	}
}

// spoolPlace is where the spool lies: as configured, or the first place that
// usable accepts.
func (b *blueprint) spoolPlace(usable func(dir string) bool) string {
	if d := b.keys.Spool.Dir; d != "" {
		return config.Abs(b.dir(), d)
	}
	state, _, _ := strings.Cut(os.Getenv("STATE_DIRECTORY"), ":") // systemd lists all that a unit has
	candidates := []string{os.Getenv("GIROK_SPOOL"), state, filepath.Join(b.dir(), "spool"), stateHome()}
	for _, d := range candidates {
		if d != "" && usable(d) {
			return d
		}
	}
	return ""
}
