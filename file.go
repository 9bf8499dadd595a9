package girok

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/girok/girok/config"
	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
)

// fileKeys is the top of a config.yaml.
type fileKeys struct {
	Version         *config.Node            `yaml:"version" doc:"1: the version of Python's dictConfig"`
	Service         string                  `yaml:"service" doc:"name of the service; its runs lie in a folder of this name in the spool; the program's file name if absent"`
	Timezone        string                  `yaml:"timezone" doc:"zone of dates, days and datetime columns, as Asia/Seoul; the machine's if absent"`
	Formatters      map[string]*config.Node `yaml:"formatters" doc:"how lines look, by name"`
	Filters         map[string]*config.Node `yaml:"filters" doc:"which records pass, by name"`
	Handlers        map[string]*config.Node `yaml:"handlers" doc:"where records go, by name"`
	Loggers         map[string]*config.Node `yaml:"loggers" doc:"where records come from, by dotted name"`
	Root            *config.Node            `yaml:"root" doc:"the root logger"`
	Sources         map[string]*config.Node `yaml:"sources" doc:"records of other programs, by name; for girok run"`
	Incremental     config.Truth            `yaml:"incremental" doc:"true: the file changes only levels of handlers and loggers, and propagate, of what is configured already; all else in it is ignored"`
	DisableExisting *config.Truth           `yaml:"disable_existing_loggers" doc:"by what rules a reload with this file goes: if absent the file is all there is, and loggers that it does not name are as if it were the first; with this key those of Python: what was set of a logger stays unless the file says otherwise, handlers are made anew, and true silences the loggers that the file does not name (it is what an absent key means in Python)"`
	Stack           *config.Node            `yaml:"stack" doc:"logs of this level or above have the stack of their call under stack, and the causes of an error beside it, under its key and .causes; none has if absent"`
	UnknownClasses  string                  `yaml:"unknown_classes" enum:"error|warn" doc:"of handlers, formatters and filters that only Python has: error: a mistake; warn: the console stands for a handler, the usual look for a formatter, a filter lets all through, and it is told"`
	Redact          redactKeys              `yaml:"redact" doc:"values that must not be seen: hidden before a record exists"`
	Spool           spoolKeys               `yaml:"spool" doc:"the durable log that spooled handlers read"`
}

// defaultKeys is the top of a file that says nothing.
func defaultKeys() fileKeys {
	return fileKeys{UnknownClasses: "error", Redact: redactKeys{With: "mask"}, Spool: spoolKeys{Durability: "process", Deliver: "auto"}}
}

type redactKeys struct {
	Keys []string `yaml:"keys" doc:"keys of attributes, at any depth, in any case; * stands for any text"`
	With string   `yaml:"with" enum:"mask|hash|drop" doc:"mask: ***; hash: equal values stay equal; drop: the attribute goes"`
}

type spoolKeys struct {
	Dir        string          `yaml:"dir" doc:"folder, relative to the file; if absent the first that can be written of $GIROK_SPOOL, $STATE_DIRECTORY, spool beside the file, $XDG_STATE_HOME/girok"`
	Durability string          `yaml:"durability" enum:"process|disk" doc:"process: what a log call has returned from survives the death of the process; disk: a power cut too, and the call waits for the disk (together with others)"`
	Sync       config.Duration `yaml:"sync" doc:"with durability: process, put records on the disk this often in the background; 0: when the system does, within half a minute or so"`
	Deliver    string          `yaml:"deliver" enum:"auto|never" doc:"never: the program only writes its spool, and girok run beside it delivers"`
	MaxBytes   config.Size     `yaml:"max_bytes" doc:"the most that waiting records may take; beyond it the oldest go; the smaller of 1GiB and a tenth of the disk if absent"`
	Group      string          `yaml:"group" doc:"a group, by number or by its name in /etc/group, whose members share the spool: programs of several users write it, and one of them delivers for all; this user's alone if absent"`
	Require    bool            `yaml:"require" doc:"a spool folder that can't be used is an error of Open; otherwise records stay in memory, said loudly"`
	Trust      bool            `yaml:"trust" doc:"use a mapping on network file systems too, which girok does not trust with one"`
}

