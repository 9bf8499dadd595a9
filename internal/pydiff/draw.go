// Package pydiff draws configurations for Python's logging and log calls at random,
// and plays them with CPython, so that a test can see whether girok does the same.
package pydiff

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// Case is a configuration and what a program does with it.
type Case struct {
	Zone   string            `json:"zone"`
	Start  int64             `json:"start"` // nanoseconds, as Step.Time
	Config string            `json:"config"`
	Files  map[string]string `json:"files"` // there before
	Steps  []Step            `json:"steps"`
	Look   []string          `json:"look"` // loggers to look at in the end

	Services []string `json:"-"` // that handlers of the case write to; see network

	Misfits bool `json:"-"` // a format asks for fields that records lack
}

// Step is a log call, or another thing that a program does.
type Step struct {
	Op     string `json:"op"` // log, configure, get, set_level, disable
	Time   int64  `json:"time"`
	Logger string `json:"logger"`
	Level  int    `json:"level"`
	Config string `json:"config,omitempty"`

	Msg         string          `json:"msg"`
	Args        json.RawMessage `json:"args,omitempty"`  // a list, merged into Msg
	Merged      []Field         `json:"-"`               // the same; with names if Args is one map
	Extra       json.RawMessage `json:"extra,omitempty"` // a map, in order
	Fields      []Field         `json:"-"`               // the same
	Exc         *Exc            `json:"exc,omitempty"`
	Stack       string          `json:"stack,omitempty"`
	File        string          `json:"file"`
	Line        int             `json:"line"`
	Func        string          `json:"func"`
	Process     int             `json:"process"`
	ProcessName string          `json:"process_name"`
	Thread      int             `json:"thread"`
	ThreadName  string          `json:"thread_name"`
}

// Field is one of extra.
type Field struct {
	Name  string
	Value any // string, bool, int64, float64, nil, []byte, or json.RawMessage for what is nested or a number beyond 64 bits
}

// Exc is an error without a traceback.
type Exc struct {
	Type    string `json:"type"`
	Module  string `json:"module,omitempty"`
	Message string `json:"message"`
}

// Counts says how often each thing was drawn.
type Counts map[string]int

// drawer draws one case.
type drawer struct {
	r      *rand.Rand
	counts Counts
	extra  []fieldType // what every record of the case has
	times  int64       // the time of the next step
	places map[string]bool
	held   bool   // there is a MemoryHandler
	once   bool   // there is a file that CPython can't open twice, or empties then
	sends  string // class of the handler that writes to a network; "" if there is none
	plain  bool   // no record has an error, and no format asctime
	args   bool   // messages have arguments, and no format shows these or msg
}

// Draw draws a case. The same seed gives the same case.
func Draw(seed uint64, counts Counts) *Case {
	d := &drawer{r: rand.New(rand.NewPCG(seed, 0)), counts: counts, places: map[string]bool{}}
	c := d.begin()
	c.Config = d.yaml(d.config(c, false))
	d.steps(c)
	return c
}

// begin draws what goes for the whole case.
func (d *drawer) begin() *Case {
	c := &Case{Zone: d.one("zone", "UTC", "Asia/Seoul", "America/New_York", "Europe/Berlin", "Asia/Kolkata"), Files: map[string]string{}}
	// Between 2001 and 2033, and so that no rounding of a float moves a millisecond.
	c.Start = (1_000_000_000+d.r.Int64N(1_000_000_000))*1e9 + d.r.Int64N(1000)*1e6 + 456_000
	d.times = c.Start
	d.extra = d.drawExtra()
	c.Misfits = d.chance(10)
	d.networkClass(c)
	d.args = d.sends != "logging.handlers.HTTPHandler" && !c.Misfits && d.chance(30)
	return c
}

func (d *drawer) yaml(root *node) string {
	var b strings.Builder
	root.write(&b, "", d.r)
	return b.String()
}

func (d *drawer) count(what string) { d.counts[what]++ }

// chance is true in percent of all calls.
func (d *drawer) chance(percent int) bool { return d.r.IntN(100) < percent }

