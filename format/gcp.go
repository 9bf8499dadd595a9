package format

import (
	"bytes"
	"log/slog"
	"slices"
	"strconv"
	"time"

	"github.com/girok/girok/record"
)

// GCP writes a record as the JSON that Google Cloud's logging reads from a
// program's output:
//
//	{"severity":"INFO","time":"2024-03-05T13:45:06.5Z","message":"order placed","logging.googleapis.com/labels":{"logger":"shop.orders"},"user":7}
//
// A group httpRequest is shown as the cloud's HttpRequest: its members may be called
// method, url, status, latency and so on. trace_id, span_id and trace_sampled become
// its trace. With a stack the record is one for Error Reporting. An attribute that
// is called like one of these members has attr. before its name.
type GCP struct {
	clock   *clock
	project string // of traces; "": not known
	source  bool
}

// NewGCP makes one; project is the cloud project that traces lie in.
func NewGCP(project string, source bool) *GCP {
	return &GCP{clock: newClock(time.UTC, gcpStamp), project: project, source: source}
}

func gcpStamp(t time.Time) stamp {
	return stamp{head: t.AppendFormat([]byte(`,"time":"`), "2006-01-02T15:04:05"), tail: []byte(`Z"`)}
}

const gcpNames = "logging.googleapis.com/"

var gcpTaken = setOf("severity", "time", "timestamp", "timestampSeconds", "timestampNanos", "message", "stack_trace",
	gcpNames+"labels", gcpNames+"sourceLocation", gcpNames+"trace", gcpNames+"spanId", gcpNames+"trace_sampled",
	gcpNames+"insertId", gcpNames+"operation")

// NeedsCaller implements Formatter.
func (g *GCP) NeedsCaller() bool { return g.source }

// severity is Google's name of a level.
func severity(l record.Level) string {
	switch {
	case l >= 70:
		return "EMERGENCY"
	case l >= 60:
		return "ALERT"
	case l >= record.Critical:
		return "CRITICAL"
	case l >= record.Error:
		return "ERROR"
	case l >= record.Warning:
		return "WARNING"
	case l >= 25:
		return "NOTICE"
	case l >= record.Info:
		return "INFO"
	case l > record.NotSet:
		return "DEBUG"
	}
	return "DEFAULT"
}

// Append implements Formatter.
func (g *GCP) Append(dst []byte, v *record.View) []byte {
	dst = g.begin(dst, v)
	if c, ok := callerOf(v); g.source && ok {
		dst = record.AppendJSONString(append(dst, `,"`+gcpNames+`sourceLocation":{"file":`...), c.file)
		dst = strconv.AppendUint(append(dst, `,"line":"`...), c.line, 10)
		dst = append(record.AppendJSONString(append(dst, `","function":`...), c.function), '}')
	}
	if t := troublesOf(v); len(t.stack) > 0 {
		dst = appendGCPStack(append(dst, `,"stack_trace":`...), v.Message, &t)
	}
	return append(g.appendAttrs(dst, v), '}')
}

// gcpSpecial are names of attributes that are not simply members, or may not be.
var gcpSpecial = newNameSet(gcpTaken, troubleNames, setOf("trace_id", "span_id", "trace_sampled", "httpRequest"))

// AppendCall is Append for a call that is not encoded, the same bytes. ok is false
// when it takes a frame.
func (g *GCP) AppendCall(dst []byte, c *record.Call) (_ []byte, ok bool) {
	bound, whole := c.Bound.Attrs()
	if g.source || !whole || !isShort(c) || isOneOf(bound, gcpSpecial) {
		return dst, false
	}
	front, back := c.Attrs()
	for _, attrs := range [...][]slog.Attr{front, back} {
		for i := range attrs {
			if hasName(gcpSpecial, attrs[i].Key) {
				return dst, false
			}
		}
	}
	mark := len(dst)
	if dst, ok = c.AppendMembers(g.begin(dst, c.Head()), nil); !ok {
		return dst[:mark], false
	}
	return append(dst, '}'), true
}

// begin appends what stands before the attributes and where the call stands.
func (g *GCP) begin(dst []byte, v *record.View) []byte {
	dst = append(append(dst, `{"severity":"`...), severity(v.Level)...)
	dst = append(dst, '"')
	if v.Flags&record.NoTime == 0 {
		s := g.clock.at(v.Seconds)
		dst = append(dst, s.head...)
		dst = appendFraction(dst, v.Nanos)
		dst = append(dst, s.tail...)
	}
	dst = record.AppendJSONString(append(dst, `,"message":`...), v.Message)
	if len(v.Logger) > 0 {
		dst = append(dst, `,"`+gcpNames+`labels":{"logger":`...)
		dst = append(record.AppendJSONString(dst, v.Logger), '}')
	}
	return dst
}

