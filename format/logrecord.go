package format

import (
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/girok/girok/record"
)

// LogRecord shows a record as the attributes of Python's LogRecord, in their order,
// for what sends these and no line. It is safe for concurrent use.
type LogRecord struct{ fields []recordField }

// recordField is one attribute that all records have.
type recordField struct {
	name string
	text *Text
	typ  record.Type // record.String where it may be None too
}

// NewLogRecord makes one; loc is the zone of times that are shown as text, start is
// what relativeCreated counts from, the start of the program if zero.
func NewLogRecord(loc *time.Location, start time.Time) *LogRecord {
	l := &LogRecord{}
	for _, f := range []struct {
		name string
		typ  record.Type
	}{
		{"name", record.String}, {"msg", record.String}, {"args", record.String}, {"levelname", record.String}, {"levelno", record.Int},
		{"pathname", record.String}, {"filename", record.String}, {"module", record.String}, {"exc_info", record.String},
		{"exc_text", record.String}, {"stack_info", record.String}, {"lineno", record.Int}, {"funcName", record.String},
		{"created", record.Float}, {"msecs", record.Float}, {"relativeCreated", record.Float}, {"thread", record.Int},
		{"threadName", record.String}, {"processName", record.String}, {"process", record.Int},
	} {
		t, err := New("%("+f.name+")s", "", loc)
		if err != nil {
			panic(err) // the format is a constant
		}
		if !start.IsZero() {
			t.StartedAt(start)
		}
		l.fields = append(l.fields, recordField{f.name, t, f.typ})
	}
	return l
}

// Of is l for the records of another process; 0 is this one.
func (l *LogRecord) Of(pid int) *LogRecord {
	if pid == 0 {
		return l
	}
	of := &LogRecord{fields: slices.Clone(l.fields)}
	for i := range of.fields {
		of.fields[i].text = of.fields[i].text.of(pid, of.fields[i].text.start)
	}
	return of
}

// AppendStr appends str() of a value, as Python would show what comes nearest to it.
func AppendStr(dst []byte, v *record.Value) []byte { return appendPyValue(dst, v, false) }

// Each calls f for each attribute: first those that every record has, then its own.
// One of these that is called like one of those has extra. before its name. str is
// str() of the value. f must not keep what it gets.
func (l *LogRecord) Each(v *record.View, f func(name []byte, val *record.Value, str []byte)) {
	var name, str []byte
	var val record.Value
	shown := map[string]bool{}
	for i := range l.fields {
		field := &l.fields[i]
		name = append(name[:0], field.name...)
		str = field.text.field(str[:0], &field.text.pieces[0], v)
		val = record.Value{Type: field.typ, Raw: str}
		switch none := string(str) == "None"; {
		case field.typ == record.Int:
			n, _ := strconv.ParseInt(string(str), 10, 64) // it is one
			val.Num = uint64(n)
		case field.typ == record.Float:
			x, _ := strconv.ParseFloat(string(str), 64)
			val.Num = math.Float64bits(x)
		case none && mayBeNone(field.name):
			val = record.Value{Type: record.Null}
		}
		shown[field.name] = true
		f(name, &val, str)
	}
	if find(v.Attrs(), given[fieldTaskName], &val) { // as from CPython 3.12 on
		f([]byte("taskName"), &val, AppendStr(str[:0], &val))
	}
	a := v.Attrs()
	for {
		var key []byte
		if !a.Next(&key, &val) {
			break
		}
		if isTrouble(key, &val) {
			continue // shown already
		}
		if shown[string(key)] {
			key = append([]byte("extra."), key...)
		}
		str = AppendStr(str[:0], &val)
		f(key, &val, str)
	}
	if t, time := shownBy(v); t != nil { // as CPython's formatters leave them in the record
		f([]byte("message"), &record.Value{Type: record.String, Raw: v.Message}, v.Message)
		if time {
			str = t.appendTime(str[:0], v)
			f([]byte("asctime"), &record.Value{Type: record.String, Raw: str}, str)
		}
	}
}

// shownBy is what reads the fields of the formatter that has shown the record before,
// and whether that has asctime; nil if none has.
func shownBy(v *record.View) (t *Text, time bool) {
	shown := v.Shown()
	if q, ok := shown.(Queued); ok {
		shown = q.By
	}
	switch s := shown.(type) {
	case *Text:
		return s, s.ShowsTime()
	case *PyJSON:
		return s.text, slices.ContainsFunc(s.required, func(p piece) bool { return p.field == fieldAscTime })
	}
	return nil, false
}

func mayBeNone(name string) bool {
	return name == "exc_info" || name == "exc_text" || name == "stack_info" || name == "args"
}

// Queued, as what View.Shown returns, says that the record comes out of a QueueHandler: its message
// is the line that By made of it, and it has no arguments, not even an empty tuple.
type Queued struct{ By Formatter }

// Again is how a record was shown that was shown before and now by another formatter.
func Again(before any, by Formatter) any {
	if _, queued := before.(Queued); queued {
		return Queued{by}
	}
	return by
}
