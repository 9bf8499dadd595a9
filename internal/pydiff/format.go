package pydiff

import (
	"fmt"
	"strings"
)

// kind is what values of a field are.
type kind int

const (
	isText kind = iota
	isInt
	isSmall // a whole number that is a character's
	isFloat
	isFinite // a float that is a whole number's when it is cut
	isOther  // only to be shown
)

type fieldType struct {
	name string
	kind kind
}

// recordFields are the attributes of a log record that formats may name.
var recordFields = []fieldType{
	{"message", isText}, {"message", isText}, {"message", isText}, {"msg", isText}, {"levelname", isText}, {"levelname", isText}, {"levelno", isSmall},
	{"name", isText}, {"name", isText}, {"asctime", isText}, {"asctime", isText}, {"asctime", isText}, {"created", isFinite}, {"msecs", isFinite}, {"relativeCreated", isFinite},
	{"pathname", isText}, {"filename", isText}, {"module", isText}, {"lineno", isSmall}, {"funcName", isText},
	{"process", isInt}, {"processName", isText}, {"thread", isInt}, {"threadName", isText}, {"stack_info", isOther}, {"args", isOther},
}

// formatter draws an entry of formatters. With misfits it may name a field that
// records lack, or give one a conversion that it does not fit.
func (d *drawer) formatter(misfits bool) *node {
	f := newMap()
	json := !misfits && d.chance(30)
	style := d.one("style", "%", "%", "{", "{", "{", "$")
	factory := true
	switch {
	case json:
		d.count("formatter JsonFormatter")
		f.set("()", d.text("pythonjsonlogger.jsonlogger.JsonFormatter"))
	case d.has(25, "formatters.*.()"):
		f.set("()", d.text(d.one("formatter", "logging.Formatter", "ext://logging.Formatter")))
	case d.has(10, "formatters.*.class"):
		factory = false
		f.set("class", d.text("logging.Formatter"))
	default:
		factory = false
	}
	if style != "%" || d.chance(20) {
		d.count("formatters.*.style")
		f.set("style", d.text(style))
	}
	fields := d.fields(misfits)
	if d.chance(92) {
		text := d.format(style, fields, json, misfits)
		key := "format"
		if factory && d.chance(40) {
			key = "fmt"
		}
		d.count("formatters.*." + key)
		f.set(key, d.text(text))
		if d.has(15, "formatters.*.validate") {
			f.set("validate", d.given(d.chance(50)))
		}
	}
	if !misfits && d.has(45, "formatters.*.datefmt") { // a line break would part what was lost
		f.set("datefmt", d.text(d.datefmt()))
	}
	if factory && !json && style != "{" && d.has(20, "formatters.*.defaults") {
		m := newMap()
		m.set("rid", d.text("none"))
		m.set("n", d.number(7))
		f.set("defaults", m)
	}
	if json {
		d.jsonKeys(f, fields, style)
	}
	return f
}

// fields draws what a format shows.
func (d *drawer) fields(misfits bool) (list []fieldType) {
	for range 1 + d.r.IntN(5) {
		if len(d.extra) > 0 && d.chance(25) {
			list = append(list, d.extra[d.r.IntN(len(d.extra))])
		} else if f := recordFields[d.r.IntN(len(recordFields))]; d.plain && f.name == "asctime" || d.args && (f.name == "msg" || f.name == "args") {
			list = append(list, fieldType{"message", isText})
		} else {
			list = append(list, f)
		}
	}
	if misfits {
		list = append(list, fieldType{d.one("misfit", "lacking", "tenant", "other"), isText})
	}
	for _, f := range list {
		d.count("field " + f.name)
	}
	return list
}

// format draws a format in a style that shows fields.
func (d *drawer) format(style string, fields []fieldType, json, misfits bool) string {
	var b strings.Builder
	for i, f := range fields {
		if i > 0 {
			b.WriteString(d.one("between", " ", " | ", " - ", ": ", "", "·", "100%"))
		}
		text := b.String()
		if strings.HasSuffix(text, "100%") && style == "%" {
			b.WriteString("%")
		}
		switch style {
		case "%":
			b.WriteString("%(" + f.name + ")" + d.percent(f.kind))
		case "{":
			b.WriteString(d.brace(f, json))
		default:
			if json || d.chance(50) {
				b.WriteString("${" + f.name + "}")
			} else {
				b.WriteString("$" + f.name)
				if i+1 < len(fields) {
					b.WriteString(" ") // what follows must not look like more of the name
				}
			}
		}
	}
	return b.String()
}

// percent draws flags, width, precision and conversion.
func (d *drawer) percent(k kind) string {
	if d.chance(55) {
		return "s"
	}
	var b strings.Builder
	for range d.r.IntN(3) {
		b.WriteString(d.one("% flag", "#", "0", "+", "-", " "))
	}
	if d.chance(60) {
		fmt.Fprint(&b, d.r.IntN(20))
	}
	if d.chance(30) {
		fmt.Fprintf(&b, ".%d", d.r.IntN(8))
	}
	switch k {
	case isSmall:
		b.WriteString(d.one("% conversion", "c", "d", "i", "u", "x", "X", "o", "s", "r", "f", "e", "g", "a"))
	case isInt:
		b.WriteString(d.one("% conversion", "d", "i", "u", "x", "X", "o", "s", "r", "f", "e", "g", "a"))
	case isFinite:
		b.WriteString(d.one("% conversion", "d", "i", "f", "F", "e", "E", "g", "G", "s", "r"))
	case isFloat:
		b.WriteString(d.one("% conversion", "f", "F", "e", "E", "g", "G", "s", "r"))
	default:
		b.WriteString(d.one("% conversion", "s", "r", "a"))
	}
	return b.String()
}

