package pydiff

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// drawExtra draws the fields that every record of a case has.
func (d *drawer) drawExtra() (list []fieldType) {
	all := []fieldType{{"user", isText}, {"score", isFloat}, {"n", isInt}, {"ok", isOther}, {"req", isOther}, {"tags", isOther}, {"nothing", isOther}, {"big", isOther}}
	for _, f := range all {
		if d.chance(30) {
			list = append(list, f)
		}
	}
	return list
}

var (
	messages = []string{
		"order placed", "", "한글 메시지", "two\nlines", "tab\tand \"quotes\" and 'single'", "emoji 🎉 and é", "100% sure", "{braces} and $dollar",
		"\x1b[31mred\x1b[0m", "back\\slash", "ends in a line break\n", "nul\x00 and bell\x07 and del\x7f", "   spaces   ", "a long one: " + strings.Repeat("lorem ipsum ", 12),
		"\u2028 line separator", "combining e\u0301",
	}
	texts = []string{"kim", "", "한글", "a b", "it's", "say \"hi\"", "x\ny", "🎉", "0", "True", "\u00a0", "\x85", "/path?a=1&b=<2>"}
)

// steps draws what the program does.
func (d *drawer) steps(c *Case) {
	c.Look = append([]string{""}, loggerNames[:6]...)
	for range d.r.IntN(3) {
		c.Steps = append(c.Steps, Step{Op: "get", Time: d.times, Logger: d.loggerName()})
	}
	for range 3 + d.r.IntN(10) {
		d.times += d.between()
		switch {
		case !c.Misfits && !d.once && d.has(5, "op configure"):
			c.Steps = append(c.Steps, Step{Op: "configure", Time: d.times, Config: d.yaml(d.config(c, true))})
		case !d.held && d.has(3, "op incremental"):
			c.Steps = append(c.Steps, Step{Op: "configure", Time: d.times, Config: d.yaml(d.incremental())})
		case d.has(3, "op set_level"):
			level, _ := strconv.Atoi(d.one("set_level", "10", "20", "30", "40", "0", "25"))
			c.Steps = append(c.Steps, Step{Op: "set_level", Time: d.times, Logger: d.loggerName(), Level: level})
		case d.has(3, "op disable"):
			level, _ := strconv.Atoi(d.one("disable", "0", "10", "20", "30", "50"))
			c.Steps = append(c.Steps, Step{Op: "disable", Time: d.times, Level: level})
		case d.has(3, "op get"):
			c.Steps = append(c.Steps, Step{Op: "get", Time: d.times, Logger: d.loggerName()})
		default:
			d.count("op log")
			c.Steps = append(c.Steps, d.log(c.Misfits))
		}
	}
}

// between draws how long the program does nothing, in nanoseconds, whole
// milliseconds.
func (d *drawer) between() int64 {
	most := []int64{1e3, 60e3, 3600e3, 86400e3, 10 * 86400e3}[d.r.IntN(5)]
	return d.r.Int64N(most) * 1e6
}

func (d *drawer) loggerName() string {
	if d.chance(15) {
		return ""
	}
	return d.one("logger", loggerNames...)
}

func (d *drawer) incremental() *node {
	root := newMap()
	root.set("version", scalar("1"))
	root.set("incremental", d.truth(true))
	loggers := newMap()
	l := newMap()
	l.set("level", d.levelNode())
	if d.chance(50) {
		l.set("propagate", d.truth(d.chance(50)))
	}
	loggers.set(d.one("logger", loggerNames...), l)
	root.set("loggers", loggers)
	if d.chance(50) {
		r := newMap()
		r.set("level", d.levelNode())
		root.set("root", r)
	}
	return root
}

func (d *drawer) log(misfits bool) Step {
	s := Step{
		Op: "log", Time: d.times, Logger: d.loggerName(), Msg: messages[d.r.IntN(len(messages))],
		File: d.one("pathname", "/app/shop/orders.py", "main.py", "/x/.hidden", "noext", "/a.b/c.tar.gz"), Line: d.r.IntN(2000),
		Func: d.one("func", "place_order", "<module>", "<lambda>", "run"), Process: 1 + d.r.IntN(99999), ProcessName: d.one("processName", "MainProcess", "worker-1"),
		Thread: d.r.IntN(1 << 30), ThreadName: d.one("threadName", "MainThread", "pool_0"),
	}
	s.Level, _ = strconv.Atoi(d.one("call level", "10", "20", "30", "40", "50", "10", "20", "30", "40", "50", "5", "25", "60", "1"))
	if misfits && strings.ContainsAny(s.Msg, "\n\x00") {
		s.Msg = "plain" // lines that CPython loses are told by their text
	}
	if misfits && s.Level == '\n' { // which %c shows as one
		s.Level++
	}
	if misfits && s.Line == '\n' {
		s.Line++
	}
	if d.args && d.has(70, "args") {
		d.arguments(&s)
	}
	for _, f := range d.extra {
		v := d.value(f.name)
		if misfits && f.name == "user" {
			v = "kim"
		}
		s.Fields = append(s.Fields, Field{f.name, v})
	}
	if d.has(20, "extra more") {
		s.Fields = append(s.Fields, Field{d.one("extra", "path", "_hidden", "with space", "키", "time", "level"), d.anyValue()})
	}
	s.Extra = extraJSON(s.Fields)
	if misfits {
		return s
	}
	if !d.plain && d.has(8, "exc_info") {
		s.Exc = &Exc{Type: d.one("exception", "ValueError", "KeyError", "OSError", "RuntimeError"), Message: d.one("exception text", "boom", "", "한글", "two\nlines")}
		if s.Exc.Type == "KeyError" {
			s.Exc.Message = "boom" // it shows more than its text
		} else if d.chance(30) {
			s.Exc.Type, s.Exc.Module = "PaymentError", "shop.errors"
		}
	}
	if d.has(5, "stack_info") {
		s.Stack = "Stack (most recent call last):\n  File \"main.py\", line 1, in run"
	}
	return s
}