// one draws and counts one of several.
func (d *drawer) one(what string, of ...string) string {
	for _, s := range of {
		d.counts[what+" "+s] += 0 // it might have been
	}
	s := of[d.r.IntN(len(of))]
	d.count(what + " " + s)
	return s
}

// has decides whether a key is there, and counts it.
func (d *drawer) has(percent int, key string) bool {
	if !d.chance(percent) {
		return false
	}
	d.count(key)
	return true
}

var loggerNames = []string{"shop", "shop.orders", "shop.orders.api", "shop.pay", "db", "db.pool", "MLLogger", "a..b", "shopping"}

// config draws a whole configuration, the first one or one that comes after it.
func (d *drawer) config(c *Case, again bool) *node {
	root := newMap()
	root.set("version", scalar(d.one("version", "1", "1", "1", "1.0", "true", "0x1")))
	formatters, filters, handlers, loggers := newMap(), newMap(), newMap(), newMap()
	for i := range 1 + d.r.IntN(3) {
		formatters.set(fmt.Sprintf("f%d", i), d.formatter(c.Misfits))
	}
	for i := range d.r.IntN(3) {
		filters.set(fmt.Sprintf("only%d", i), d.filter())
	}
	for i := range 1 + d.r.IntN(3) {
		handlers.set(fmt.Sprintf("h%d", i), d.handler(c, formatters, filters))
	}
	d.network(c, handlers, formatters, filters)
	feeds := slices.Clone(handlers.keys)
	d.memory(handlers, filters, feeds)
	if !c.Misfits {
		d.queue(handlers, formatters, filters, feeds)
	}
	names := slices.Clone(loggerNames)
	d.r.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	for _, name := range names[:d.r.IntN(4)] {
		loggers.set(name, d.logger(true, handlers, filters))
	}
	if d.has(5, "loggers.root") {
		loggers.set(d.one("root by name", "root", "''"), d.logger(true, handlers, filters))
	}
	sections := []struct {
		name string
		n    *node
	}{{"formatters", formatters}, {"filters", filters}, {"handlers", handlers}, {"loggers", loggers}}
	d.r.Shuffle(len(sections), func(i, j int) { sections[i], sections[j] = sections[j], sections[i] })
	for _, s := range sections {
		if len(s.n.keys) > 0 {
			d.count(s.name)
			root.set(s.name, s.n)
		}
	}
	if d.has(80, "root") {
		root.set("root", d.logger(false, handlers, filters))
	}
	// Without it girok leaves loggers on that a second configuration does not name.
	if again || d.has(40, "disable_existing_loggers") {
		root.set("disable_existing_loggers", d.truth(d.chance(50)))
	}
	if d.has(5, "incremental false") {
		root.set("incremental", d.truth(false))
	}
	return root
}

// names draws some of a map's keys, as a list.
func (d *drawer) names(of *node, least int) *node {
	list := newList()
	for _, i := range d.r.Perm(len(of.keys)) {
		if len(list.values) < least || d.chance(35) {
			list.values = append(list.values, d.text(of.keys[i]))
		}
	}
	if len(list.values) > 0 && d.chance(4) { // twice counts once
		list.values = append(list.values, list.values[0])
	}
	return list
}

// levelNode draws a level by name or number.
func (d *drawer) levelNode() *node {
	switch d.r.IntN(10) {
	case 0:
		d.count("level number")
		return d.number(d.r.IntN(60))
	case 1:
		return scalar(d.one("level", "FATAL", "WARN", "NOTSET", "true", "~", "CRITICAL"))
	}
	return d.text(d.one("level", "DEBUG", "INFO", "WARNING", "ERROR"))
}

func (d *drawer) logger(propagates bool, handlers, filters *node) *node {
	l := newMap()
	what := "root"
	if propagates {
		what = "loggers.*"
	}
	if d.has(70, what+".level") {
		l.set("level", d.levelNode())
	}
	if d.has(80, what+".handlers") {
		l.set("handlers", d.names(handlers, 1))
	}
	if len(filters.keys) > 0 && d.has(15, what+".filters") {
		l.set("filters", d.names(filters, 1))
	}
	if propagates && d.has(30, what+".propagate") {
		l.set("propagate", d.truth(d.chance(40)))
	}
	return l
}