// appendGCPStack appends what Error Reporting takes for a Go program's last words:
// the message, and the stack as a panic prints it.
func appendGCPStack(dst []byte, message []byte, t *troubles) []byte {
	const header = "goroutine 1 [running]:\n"
	mark := len(dst)
	dst = append(dst, message...)
	if len(t.exc) > 0 {
		dst = append(append(dst, ": "...), t.exc...)
	}
	dst = append(dst, "\n\n"...)
	if !bytes.HasPrefix(t.stack, []byte("goroutine ")) {
		dst = append(dst, header...)
	}
	end := len(dst) + len(t.stack)
	dst = append(dst, t.stack...)
	dst = record.AppendJSONString(dst, dst[mark:end])
	return append(dst[:mark], dst[end:]...)
}

func (g *GCP) appendAttrs(dst []byte, v *record.View) []byte {
	var key []byte
	var val record.Value
	for a := v.Attrs(); a.Next(&key, &val); {
		switch k := string(key); {
		case k == attrStack || k == attrStackInfo || k == attrRecord && val.Type == record.Group:
			if !isTrouble(key, &val) {
				dst = appendMember(dst, "", key, &val)
			}
		case k == "trace_id":
			dst = g.appendTrace(dst, &val)
		case k == "span_id":
			dst = val.AppendJSON(append(dst, `,"`+gcpNames+`spanId":`...))
		case k == "trace_sampled":
			dst = val.AppendJSON(append(dst, `,"`+gcpNames+`trace_sampled":`...))
		case k == "httpRequest" && val.Type == record.Group:
			dst = appendHTTPRequest(dst, val.Attrs())
		case gcpTaken[k]:
			dst = appendMember(dst, "attr.", key, &val)
		default:
			dst = appendMember(dst, "", key, &val)
		}
	}
	return dst
}

// appendMember appends `,"key":value`.
func appendMember(dst []byte, prefix string, key []byte, val *record.Value) []byte {
	dst = append(dst, ',')
	mark := len(dst)
	dst = record.AppendJSONString(dst, key)
	if prefix != "" {
		dst = slices.Insert(dst, mark+1, []byte(prefix)...)
	}
	return val.AppendJSON(append(dst, ':'))
}

func (g *GCP) appendTrace(dst []byte, val *record.Value) []byte {
	dst = append(dst, `,"`+gcpNames+`trace":`...)
	if g.project == "" || val.Type != record.String {
		return val.AppendJSON(dst)
	}
	mark := len(dst)
	dst = append(append(append(dst, "projects/"...), g.project...), "/traces/"...)
	dst = append(dst, val.Raw...)
	end := len(dst)
	dst = record.AppendJSONString(dst, dst[mark:end])
	return append(dst[:mark], dst[end:]...)
}

// httpNames are the members of the cloud's HttpRequest, by the names that people
// give.
var httpNames = map[string]string{
	"method": "requestMethod", "url": "requestUrl", "path": "requestUrl", "size": "responseSize", "request_size": "requestSize",
	"response_size": "responseSize", "user_agent": "userAgent", "remote_ip": "remoteIp", "server_ip": "serverIp",
	"referrer": "referer", "duration": "latency",
}

func appendHTTPRequest(dst []byte, a record.Attrs) []byte {
	var key []byte
	var val record.Value
	dst = append(dst, `,"httpRequest":{`...)
	for first := true; a.Next(&key, &val); first = false {
		if !first {
			dst = append(dst, ',')
		}
		if name, ok := httpNames[string(key)]; ok {
			dst = append(append(append(dst, '"'), name...), '"')
		} else {
			dst = record.AppendJSONString(dst, key)
		}
		dst = append(dst, ':')
		if val.Type == record.Duration {
			dst = appendSeconds(dst, val.Int())
		} else {
			dst = val.AppendJSON(dst)
		}
	}
	return append(dst, '}')
}

// appendSeconds appends a duration as protobuf's JSON has it: "1.500s".
func appendSeconds(dst []byte, ns int64) []byte {
	dst = append(dst, '"')
	if ns < 0 {
		dst = append(dst, '-')
		ns = -ns
	}
	dst = strconv.AppendInt(dst, ns/1e9, 10)
	dst = appendFraction(dst, uint32(ns%1e9))
	return append(dst, `s"`...)
}