// argumentTypes are what arguments of messages may be.
var argumentTypes = []fieldType{{"user", isText}, {"score", isFloat}, {"n", isInt}, {"small", isSmall}, {"ok", isOther}, {"req", isOther}, {"tags", isOther}, {"nothing", isOther}}

// arguments makes a message of the step with arguments.
func (d *drawer) arguments(s *Step) {
	named := d.has(25, "args by name")
	msg := strings.ReplaceAll(s.Msg, "%", "%%")
	for i, t := range d.r.Perm(len(argumentTypes))[:1+d.r.IntN(3)] {
		f, key := argumentTypes[t], ""
		d.count("args " + f.name)
		v := any(int64(33 + d.r.IntN(1000)))
		if f.kind != isSmall {
			v = d.value(f.name)
		}
		if named {
			key = "(" + f.name + ")"
		}
		msg += []string{" ", "", ": ", " 100%% "}[d.r.IntN(4)] + "%" + key + d.percent(f.kind)
		s.Merged = append(s.Merged, Field{f.name, v})
		if !named {
			s.Merged[i].Name = ""
		}
	}
	s.Msg = msg
	if named {
		s.Args = append(append([]byte{'['}, extraJSON(s.Merged)...), ']')
		return
	}
	s.Args = []byte{'['}
	for i, f := range s.Merged {
		if i > 0 {
			s.Args = append(s.Args, ',')
		}
		s.Args = appendValueJSON(s.Args, f.Value)
	}
	s.Args = append(s.Args, ']')
}

// value draws a value of one of the fields that all records of a case have.
func (d *drawer) value(name string) any {
	switch name {
	case "user":
		return texts[d.r.IntN(len(texts))]
	case "score":
		return d.float()
	case "n":
		return d.int()
	case "ok":
		return d.chance(50)
	case "req":
		return json.RawMessage(d.one("dict", `{"method": "GET", "n": 1}`, `{}`, `{"a": {"b": [1, 2.5, null, true]}}`, `{"z": "한", "a": "it's"}`))
	case "tags":
		return json.RawMessage(d.one("list", `["a", "b"]`, `[]`, `[1, 1.0, -0.0, 1e16, 1e-05, null, false]`, `[[], {}]`))
	case "big":
		return json.RawMessage("123456789012345678901234567890")
	}
	return nil
}

func (d *drawer) anyValue() any {
	return d.value(d.one("value", "user", "score", "n", "ok", "req", "tags", "nothing", "big"))
}

func (d *drawer) int() int64 {
	return []int64{0, 1, -1, 42, 255, 100_000, math.MaxInt64, math.MinInt64, d.r.Int64N(1_000_000), 65}[d.r.IntN(10)]
}

func (d *drawer) float() float64 {
	all := []float64{
		0, 1, -1, 0.5, 0.1, 1e16, 1e15, 123456789.125, 1e-4, 1e-5, 1e300, 5e-324, math.Inf(1), math.Inf(-1), math.NaN(), math.Copysign(0, -1), 2.5, 3.5, 0.93,
		d.r.Float64(), d.r.NormFloat64() * 1e6,
	}
	return all[d.r.IntN(len(all))]
}

// extraJSON is extra as play.py reads it.
func extraJSON(fields []Field) json.RawMessage {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, f := range fields {
		if i > 0 {
			b.WriteByte(',')
		}
		key, _ := json.Marshal(f.Name)
		b.Write(append(key, ':'))
		b.Write(appendValueJSON(nil, f.Value))
	}
	b.WriteByte('}')
	return b.Bytes()
}

func appendValueJSON(b []byte, v any) []byte {
	switch v := v.(type) {
	case float64:
		return fmt.Appendf(b, `{"$float": "%s"}`, strconv.FormatFloat(v, 'g', -1, 64))
	case []byte:
		text, _ := json.Marshal(v)
		return fmt.Appendf(b, `{"$bytes": %s}`, text)
	case json.RawMessage:
		return append(b, v...)
	}
	text, _ := json.Marshal(v)
	return append(b, text...)
}
