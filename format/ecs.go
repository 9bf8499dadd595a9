package format

import (
	"log/slog"
	"strconv"
	"time"

	"github.com/girok/girok/record"
)

// ECS writes a record as JSON in the Elastic Common Schema, version 9:
//
//	{"@timestamp":"2024-03-05T13:45:06.5Z","log.level":"info","message":"order placed","ecs.version":"9.0.0","log.logger":"shop.orders","user.id":7}
//
// Attributes stand at the top, so that the schema's own names and groups, as
// user.id or a group http, mean what they mean there. One that would clash, because
// its name is one of this formatter's or that of an object of the schema and its
// value is none (user=kim), is a label: Elasticsearch would refuse the whole
// document for it. trace_id, span_id and transaction_id become trace.id, span.id
// and transaction.id; the error and the stack error.message and error.stack_trace.
type ECS struct {
	clock   *clock
	service []byte // as JSON; empty: not known
	source  bool
}

const ecsVersion = "9.0.0"

// NewECS makes one.
func NewECS(source bool) *ECS {
	return &ECS{clock: newClock(time.UTC, ecsStamp), source: source}
}

// OfService is a formatter for the records of a service, if it shows that.
func OfService(f Formatter, name string) Formatter {
	e, ok := f.(*ECS)
	if !ok {
		return f
	}
	c := *e
	c.service = record.AppendJSONString([]byte(`,"service.name":`), name)
	return &c
}

func ecsStamp(t time.Time) stamp {
	return stamp{
		head: t.AppendFormat([]byte(`{"@timestamp":"`), "2006-01-02T15:04:05"),
		tail: []byte(`Z",`),
	}
}

// ecsObjects are the objects of the schema that may stand at the top, and what else
// a document may not have twice.
var ecsObjects = setOf("agent", "client", "cloud", "container", "data_stream", "destination", "device", "dll", "dns",
	"ecs", "email", "error", "event", "faas", "file", "gen_ai", "group", "host", "http", "log", "network", "observer",
	"orchestrator", "organization", "package", "process", "registry", "related", "rule", "server", "service", "source",
	"span", "threat", "tls", "trace", "transaction", "url", "user", "user_agent", "volume", "vulnerability", "labels")

// ecsTaken are the members that the formatter writes itself.
var ecsTaken = setOf("@timestamp", "log.level", "message", "ecs.version", "log.logger", "service.name", "log.origin",
	"error.message", "error.stack_trace", "error.type", "trace.id", "span.id", "transaction.id", "labels")

// ecsRenamed are names that people give, as JSON members of the schema.
var ecsRenamed = map[string]string{"trace_id": `,"trace.id":`, "span_id": `,"span.id":`, "transaction_id": `,"transaction.id":`}

func setOf(names ...string) map[string]bool {
	set := map[string]bool{}
	for _, n := range names {
		set[n] = true
	}
	return set
}

// NeedsCaller implements Formatter.
func (e *ECS) NeedsCaller() bool { return e.source }

// Append implements Formatter.
func (e *ECS) Append(dst []byte, v *record.View) []byte {
	dst = e.begin(dst, v)
	if e.source {
		dst = appendOrigin(dst, v)
	}
	dst = appendECSTrouble(dst, v)
	dst, labels := appendECSAttrs(dst, v)
	if labels {
		dst = appendECSLabels(dst, v)
	}
	return append(dst, '}')
}

// ecsSpecial are names of attributes that are not simply members, or may not be.
var ecsSpecial = newNameSet(ecsObjects, ecsTaken, troubleNames, setOf("trace_id", "span_id", "transaction_id"))

// AppendCall is Append for a call that is not encoded, the same bytes. ok is false
// when it takes a frame.
func (e *ECS) AppendCall(dst []byte, c *record.Call) (_ []byte, ok bool) {
	bound, whole := c.Bound.Attrs()
	if e.source || !whole || !isShort(c) || isOneOf(bound, ecsSpecial) {
		return dst, false
	}
	mark := len(dst)
	dst, ok = c.Bound.AppendMembers(e.begin(dst, c.Head()))
	front, back := c.Attrs()
	var labels [8]*slog.Attr
	n := 0
	for _, attrs := range [...][]slog.Attr{front, back} {
		for i := range attrs {
			a := &attrs[i]
			switch {
			case !hasName(ecsSpecial, a.Key):
				dst = record.AppendMember(dst, a)
			case ecsObjects[a.Key] && !ecsTaken[a.Key] && isScalar(&a.Value) && n < len(labels):
				labels[n] = a
				n++
			default:
				return dst[:mark], false
			}
		}
	}
	dst = appendCallLabels(dst, labels[:n])
	if !ok || len(dst)-mark > long {
		return dst[:mark], false
	}
	return append(dst, '}'), true
}

// appendCallLabels appends the object labels, unless there is none.
func appendCallLabels(dst []byte, labels []*slog.Attr) []byte {
	if len(labels) == 0 {
		return dst
	}
	dst = append(dst, `,"labels":`...)
	first := len(dst)
	for _, a := range labels {
		dst = record.AppendMember(dst, a)
	}
	dst[first] = '{' // in the place of the first comma
	return append(dst, '}')
}

