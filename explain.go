package girok

import (
	"fmt"
	"strings"
	"time"

	"github.com/girok/girok/filter"
	"github.com/girok/girok/record"
	"github.com/girok/girok/tree"
)

// Explain says step by step what becomes of a log of a level from a logger: one
// line a step, two spaces deeper where one belongs to the line above. What is said
// is what the configuration does when it is opened; SetLevel may change it.
func (c *Checked) Explain(logger string, level record.Level) []string {
	if logger == "root" {
		logger = ""
	}
	e := &explainer{b: c.blue, tree: tree.New(tree.Config{Loggers: c.blue.loggers}), logger: logger, level: level}
	e.explain()
	return e.lines
}

type explainer struct {
	b      *blueprint
	tree   *tree.Tree
	logger string
	level  record.Level
	lines  []string
}

func (e *explainer) say(depth int, format string, args ...any) {
	e.lines = append(e.lines, strings.Repeat("  ", depth)+fmt.Sprintf(format, args...))
}

// shownName is a logger's name for people.
func shownName(name string) string {
	if name == "" {
		return "root"
	}
	return name
}

// levelText is a level as a name and Python's number.
func levelText(l record.Level) string { return fmt.Sprintf("%s (%d)", l, int32(l)) }

// configured finds a logger in the file.
func (e *explainer) configured(name string) *tree.LoggerConfig {
	// The last counts, as for the tree: root may stand under loggers too.
	for i := len(e.b.loggers) - 1; i >= 0; i-- {
		if e.b.loggers[i].Name == name {
			return &e.b.loggers[i]
		}
	}
	return nil
}

// above is the name of the next logger up; false for the root.
func above(name string) (string, bool) {
	if name == "" {
		return "", false
	}
	return name[:max(strings.LastIndexByte(name, '.'), 0)], true
}

func (e *explainer) explain() {
	mine := e.configured(e.logger)
	if mine == nil {
		e.say(0, "logger %s: not in the file, so it has what is above it", shownName(e.logger))
	} else {
		e.say(0, "logger %s", shownName(e.logger))
	}
	if !e.passesLevel() || !e.passesFilters(mine) {
		return
	}
	if e.b.stack != record.NotSet && e.level >= e.b.stack {
		e.say(0, "stack: from %s on, so it gets the stack of its call", e.b.stack)
	}
	if len(e.b.keys.Redact.Keys) > 0 {
		e.say(0, "redact: values of %s are hidden (%s)", strings.Join(e.b.keys.Redact.Keys, ", "), e.b.keys.Redact.With)
	}
	e.walk()
}

// passesLevel explains the level of the logger.
func (e *explainer) passesLevel() bool {
	from, own := e.logger, record.NotSet
	for name, ok := e.logger, true; ok; name, ok = above(name) {
		if l := e.configured(name); l != nil && (l.Level != record.NotSet || name == "") {
			from, own = name, l.Level
			break
		} else if name == "" {
			from, own = "", record.Warning // Python's root
		}
	}
	whose := "its own"
	if from != e.logger {
		whose = "that of " + shownName(from)
	}
	if e.level < own {
		e.say(0, "level: %s, %s; %s is below it: the log ends here, and costs next to nothing", levelText(own), whose, levelText(e.level))
		return false
	}
	e.say(0, "level: %s, %s; %s passes", levelText(own), whose, levelText(e.level))
	return true
}

// passesFilters explains the filters of the logger itself.
func (e *explainer) passesFilters(mine *tree.LoggerConfig) bool {
	if mine == nil {
		return true
	}
	for _, f := range mine.Filters {
		takes, text := e.filterText(f)
		e.say(0, "filter %s", text)
		if !takes {
			return false
		}
	}
	return true
}

// filterText says what a filter does with the log.
func (e *explainer) filterText(f filter.Filter) (takes bool, text string) {
	name, ok := f.(filter.Name)
	switch {
	case !ok:
		return true, "of the program's own: it looks at each record"
	case name == "":
		return true, "without a name: takes all"
	case name.Takes(e.logger):
		return true, fmt.Sprintf("%q: takes what comes from %s", string(name), shownName(e.logger))
	}
	return false, fmt.Sprintf("%q: refuses what comes from %s: the log ends here", string(name), shownName(e.logger))
}

