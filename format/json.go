package format

import (
	"log/slog"
	"strconv"
	"time"

	"github.com/girok/girok/record"
)

// JSONOptions say how JSON is written. The zero value is usable.
type JSONOptions struct {
	Location *time.Location // of the record's own time; nil: the local zone
	Source   bool           // write where the call stands in the code
}

// JSON writes a record as slog's JSONHandler would:
//
//	{"time":"2024-03-05T22:45:06.5+09:00","level":"INFO","logger":"shop.orders","msg":"order placed","user":7}
//
// time is missing when the record came without one, logger for the root logger,
// source unless it was asked for and the record has it. Values are those of
// record.Value.AppendJSON. Differences from slog, beside logger: NaN and the
// infinities are the strings "NaN", "+Inf", "-Inf", where slog says that it
// can't write them; times past the year 9999 are still valid JSON, slog's are
// not; and what record says of values that slog has no kind for.
type JSON struct {
	clock  *clock
	source bool
	sites  sites
}

// NewJSON makes a JSON formatter.
func NewJSON(o JSONOptions) *JSON {
	return &JSON{clock: newClock(o.Location, jsonStamp), source: o.Source}
}

func jsonStamp(t time.Time) stamp {
	return stamp{
		head: t.AppendFormat([]byte(`{"time":"`), "2006-01-02T15:04:05"),
		tail: append(t.AppendFormat(nil, "Z07:00"), `","level":"`...),
	}
}

// NeedsCaller implements Formatter.
func (j *JSON) NeedsCaller() bool { return j.source }

// Append implements Formatter.
func (j *JSON) Append(dst []byte, v *record.View) []byte {
	dst = appendLevel(j.time(dst, v.Seconds, v.Nanos, v.Flags&record.NoTime != 0), v.Level)
	if j.source {
		dst = appendSource(dst, v)
	}
	dst = appendNames(dst, v.Logger, v.Message)
	dst = v.Attrs().AppendMembers(dst)
	return append(dst, '}')
}

// AppendCall is Append for a call that is not encoded, the same bytes. ok is false
// when it takes a frame.
func (j *JSON) AppendCall(dst []byte, c *record.Call) (_ []byte, ok bool) {
	if j.source {
		return dst, false
	}
	t := c.Record.Time
	dst = j.time(dst, t.Unix(), uint32(t.Nanosecond()), t.IsZero())
	s := j.sites.of(c)
	if s == nil {
		if s = j.learn(c); s == nil {
			dst = appendNames(appendLevel(dst, c.Level), c.Logger, c.Record.Message)
			dst, ok = c.AppendMembers(dst, nil)
			return append(dst, '}'), ok
		}
	}
	dst = record.AppendJSONString(append(dst, s.rest...), c.Record.Message)
	dst, ok = c.AppendMembers(dst, s.keys)
	return append(dst, '}'), ok
}

// learn remembers a call that was not known; nil if it does not.
func (j *JSON) learn(c *record.Call) *site {
	s := j.sites.learns(c, record.LevelNames())
	if s == nil {
		return nil
	}
	s.rest = appendNames(appendLevel(nil, c.Level), c.Logger, "")
	s.rest = s.rest[:len(s.rest)-len(`""`)]
	for i := range s.keys {
		k := &s.keys[i]
		k.Text = append(record.AppendJSONString([]byte{','}, k.Name), ':')
	}
	j.sites.keep(c, s)
	return s
}

// time appends the time, unless there is none, up to the level.
func (j *JSON) time(dst []byte, sec int64, nanos uint32, none bool) []byte {
	if none {
		return append(dst, `{"level":"`...)
	}
	s := j.clock.at(sec)
	return append(appendFraction(append(dst, s.head...), nanos), s.tail...)
}

func appendLevel(dst []byte, level record.Level) []byte {
	return append(appendSlogLevel(dst, level.Slog()), '"')
}

// appendNames appends the logger, unless it is the root, and the message.
func appendNames[T string | []byte](dst []byte, logger, msg T) []byte {
	if len(logger) > 0 {
		dst = append(dst, `,"logger":`...)
		dst = record.AppendJSONString(dst, logger)
	}
	dst = append(dst, `,"msg":`...)
	return record.AppendJSONString(dst, msg)
}

// appendSlogLevel appends what slog.Level.String returns.
func appendSlogLevel(dst []byte, l slog.Level) []byte {
	base, name := slog.LevelDebug, "DEBUG"
	switch {
	case l >= slog.LevelError:
		base, name = slog.LevelError, "ERROR"
	case l >= slog.LevelWarn:
		base, name = slog.LevelWarn, "WARN"
	case l >= slog.LevelInfo:
		base, name = slog.LevelInfo, "INFO"
	}
	dst = append(dst, name...)
	if l == base {
		return dst
	}
	if l > base {
		dst = append(dst, '+')
	}
	return strconv.AppendInt(dst, int64(l-base), 10)
}

// appendSource appends `,"source":{…}` with what the record has of it.
func appendSource(dst []byte, v *record.View) []byte {
	c, ok := callerOf(v)
	if !ok || len(c.function) == 0 && len(c.file) == 0 && c.line == 0 {
		return dst
	}
	dst = append(dst, `,"source":{`...)
	n := len(dst)
	if len(c.function) > 0 {
		dst = record.AppendJSONString(append(dst, `"function":`...), c.function)
		dst = append(dst, ',')
	}
	if len(c.file) > 0 {
		dst = record.AppendJSONString(append(dst, `"file":`...), c.file)
		dst = append(dst, ',')
	}
	if c.line != 0 {
		dst = strconv.AppendUint(append(dst, `"line":`...), c.line, 10)
		return append(dst, '}')
	}
	dst[max(n, len(dst)-1)] = '}' // in the place of the last comma
	return dst
}