// directKeys is what console and file have in common.
type directKeys struct {
	Class     string       `yaml:"class" doc:"kind of the handler"`
	Factory   string       `yaml:"()" doc:"in the place of class, as in Python"`
	Level     *config.Node `yaml:"level" doc:"lowest level that the handler takes"`
	Formatter string       `yaml:"formatter" doc:"name of a formatter"`
	Filters   []string     `yaml:"filters" doc:"names of filters: the handler takes what all of them let through"`
	Accepts   []string     `yaml:"accepts" doc:"kinds of records that the handler takes"`
}

// filterKeys is one entry of filters.
type filterKeys struct {
	Factory string       `yaml:"()" doc:"logging.Filter, which it is without this key too"`
	Name    *config.Node `yaml:"name" doc:"the records of this logger pass, and of those below it; all if absent"`
}

// loggerKeys is one entry of loggers, and root.
type loggerKeys struct {
	Level     *config.Node  `yaml:"level" doc:"lowest level of logs; the parent's if absent"`
	Handlers  names         `yaml:"handlers" doc:"names of handlers"`
	Filters   []string      `yaml:"filters" doc:"names of filters, for what is logged by this very logger"`
	Propagate *config.Truth `yaml:"propagate" doc:"records go on to the parent's handlers; true if absent"`
}

// names is a list of names. Python walks over a text as over a list of letters, so
// one letter is a list too.
type names []string

// FromNode implements config.Unmarshaler.
func (l *names) FromNode(n *config.Node, ps *config.Problems) {
	if n.Kind() == config.Scalar && utf8.RuneCountInString(n.Raw()) == 1 {
		*l = names{n.Raw()}
		return
	}
	config.DecodeValue(n, ps, (*[]string)(l))
}

// DescribeType implements config.Describer.
func (names) DescribeType() string { return "a list of texts" }

// networkClasses are Python's classes that a program gets by an option.
var networkClasses = []string{"SysLogHandler", "HTTPHandler", "SMTPHandler", "SocketHandler", "DatagramHandler"}

// levelOf reads a level as Python does: a number, or a name in exact case.
func levelOf(n *config.Node, ps *config.Problems) record.Level {
	if n.IsZero() {
		return record.NotSet
	}
	told := len(*ps)
	value := n.Py(ps)
	if len(*ps) > told { // a variable is not set
		return record.NotSet
	}
	switch v := value.(type) {
	case bool: // as in Python, true is 1
		if v {
			return 1
		}
		return record.NotSet
	case int:
		if v >= -1<<20 && v <= 1<<20 {
			return record.Level(v)
		}
	case string:
		if l, ok := record.ParseLevel(v); ok && strings.Trim(v, "+-0123456789") != "" {
			return l
		}
		names := []string{"CRITICAL", "ERROR", "WARNING", "INFO", "DEBUG", "NOTSET"}
		if s := config.Suggest(strings.ToUpper(v), names); s != "" {
			ps.Add(n.Pos(), n.Path(), "unknown level %q; did you mean %q? known: %s, or a number", v, s, strings.Join(names, ", "))
			return record.NotSet
		}
		ps.Add(n.Pos(), n.Path(), "want a level (%s, or a number), got the text %q", strings.Join(names, ", "), v)
		return record.NotSet
	}
	got := n.Raw()
	if n.Kind() != config.Scalar {
		got = n.Kind().String()
	}
	ps.Add(n.Pos(), n.Path(), "want a level (CRITICAL, ERROR, WARNING, INFO, DEBUG, NOTSET, or a number), got %s", got)
	return record.NotSet
}

// acceptsOf reads the kinds of records that a handler takes.
func acceptsOf(n *config.Node, names []string, byDefault uint8, ps *config.Problems) (set uint8) {
	if len(names) == 0 {
		return byDefault
	}
	for i, name := range names {
		k, ok := record.ParseKind(name)
		if !ok {
			item := n.Get("accepts").Items()[i]
			ps.Add(item.Pos(), item.Path(), "want one of %s, got %q", strings.Join(record.KindNames(), ", "), name)
			continue
		}
		set |= 1 << k
	}
	return set
}

// checkVersion wants 1, by Python's equality.
func checkVersion(root, n *config.Node, ps *config.Problems) {
	if n == nil || n.IsZero() {
		ps.Add(root.Pos(), "version", "is missing; want version: 1")
		return
	}
	switch v := n.Py(ps).(type) {
	case bool:
		if v {
			return
		}
	case float64:
		if v == 1 {
			return
		}
	case string: // as in Python, '1' is not 1
		ps.Add(n.Pos(), "version", "want the number 1, got the text %q", v)
		return
	default:
		if fmt.Sprint(v) == "1" {
			return
		}
	}
	ps.Add(n.Pos(), "version", "want 1, got %s", n.Raw())
}