// walk explains the handlers of the logger and of those above it.
func (e *explainer) walk() {
	found := false
	for name, ok := e.logger, true; ok; name, ok = above(name) {
		l := e.configured(name)
		if l == nil {
			continue
		}
		for _, t := range l.Handlers {
			found = true
			e.handler(name, t)
		}
		if !l.Propagate && name != "" {
			e.say(0, "%s does not propagate: nothing above it is asked", name)
			break
		}
	}
	switch {
	case found:
	case e.level >= record.Warning:
		e.say(0, "no handler on the way: the last resort shows the message on standard error")
	default:
		e.say(0, "no handler on the way, and it is below WARNING: nothing shows it, and it is counted")
	}
}

// handler explains one handler of a logger.
func (e *explainer) handler(logger string, t *tree.Handler) {
	h := e.b.handlers[t.Name]
	head := fmt.Sprintf("handler %s of %s (%s)", t.Name, shownName(logger), h.class)
	switch {
	case t.Accepts&tree.Takes(record.Log) == 0:
		e.say(0, "%s: takes no logs (accepts)", head)
		return
	case e.level < t.Level:
		e.say(0, "%s: its level is %s: does not take it", head, levelText(t.Level))
		return
	}
	for _, f := range t.Filters {
		if takes, text := e.filterText(f); !takes {
			e.say(0, "%s: filter %s", head, text)
			return
		}
	}
	e.say(0, "%s: takes it", head)
	e.lands(h, 1, len(e.b.handlers))
}

// lands says where a record goes that a handler has taken.
func (e *explainer) lands(h *handlerPlan, depth, steps int) {
	c := e.b.checkedHandler(h)
	if h.spooled {
		e.say(depth, "into the spool, where it survives the death of the process")
	}
	if c.Place != "" {
		e.say(depth, "to %s", c.Place)
	}
	e.say(depth, "%s", c.Guarantee)
	if h.format != nil && len(h.feeds) == 0 && !h.spooled && h.writesLines() {
		for i, line := range strings.Split(e.sample(h), "\n") {
			e.say(depth, "%s%s", []string{"as: ", "    "}[min(i, 1)], line)
		}
	}
	for _, to := range h.feeds {
		if q, ok := h.out.(*queueKeys); ok && bool(q.RespectLevel) && e.level < to.tree.Level {
			e.say(depth, "the handler %s behind it: its level is %s: does not take it", to.name, levelText(to.tree.Level))
		} else if steps > 0 {
			e.say(depth, "and from there to the handler %s", to.name)
			if e.passesAll(to, depth+1) {
				e.lands(to, depth+1, steps-1)
			}
		}
	}
}

// writesLines reports whether a direct handler writes what its formatter makes.
func (h *handlerPlan) writesLines() bool {
	switch h.out.(type) {
	case *network, *externalKeys, *nullKeys:
		return false
	}
	return true
}

// passesAll explains the filters of a handler behind another one.
func (e *explainer) passesAll(h *handlerPlan, depth int) bool {
	for _, f := range h.tree.Filters {
		if takes, text := e.filterText(f); !takes {
			e.say(depth, "filter %s", text)
			return false
		}
	}
	return true
}

// sample is the line that a handler would write.
func (e *explainer) sample(h *handlerPlan) string {
	enc := record.NewEncoder(e.b.redact)
	defer enc.Release()
	enc.Begin(&record.Header{Level: e.level, Time: time.Now(), Logger: e.logger, Message: "the message"})
	enc.Caller(record.EncodeCaller(record.Caller{File: "/src/example.go", Function: "main.example", Line: 1}))
	enc.Finish()
	v := enc.View()
	if v == nil {
		return ""
	}
	return string(h.format.Append(nil, v))
}
