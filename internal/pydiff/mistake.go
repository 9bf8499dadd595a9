package pydiff

import "strings"

// mistake makes one thing of a configuration wrong, and says what; "" where there
// is no such thing.
func (d *drawer) mistake(root *node) string {
	section := func(name string) *node {
		s := root.get(name)
		if s == nil || len(s.values) == 0 {
			return nil
		}
		return s.values[d.r.IntN(len(s.values))]
	}
	handler, logger, formatter := section("handlers"), section("loggers"), section("formatters")
	if logger == nil {
		logger = root.get("root")
	}
	made := d.one("mistake", "version", "no version", "level", "handler unknown", "filter unknown", "formatter unknown", "class unknown", "class missing",
		"argument unknown", "argument missing", "style", "format", "logger text", "handler text", "level float", "section", "encoding", "cfg", "handlers text")
	switch made {
	case "version":
		root.set("version", scalar(d.one("version wrong", "2", "'1'", "~", "0", "[1]", "1.5")))
	case "no version":
		root.remove(0)
	case "level":
		handler.set("level", scalar(d.one("level wrong", "info", "'20'", "LOUD", "[]")))
	case "level float":
		handler.set("level", scalar(d.one("level float", "20.0", "1e1", "2024-01-02", "{a: 1}")))
	case "handler unknown":
		if logger == nil {
			return ""
		}
		logger.set("handlers", newList(d.text("nope")))
	case "filter unknown":
		handler.set("filters", newList(d.text("nope")))
	case "formatter unknown":
		handler.set("formatter", d.text("nope"))
	case "class unknown":
		handler.set("class", d.text(d.one("class wrong", "logging.FilHandler", "shop.log.MyHandler", "logging.handlers.Nope", "StreamHandler")))
		if i := index(handler, "()"); i >= 0 {
			handler.remove(i)
		}
	case "class missing":
		for _, key := range []string{"class", "()"} {
			if i := index(handler, key); i >= 0 {
				handler.remove(i)
			}
		}
	case "argument unknown":
		if c := handler.get("class"); c != nil && strings.Contains(c.text, QueueHandler) {
			return "" // CPython takes any
		}
		handler.set("colour", d.text("red"))
	case "argument missing":
		i := index(handler, "filename")
		if i < 0 {
			return ""
		}
		handler.remove(i)
	case "style":
		formatter.set("style", scalar(d.one("style wrong", "'#'", "percent", "''", "'%%'", "7")))
	case "format":
		if i := index(formatter, "validate"); i >= 0 {
			formatter.remove(i)
		}
		if formatter.get("()") != nil {
			return ""
		}
		formatter.set("style", d.text("{"))
		formatter.set("format", d.text(d.one("format wrong", "no field", "{message", "message}", "{}", "{message!x}", "{message:03dd}", "{a b}", "{asctime:%H:%M}")))
	case "logger text":
		if root.get("loggers") == nil {
			return ""
		}
		root.get("loggers").set("broken", scalar(d.one("logger wrong", "text", "~", "[a]", "5")))
	case "handler text":
		root.get("handlers").set("broken", scalar(d.one("handler wrong", "text", "~", "[a]", "5", "{}")))
	case "section":
		root.set(d.one("section wrong", "handlers", "formatters", "filters", "loggers"), scalar(d.one("section value", "~", "[a]", "text", "5")))
	case "encoding":
		if handler.get("filename") == nil || handler.get("delay") != nil {
			return ""
		}
		handler.set("encoding", d.text(d.one("encoding wrong", "utf-88", "latin-77", "none")))
	case "cfg":
		handler.set("level", scalar(d.one("cfg wrong", "cfg://nope", "cfg://handlers.nope.level", "cfg://handlers[0]", "'cfg://'", "'cfg://a!'")))
	case "handlers text":
		if logger == nil {
			return ""
		}
		logger.set("handlers", d.text("h0"))
	}
	return made
}

func index(n *node, key string) int {
	for i, k := range n.keys {
		if k == key {
			return i
		}
	}
	return -1
}