func zoneOf(name string, root *config.Node, ps *config.Problems) *time.Location {
	if name == "" {
		return time.Local
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		n := root.Get("timezone")
		ps.Add(n.Pos(), "timezone", "want a time zone, as Asia/Seoul or UTC, got %q", name)
		return time.Local
	}
	return loc
}

// className is a class without Python's package.
func className(class string) string {
	class = strings.TrimPrefix(class, "logging.")
	return strings.TrimPrefix(class, "handlers.")
}

// unknownClass says what classes there are.
func unknownClass(n *config.Node, class string, kinds []sink.Kind, ps *config.Problems) {
	at := n.Get("class")
	if at == nil {
		at = n.Get("()")
	}
	switch name := className(class); {
	case slices.Contains(networkClasses, name) && strings.HasSuffix(class, "logging.handlers."+name):
		ps.AddHint(at.Pos(), at.Path(), "in Go: girok.Open(path, python.Kinds), of the package github.com/girok/girok/sink/python", "%q is not in this program", class)
		return
	case name == "NTEventLogHandler":
		ps.Add(at.Pos(), at.Path(), "%q writes to the event log of Windows: it can't be had here", class)
		return
	case name == "BufferingHandler" || name == "Handler":
		ps.Add(at.Pos(), at.Path(), "%q is a base of other classes and writes nothing; want logging.handlers.MemoryHandler, or logging.NullHandler", class)
		return
	case pythonsOwn(class) != "":
		ps.Add(at.Pos(), at.Path(), "can't resolve %q; did you mean %q?", class, pythonsOwn(class))
		return
	case strings.HasPrefix(strings.TrimPrefix(class, extPrefix), "logging."):
		ps.Add(at.Pos(), at.Path(), "can't resolve %q: Python's logging has no handler of this name", class)
		return
	case strings.HasPrefix(class, extPrefix) || strings.Contains(class, ".") && !strings.ContainsAny(class, "/ "):
		name := strings.TrimPrefix(class, extPrefix)
		hint := cmp.Or(insteadOf(class), fmt.Sprintf("in Go: girok.Open(path, girok.External(%q, handler)), with a handler of log/slog", name))
		ps.AddHint(at.Pos(), at.Path(), hint, "can't resolve %q", class)
		return
	}
	known := []string{"console", "file", "null"}
	for _, k := range kinds {
		known = append(known, k.Name())
	}
	slices.Sort(known)
	known = slices.Compact(known)
	has := strings.Join(known, ", ")
	if meant := config.Suggest(class, known); meant != "" {
		ps.Add(at.Pos(), at.Path(), "%q is not in this program; did you mean %q? it has %s", class, meant, has)
		return
	}
	hint := ""
	if pkg := packages[class]; pkg != "" {
		hint = fmt.Sprintf("in Go: girok.Open(path, %s.Kind), of the package github.com/girok/girok/%s", class, pkg)
	}
	ps.AddHint(at.Pos(), at.Path(), hint, "%q is not in this program; it has %s", class, has)
}

// pythonsOwn is the class of Python's logging that was probably meant by a name of none
// of its modules, or a misspelt one; "" if none was.
func pythonsOwn(class string) string {
	class = strings.TrimPrefix(class, extPrefix)
	name := className(class)
	if strings.Contains(name, ".") || name == class && !strings.HasSuffix(name, "Handler") {
		return ""
	}
	known := map[string]string{}
	for _, c := range directClasses() {
		for _, full := range c.names {
			if strings.HasPrefix(full, "logging.") {
				known[className(full)] = full
			}
		}
	}
	for _, c := range networkClasses {
		known[c] = "logging.handlers." + c
	}
	return cmp.Or(known[name], known[config.Suggest(name, slices.Sorted(maps.Keys(known)))])
}

// packages are where the kinds are that a program need not have.
var packages = map[string]string{
	"sqlite": "store/sqlite", "duckdb": "store/duckdb", "postgres": "store/postgres", "bigquery": "store/bigquery", "files": "sink/files",
}