func (d *drawer) filter() *node {
	f := newMap()
	if d.has(25, "filters.*.()") {
		f.set("()", d.text(d.one("filter", "logging.Filter", "ext://logging.Filter")))
	}
	if d.has(85, "filters.*.name") {
		f.set("name", d.text(d.one("filters.*.name", "shop", "shop.orders", "", "db", "root", "a.", "MLLogger")))
	}
	return f
}

// handler draws a handler that writes by itself.
func (d *drawer) handler(c *Case, formatters, filters *node) *node {
	h := newMap()
	classes := []string{"logging.StreamHandler", "logging.StreamHandler", "logging.FileHandler", "logging.handlers.WatchedFileHandler"}
	if !c.Misfits { // what is left out is no more or less of a file there
		classes = append(classes, "logging.handlers.RotatingFileHandler", "logging.handlers.TimedRotatingFileHandler", "logging.NullHandler")
	}
	class := d.one("class", classes...)
	d.class(h, class)
	d.common(h, formatters, filters)
	switch name := class[strings.LastIndexByte(class, '.')+1:]; name {
	case "NullHandler":
		return h
	case "StreamHandler":
		if d.has(80, "StreamHandler.stream") {
			h.set("stream", d.text(d.one("stream", "ext://sys.stdout", "ext://sys.stderr", "ext://sys.__stdout__", "ext://sys.__stderr__")))
		}
	default:
		d.file(h, name, c)
	}
	if !c.Misfits && d.has(10, "handlers.*..terminator") {
		dot := newMap()
		dot.set("terminator", d.text(d.one("terminator", "\r\n", "|", "", "\n\n")))
		h.set(".", dot)
	}
	d.r.Shuffle(len(h.keys), func(i, j int) {
		h.keys[i], h.keys[j] = h.keys[j], h.keys[i]
		h.values[i], h.values[j] = h.values[j], h.values[i]
	})
	return h
}

// class sets the class of a handler, in one of the ways there are.
func (d *drawer) class(h *node, class string) {
	switch {
	case d.has(8, "handlers.*.() name"):
		h.set("()", d.text(class))
	case d.has(8, "handlers.*.() ext"):
		h.set("()", d.text("ext://"+class))
	default:
		d.count("handlers.*.class")
		h.set("class", d.text(class))
	}
}

func (d *drawer) common(h, formatters, filters *node) {
	if d.has(85, "handlers.*.formatter") {
		h.set("formatter", d.text(formatters.keys[d.r.IntN(len(formatters.keys))]))
	}
	if d.has(40, "handlers.*.level") {
		h.set("level", d.levelNode())
	}
	if len(filters.keys) > 0 && d.has(25, "handlers.*.filters") {
		h.set("filters", d.names(filters, 1))
	}
}

// file draws the keys of a handler that writes a file.
func (d *drawer) file(h *node, class string, c *Case) {
	name := fmt.Sprintf("%s%d.log", d.one("file", "app", "sub", "로그"), len(d.places))
	d.places[name] = true
	d.count(class + ".filename")
	h.set("filename", d.text(name))
	there := d.chance(20)
	if there {
		d.count("file is there")
		c.Files[name] = strings.Repeat("an old line\n", d.r.IntN(5))
	}
	timed, late := class == "TimedRotatingFileHandler", true
	if !timed && d.has(40, class+".mode") {
		mode := d.one("mode", "a", "w", "x")
		if mode == "x" && there {
			mode = "a"
		}
		h.set("mode", d.text(mode))
		d.once = d.once || mode == "x" || mode == "w" && class == "RotatingFileHandler"
		late = late && (mode == "a" || class != "WatchedFileHandler") // CPython opens it anew with the second record
	}
	if d.has(40, class+".encoding") {
		h.set("encoding", d.text(d.one("encoding", "utf-8", "UTF8", "ascii", "latin-1", "utf-8-sig", "iso-8859-1", "U8", "us-ascii")))
		if d.has(50, class+".errors") {
			h.set("errors", d.text(d.one("errors", "strict", "replace", "ignore", "backslashreplace", "xmlcharrefreplace")))
		}
	}
	if late && d.has(25, class+".delay") {
		h.set("delay", d.truth(d.chance(60)))
	}
	switch {
	case class == "RotatingFileHandler":
		if d.has(85, class+".maxBytes") {
			h.set("maxBytes", d.number(d.r.IntN(400)))
		}
		if d.has(85, class+".backupCount") {
			h.set("backupCount", d.number(d.r.IntN(4)))
		}
	case timed:
		d.timed(h, class)
	}
}