// brace draws a field of str.format.
func (d *drawer) brace(f fieldType, json bool) string {
	if json || d.chance(25) {
		return "{" + f.name + "}"
	}
	if f.kind == isOther {
		return "{" + f.name + d.one("{ conversion", "!r", "!s", "!a") + "}"
	}
	var b strings.Builder
	b.WriteString("{" + f.name)
	k := f.kind
	if d.chance(15) {
		b.WriteString(d.one("{ conversion", "!r", "!s", "!a"))
		k = isText
	}
	b.WriteString(":")
	if d.chance(50) {
		align := d.one("{ align", "<", ">", "^", "=")
		if align == "=" && k == isText {
			align = "^"
		}
		b.WriteString(d.one("{ fill", "", "*", "·", " ", "x") + align)
	}
	if k != isText {
		if d.chance(30) {
			b.WriteString(d.one("{ sign", "+", "-", " "))
		}
		if d.chance(15) {
			b.WriteString("0")
		}
	}
	if d.chance(70) {
		fmt.Fprint(&b, 1+d.r.IntN(20))
	}
	switch k {
	case isText:
		if d.chance(30) {
			fmt.Fprintf(&b, ".%d", d.r.IntN(8))
		}
		if d.chance(30) {
			b.WriteString("s")
		}
	case isInt, isSmall:
		b.WriteString(d.one("{ type int", "", "d", "x", "X", "o", "b", ",", ",d", "_", "n", "e", ".2f", "g", "%"))
	case isFloat, isFinite:
		b.WriteString(d.one("{ type float", "", ".3f", "e", ".2e", "g", ",.1f", "F", ".0f", "G", "%", "_.2f", "n"))
	}
	b.WriteString("}")
	return b.String()
}

// datefmt draws a format of strftime.
func (d *drawer) datefmt() string {
	if d.chance(40) {
		return d.one("datefmt", "%Y-%m-%d %H:%M:%S", "%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z", "%d/%b/%Y:%H:%M:%S %z", "%c", "%x %X", "")
	}
	var b strings.Builder
	for range 1 + d.r.IntN(5) {
		b.WriteByte('%')
		if d.chance(12) {
			b.WriteString(d.one("strftime flag", "-", "_", "0", "^", "#"))
		}
		if d.chance(6) {
			fmt.Fprint(&b, 1+d.r.IntN(9))
		}
		b.WriteString(d.one("strftime", strings.Split("aAbBcCdDeFgGhHIjklmMnpPrRsStTuUVwWxXyYzZ%fLNQ", "")...))
		b.WriteString(d.one("strftime between", "", "-", " ", ":", "년"))
	}
	return b.String()
}

// jsonKeys draws the options of JsonFormatter.
func (d *drawer) jsonKeys(f *node, fields []fieldType, style string) {
	if d.has(15, "JsonFormatter.prefix") {
		f.set("prefix", d.text(d.one("prefix", "@cee: ", "", "json=")))
	}
	if f.get("format") != nil && len(fields) > 0 && style != "$" && d.has(30, "JsonFormatter.rename_fields") {
		m := newMap()
		m.set(fields[0].name, d.text(d.one("rename", "level", "renamed", "@timestamp", "이름")))
		f.set("rename_fields", m)
	}
	if d.has(42, "JsonFormatter.static_fields") {
		m := newMap()
		m.set("service", d.text("shop"))
		m.set(d.one("static", "n", "zone", "message"), d.jsonValue())
		f.set("static_fields", m)
	}
	if d.has(12, "JsonFormatter.reserved_attrs") {
		l := newList()
		for range d.r.IntN(4) {
			l.values = append(l.values, d.text(d.one("reserved", "name", "msg", "user", "args", "levelname", "thread")))
		}
		if d.args {
			l.values = append(l.values, d.text("msg"), d.text("args"))
		}
		for _, name := range []string{"created", "relativeCreated", "taskName", "exc_info", "exc_text", "stack_info", "asctime", "message", "msecs"} {
			l.values = append(l.values, d.text(name))
		}
		f.set("reserved_attrs", l)
	}
	if d.has(25, "JsonFormatter.timestamp") {
		f.set("timestamp", scalar(d.one("timestamp", "true", "yes", "'@timestamp'", "ts", "false")))
	}
	if d.has(16, "JsonFormatter.json_indent") {
		f.set("json_indent", scalar(d.one("json_indent", "2", "0", "' '", "~", "1", "4")))
	}
	if d.has(30, "JsonFormatter.json_ensure_ascii") {
		f.set("json_ensure_ascii", d.given(d.chance(40)))
	}
	if d.has(8, "JsonFormatter.json_serializer") {
		f.set("json_serializer", d.text("json.dumps"))
	}
	if d.has(8, "JsonFormatter.json_encoder") {
		f.set("json_encoder", d.text("pythonjsonlogger.jsonlogger.JsonEncoder"))
	}
}

// jsonValue draws a value of static_fields, as YAML writes it.
func (d *drawer) jsonValue() *node {
	return scalar(d.one("static value", "7", "1.5", "no", "~", "0x1F", "1_000", "12:30", "[1, two, {a: b}]", "{k: 1, z: [no, ~]}", "2024-01-02",
		"2024-01-02 03:04:05", "2024-01-02T03:04:05.5Z", ".inf", "-.5", "1e3", "1.0e+3", "'한글'", "\"\\u00e9\\n\"", "123456789012345678901234567890"))
}
