package stdin

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/girok/girok/record"
	"github.com/girok/girok/tree"
)

// parser makes an entry of a line. Its entry is used again for the next line.
type parser struct {
	config  Config
	entry   tree.Entry
	members []member
}

// parse returns the record of one line, and the name of its logger below that
// of the source. size is how long the line was.
func (p *parser) parse(line []byte, size int, number int64) (e *tree.Entry, logger string) {
	p.entry = tree.Entry{Kind: record.Log, Level: record.Info, Attrs: p.entry.Attrs[:0]}
	if p.config.Format != "text" && size == len(line) {
		if text := trimSpace(line); len(text) > 0 && text[0] == '{' && json.Valid(text) {
			return &p.entry, p.object(text)
		}
	}
	p.entry.Message = string(line)
	p.entry.Attrs = append(p.entry.Attrs, slog.Int64("line", number))
	if size > record.MaxString {
		p.entry.Attrs = append(p.entry.Attrs, slog.Int("line_bytes", size)) // it is cut
	}
	return &p.entry, ""
}

// The keys of a JSON object that are parts of the record, most telling first.
var (
	timeKeys    = []string{"time", "ts", "timestamp", "@timestamp", "created"}
	levelKeys   = []string{"level", "severity", "levelname", "lvl"}
	messageKeys = []string{"msg", "message", "log", "text"}
	loggerKeys  = []string{"logger"}
)

// object fills the entry from JSON text that is valid and an object.
func (p *parser) object(text []byte) (logger string) {
	p.members = members(p.members[:0], text)
	p.find(timeKeys, func(raw []byte) (ok bool) {
		p.entry.Time, ok = parseTime(raw)
		return ok
	})
	p.find(levelKeys, func(raw []byte) (ok bool) {
		l, ok := parseLevel(raw, p.config.Levels)
		if ok {
			p.entry.Level = l
		}
		return ok
	})
	p.find(messageKeys, func(raw []byte) (ok bool) {
		s, ok := stringOf(raw)
		p.entry.Message = strings.TrimSuffix(s, "\n") // Docker's log ends with one
		return ok
	})
	p.find(loggerKeys, func(raw []byte) bool {
		if s, ok := stringOf(raw); ok && validName(s) {
			logger = s
		}
		return logger != ""
	})
	for i := range p.members {
		if m := &p.members[i]; !m.taken {
			p.entry.Attrs = append(p.entry.Attrs, slog.Attr{Key: m.key, Value: valueOf(m.key, m.raw, 0)})
		}
	}
	return logger
}

// find offers the members with one of keys, in the order of keys, until one is
// taken.
func (p *parser) find(keys []string, take func(raw []byte) bool) {
	for _, key := range keys {
		for i := range p.members {
			if m := &p.members[i]; m.key == key && !m.taken && take(m.raw) {
				m.taken = true
				return
			}
		}
	}
}

// parseTime reads RFC 3339, also with a blank for the T, or a number since 1970.
func parseTime(raw []byte) (time.Time, bool) {
	if s, ok := stringOf(raw); ok {
		if len(s) > 10 && s[10] == ' ' {
			s = s[:10] + "T" + s[11:]
		}
		t, err := time.Parse(time.RFC3339Nano, s)
		return t, err == nil
	}
	if !isNumber(raw) {
		return time.Time{}, false
	}
	return epoch(string(raw))
}

// epoch reads a count since 1970: below 1e11 seconds (up to the year 5138),
// below 1e14 milliseconds, below 1e17 microseconds, else nanoseconds.
func epoch(text string) (time.Time, bool) {
	whole, fraction, _ := strings.Cut(text, ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || n < 0 || strings.ContainsAny(fraction, "eE") {
		f, err := strconv.ParseFloat(text, 64)
		if err != nil || f < 0 || f >= 1e18 {
			return time.Time{}, false
		}
		n = int64(f)
		fraction = fmt.Sprintf("%09d", int64((f-float64(n))*1e9))
	}
	unit := 1 // nanoseconds
	switch {
	case n < 1e11:
		unit = 1e9
	case n < 1e14:
		unit = 1e6
	case n < 1e17:
		unit = 1e3
	}
	nanos := 0
	if unit > 1 && fraction != "" {
		digits := (fraction + "000000000")[:9]
		f, _ := strconv.Atoi(digits) // nine digits
		nanos = f / (1e9 / unit)
	}
	perSecond := int64(1e9) / int64(unit)
	return time.Unix(n/perSecond, n%perSecond*int64(unit)+int64(nanos)).UTC(), true
}

// levelNames are the names of levels that programs write, in lower case.
var levelNames = map[string]record.Level{
	"trace": 5, "verbose": 5, "debug": record.Debug,
	"info": record.Info, "information": record.Info, "informational": record.Info, "notice": 25,
	"warn": record.Warning, "warning": record.Warning,
	"error": record.Error, "err": record.Error, "severe": record.Error,
	"critical": record.Critical, "crit": record.Critical, "fatal": record.Critical, "dpanic": record.Critical,
	"panic": record.Critical, "alert": record.Critical, "emergency": record.Critical, "emerg": record.Critical,
}

// parseLevel reads a level's name or number.
func parseLevel(raw []byte, numbers string) (record.Level, bool) {
	s, ok := stringOf(raw)
	if !ok {
		s = string(raw)
	}
	if n, err := strconv.ParseInt(s, 10, 32); err == nil && n >= 0 {
		if numbers == "pino" {
			n = max(n-10, 5) // trace 10 is below debug 20
		}
		return record.Level(n), true
	}
	if !ok || len(s) > 32 {
		return 0, false
	}
	if l, ok := levelNames[strings.ToLower(s)]; ok {
		return l, true
	}
	var l slog.Level
	if l.UnmarshalText([]byte(s)) == nil {
		return record.FromSlog(l), true
	}
	return 0, false
}

// validName reports whether a text can be the name of a logger.
func validName(s string) bool {
	if s == "" || len(s) > 200 || strings.HasPrefix(s, ".") || strings.HasSuffix(s, ".") || strings.Contains(s, "..") {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '\uFFFD' })
}
