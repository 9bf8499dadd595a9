package pydiff

import (
	"math/rand/v2"
	"slices"
	"strings"
)

// mistake is a way of making one thing of a configuration wrong.
type mistake struct {
	what   string
	values []string // each is a mistake of its own
	// make makes it, with one of the values; false where there is no such thing.
	make func(m *maker, value string) bool
}

// maker makes a mistake in a configuration.
type maker struct {
	d    *drawer
	root *node
}

// some draws an entry of a section that fits; nil if there is none.
func (m *maker) some(section string, fits func(n *node) bool) *node {
	s := m.root.get(section)
	if s == nil {
		return nil
	}
	list := slices.DeleteFunc(slices.Clone(s.values), func(n *node) bool { return !fits(n) })
	if len(list) == 0 {
		return nil
	}
	return list[m.d.r.IntN(len(list))]
}

func anyOne(*node) bool { return true }

// inHandler sets a key of a handler.
func inHandler(key string, quoted bool) func(*maker, string) bool {
	return func(m *maker, value string) bool {
		v := scalar(value)
		if quoted {
			v = newList(m.d.text(value))
		}
		m.some("handlers", anyOne).set(key, v)
		return true
	}
}

// inLogger sets the handlers of a logger.
func inLogger(of func(m *maker) *node) func(*maker, string) bool {
	return func(m *maker, _ string) bool {
		l := m.some("loggers", anyOne)
		if l == nil {
			l = m.root.get("root")
		}
		if l == nil {
			return false
		}
		l.set("handlers", of(m))
		return true
	}
}

// broken puts something into a section that has no place there.
func broken(section string) func(*maker, string) bool {
	return func(m *maker, value string) bool {
		s := m.root.get(section)
		if s != nil {
			s.set("broken", scalar(value))
		}
		return s != nil
	}
}

// without takes keys out of a handler that has one of them.
func without(keys ...string) func(*maker, string) bool {
	return func(m *maker, _ string) bool {
		h := m.some("handlers", func(n *node) bool { return slices.ContainsFunc(keys, func(k string) bool { return n.get(k) != nil }) })
		if h == nil {
			return false
		}
		for _, key := range keys {
			if i := index(h, key); i >= 0 {
				h.remove(i)
			}
		}
		return true
	}
}

var mistakes = []mistake{
	{"version wrong", []string{"2", "'1'", "~", "0", "[1]", "1.5"}, func(m *maker, value string) bool {
		m.root.set("version", scalar(value))
		return true
	}},
	{"no version", []string{""}, func(m *maker, _ string) bool {
		m.root.remove(index(m.root, "version"))
		return true
	}},
	{"level wrong", []string{"info", "'20'", "LOUD", "[]"}, inHandler("level", false)},
	{"level float", []string{"20.0", "1e1", "2024-01-02", "{a: 1}"}, inHandler("level", false)},
	{"cfg wrong", []string{"cfg://nope", "cfg://handlers.nope.level", "cfg://handlers[0]", "'cfg://'", "'cfg://a!'"}, inHandler("level", false)},
	{"filter unknown", []string{"nope"}, inHandler("filters", true)},
	{"formatter unknown", []string{"nope"}, inHandler("formatter", false)},
	{"handler unknown", []string{""}, inLogger(func(m *maker) *node { return newList(m.d.text("nope")) })},
	{"handlers text", []string{""}, inLogger(func(m *maker) *node { return m.d.text("h0") })},
	{"logger wrong", []string{"text", "~", "[a]", "5"}, broken("loggers")},
	{"handler wrong", []string{"text", "~", "[a]", "5", "{}"}, broken("handlers")},
	{"class missing", []string{""}, without("class", "()")},
	{"argument missing", []string{""}, without("filename")},
	{"class wrong", []string{"logging.FilHandler", "shop.log.MyHandler", "logging.handlers.Nope", "StreamHandler"}, func(m *maker, value string) bool {
		h := m.some("handlers", anyOne)
		h.set("class", m.d.text(value))
		if i := index(h, "()"); i >= 0 {
			h.remove(i)
		}
		return true
	}},
	{"argument unknown", []string{""}, func(m *maker, _ string) bool {
		h := m.some("handlers", func(n *node) bool { // CPython takes any for a QueueHandler
			c := n.get("class")
			return c == nil || !strings.Contains(c.text, QueueHandler)
		})
		h.set("colour", m.d.text("red"))
		return true
	}},
	{"encoding wrong", []string{"utf-88", "latin-77", "none"}, func(m *maker, value string) bool {
		h := m.some("handlers", func(n *node) bool { return n.get("filename") != nil && n.get("delay") == nil })
		if h != nil {
			h.set("encoding", m.d.text(value))
		}
		return h != nil
	}},
	{"style wrong", []string{"'#'", "percent", "''", "'%%'", "7"}, func(m *maker, value string) bool {
		m.some("formatters", anyOne).set("style", scalar(value))
		return true
	}},
	{"format wrong", []string{"no field", "{message", "message}", "{}", "{message!x}", "{message:03dd}", "{a b}", "{asctime:%H:%M}"}, func(m *maker, value string) bool {
		f := m.some("formatters", func(n *node) bool { return n.get("()") == nil })
		if f == nil {
			return false
		}
		if i := index(f, "validate"); i >= 0 {
			f.remove(i)
		}
		f.set("style", m.d.text("{"))
		f.set("format", m.d.text(value))
		return true
	}},
	{"section wrong", []string{"handlers ~", "handlers [a]", "handlers text", "handlers 5", "formatters ~", "formatters [a]", "formatters text", "formatters 5",
		"filters ~", "filters [a]", "filters text", "filters 5", "loggers ~", "loggers [a]", "loggers text", "loggers 5"}, func(m *maker, value string) bool {
		section, v, _ := strings.Cut(value, " ")
		m.root.set(section, scalar(v))
		return true
	}},
}

// DrawMistake draws a configuration with one mistake: of seeds in a row, the one after
// the other.
func DrawMistake(seed uint64, counts Counts) *Case {
	var all []mistake // with one value each
	for _, m := range mistakes {
		for _, v := range m.values {
			all = append(all, mistake{m.what, []string{v}, m.make})
		}
	}
	made := all[seed%uint64(len(all))]
	for _, m := range all {
		counts["mistake "+m.what+" "+m.values[0]] += 0
	}
	counts["mistake "+made.what+" "+made.values[0]]++
	r := rand.New(rand.NewPCG(seed, 1))
	for {
		d := &drawer{r: r, counts: Counts{}, places: map[string]bool{}}
		c := d.begin()
		root := d.config(c, false)
		if made.make(&maker{d, root}, made.values[0]) {
			c.Config, c.Look = d.yaml(root), []string{}
			return c
		}
	}
}

func index(n *node, key string) int { return slices.Index(n.keys, key) }