// isScalar reports whether a value is a text, a number or a bool.
func isScalar(v *slog.Value) bool {
	switch v.Kind() {
	case slog.KindString, slog.KindInt64, slog.KindUint64, slog.KindFloat64, slog.KindBool, slog.KindDuration:
		return true
	}
	return false
}

// begin appends what stands before the attributes and where the call stands.
func (e *ECS) begin(dst []byte, v *record.View) []byte {
	if v.Flags&record.NoTime != 0 {
		dst = append(dst, '{')
	} else {
		s := e.clock.at(v.Seconds)
		dst = append(dst, s.head...)
		dst = appendFraction(dst, v.Nanos)
		dst = append(dst, s.tail...)
	}
	dst = append(dst, `"log.level":`...)
	dst = appendLower(dst, levelName(v.Level))
	dst = append(dst, `,"message":`...)
	dst = record.AppendJSONString(dst, v.Message)
	dst = append(dst, `,"ecs.version":"`+ecsVersion+`"`...)
	if len(v.Logger) > 0 {
		dst = append(dst, `,"log.logger":`...)
		dst = record.AppendJSONString(dst, v.Logger)
	}
	return append(dst, e.service...)
}

// appendLower appends a level's name in quotes and in small letters.
func appendLower(dst []byte, name string) []byte {
	mark := len(dst)
	dst = record.AppendJSONString(dst, name)
	for i := mark; i < len(dst); i++ {
		if c := dst[i]; c >= 'A' && c <= 'Z' {
			dst[i] = c + 'a' - 'A'
		}
	}
	return dst
}

// appendOrigin appends where the call stands.
func appendOrigin(dst []byte, v *record.View) []byte {
	c, ok := callerOf(v)
	if !ok {
		return dst
	}
	dst = append(dst, `,"log.origin":{"file.name":`...)
	dst = record.AppendJSONString(dst, c.file)
	dst = strconv.AppendUint(append(dst, `,"file.line":`...), c.line, 10)
	dst = record.AppendJSONString(append(dst, `,"function":`...), c.function)
	return append(dst, '}')
}

func appendECSTrouble(dst []byte, v *record.View) []byte {
	t := troublesOf(v)
	if len(t.exc) > 0 {
		dst = record.AppendJSONString(append(dst, `,"error.message":`...), t.exc)
	}
	if len(t.stack) > 0 {
		dst = record.AppendJSONString(append(dst, `,"error.stack_trace":`...), t.stack)
	}
	return dst
}

// appendECSAttrs appends the attributes that are no labels, and reports whether
// there are some that are.
func appendECSAttrs(dst []byte, v *record.View) (_ []byte, labels bool) {
	var key []byte
	var val record.Value
	for a := v.Attrs(); a.Next(&key, &val); {
		switch member, renamed := ecsRenamed[string(key)]; {
		case isTrouble(key, &val):
		case renamed:
			dst = val.AppendJSON(append(dst, member...))
		case isLabel(key, &val):
			labels = true
		default:
			dst = append(dst, ',')
			dst = append(record.AppendJSONString(dst, key), ':')
			dst = val.AppendJSON(dst)
		}
	}
	return dst, labels
}

// isLabel reports whether an attribute can't stand at the top under its name.
func isLabel(key []byte, val *record.Value) bool {
	object := val.Type == record.Group || val.Type == record.JSON && len(val.Raw) > 0 && val.Raw[0] == '{'
	return ecsTaken[string(key)] || ecsObjects[string(key)] && !object
}

// appendECSLabels appends the object labels: what can't stand at the top, and what a
// group of this name has. Its members have no dots and are no objects, as the schema
// wants.
func appendECSLabels(dst []byte, v *record.View) []byte {
	var key []byte
	var val record.Value
	dst = append(dst, `,"labels":{`...)
	first := len(dst)
	for a := v.Attrs(); a.Next(&key, &val); {
		switch {
		case isTrouble(key, &val) || !isLabel(key, &val) || ecsRenamed[string(key)] != "":
		case string(key) == "labels" && val.Type == record.Group:
			var k []byte
			var in record.Value
			for b := val.Attrs(); b.Next(&k, &in); {
				dst = appendLabel(dst, first, k, &in)
			}
		default:
			dst = appendLabel(dst, first, key, &val)
		}
	}
	return append(dst, '}')
}

func appendLabel(dst []byte, first int, key []byte, val *record.Value) []byte {
	if len(dst) > first {
		dst = append(dst, ',')
	}
	mark := len(dst)
	dst = record.AppendJSONString(dst, key)
	for i := mark; i < len(dst); i++ {
		if dst[i] == '.' {
			dst[i] = '_'
		}
	}
	dst = append(dst, ':')
	mark = len(dst)
	dst = val.AppendJSON(dst)
	if val.Type != record.Group && val.Type != record.JSON {
		return dst
	}
	end := len(dst) // as text: a label is no object
	dst = record.AppendJSONString(dst, dst[mark:end])
	return append(dst[:mark], dst[end:]...)
}