func (d *drawer) timed(h *node, class string) {
	if d.has(85, class+".when") {
		h.set("when", d.text(d.one("when", "S", "m", "H", "d", "midnight", "MIDNIGHT", "W0", "w3", "W6", "s", "M", "h", "D", "W1", "W2", "W4", "W5")))
	}
	if d.has(30, class+".interval") {
		h.set("interval", d.number(1+d.r.IntN(5)))
	}
	if d.has(40, class+".backupCount") {
		h.set("backupCount", d.number(d.r.IntN(4)))
	}
	if d.has(40, class+".utc") {
		h.set("utc", d.truth(d.chance(60)))
	}
	if d.has(15, class+".atTime") {
		h.set("atTime", d.text(d.one("atTime", "ext://datetime.time.min", "ext://datetime.time.max")))
	}
}

// memory adds a handler that holds records back for another one.
func (d *drawer) memory(handlers, filters *node, feeds []string) {
	if !d.chance(15) {
		return
	}
	const class = "logging.handlers.MemoryHandler"
	d.count("class " + class)
	d.held = true
	h := newMap()
	h.set("class", d.text(class)) // a factory of CPython's gets the target's name alone
	d.count("MemoryHandler.capacity")
	h.set("capacity", d.number(1+d.r.IntN(6)))
	if d.has(50, "MemoryHandler.flushLevel") {
		if d.chance(50) {
			h.set("flushLevel", scalar(d.one("flushLevel", "ext://logging.ERROR", "ext://logging.CRITICAL", "ext://logging.INFO")))
		} else {
			h.set("flushLevel", d.number(d.r.IntN(60)))
		}
	}
	if d.has(85, "MemoryHandler.target") {
		h.set("target", d.text(feeds[d.r.IntN(len(feeds))]))
	}
	if d.has(20, "MemoryHandler.flushOnClose") {
		h.set("flushOnClose", d.truth(true))
	}
	if d.has(30, "handlers.*.level") {
		h.set("level", d.levelNode())
	}
	handlers.set(d.one("memory", "a_memory", "memory", "z_memory"), h)
}

// queue adds a handler that gives its records to others behind the call.
func (d *drawer) queue(handlers, formatters, filters *node, feeds []string) {
	if !d.chance(12) {
		return
	}
	h := newMap()
	d.count("class " + QueueHandler)
	h.set("class", d.text(QueueHandler))
	d.common(h, formatters, filters)
	list := newList()
	for _, i := range d.r.Perm(len(feeds))[:1+d.r.IntN(len(feeds))] {
		list.values = append(list.values, d.text(feeds[i]))
	}
	d.set(h, "QueueHandler.handlers", list)
	if d.has(50, "QueueHandler.queue") {
		q := d.text(d.one("queue", "queue.Queue", "queue.SimpleQueue"))
		if d.chance(50) {
			q = newMap()
			q.set("()", d.text("queue.Queue"))
			q.set("maxsize", d.number(1000+d.r.IntN(1000)))
		}
		h.set("queue", q)
	}
	if d.has(30, "QueueHandler.listener") {
		h.set("listener", d.text(d.one("listener", "logging.handlers.QueueListener", "ext://logging.handlers.QueueListener")))
	}
	if d.has(40, "QueueHandler.respect_handler_level") {
		h.set("respect_handler_level", d.truth(d.chance(60)))
	}
	handlers.set(d.one("queue called", "a_queue", "queue", "z_queue"), h)
}

// QueueHandler is a class whose listeners the player starts for as long as they need
// for what a log call has left them, so that they never write at the same time as
// handlers that are called by it.
const QueueHandler = "logging.handlers.QueueHandler"
