// Package giroktest lets a test ask what was logged.
//
//	logs, records := giroktest.Open(t)
//	placeOrder(logs.Logger("shop"))
//	if !records.Has(slog.LevelError, "no seat", "user", "kim") {
//		t.Errorf("not logged; there is\n%s", records)
//	}
package giroktest

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/girok/girok"
)

// Record is one log.
type Record struct {
	Logger  string // "" for the root
	Level   slog.Level
	Message string
	Attrs   map[string]slog.Value // groups as prefixes with dots; a later key counts
}

// Records are what was logged, in order. Its methods are safe for concurrent use.
type Records struct {
	mu  sync.Mutex
	all []Record
}

// Open gives a test loggers that record everything from DEBUG on, and nothing else. A
// configuration of one's own is opened with girok.OpenBytes and Records.Handler.
func Open(tb testing.TB) (*girok.Logs, *Records) {
	tb.Helper()
	records := &Records{}
	logs, err := girok.OpenBytes("giroktest", []byte("{version: 1, handlers: {all: {class: ext://giroktest}}, root: {level: DEBUG, handlers: [all]}}"),
		girok.External("giroktest", records.Handler()))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = logs.Close() })
	return logs, records
}

// All are the records so far.
func (r *Records) All() []Record {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Record(nil), r.all...)
}

// Has reports whether a log of this level with this message has these attributes,
// given as to slog: keys and values in turn. It may have others. Values are the same
// if they are printed the same.
func (r *Records) Has(level slog.Level, message string, args ...any) bool {
	want := slog.NewRecord(time.Time{}, level, message, 0)
	want.Add(args...)
	attrs := map[string]slog.Value{}
	want.Attrs(func(a slog.Attr) bool {
		flatten(attrs, "", a)
		return true
	})
	for _, rec := range r.All() {
		if rec.Level == level && rec.Message == message && rec.has(attrs) {
			return true
		}
	}
	return false
}

func (r *Record) has(attrs map[string]slog.Value) bool {
	for key, want := range attrs {
		got, ok := r.Attrs[key]
		if !ok || got.String() != want.String() {
			return false
		}
	}
	return true
}

// String is a line for each record.
func (r *Records) String() string {
	var b strings.Builder
	for _, rec := range r.All() {
		fmt.Fprintf(&b, "%s %s %q %v\n", rec.Level, rec.Logger, rec.Message, rec.Attrs)
	}
	return b.String()
}

// Handler records what it gets.
func (r *Records) Handler() slog.Handler { return &handler{to: r} }

// handler gets whole records: girok gives what is bound with them.
type handler struct {
	to     *Records
	attrs  []slog.Attr
	prefix string
}

func (h *handler) Enabled(context.Context, slog.Level) bool { return true }

func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	c := *h
	c.attrs = append(c.attrs[:len(c.attrs):len(c.attrs)], prefixed(h.prefix, attrs)...)
	return &c
}

func (h *handler) WithGroup(name string) slog.Handler {
	c := *h
	c.prefix += name + "."
	return &c
}

func prefixed(prefix string, attrs []slog.Attr) (list []slog.Attr) {
	for _, a := range attrs {
		list = append(list, slog.Attr{Key: prefix + a.Key, Value: a.Value})
	}
	return list
}

func (h *handler) Handle(_ context.Context, r slog.Record) error {
	rec := Record{Level: r.Level, Message: r.Message, Attrs: map[string]slog.Value{}}
	for _, a := range h.attrs {
		flatten(rec.Attrs, "", a)
	}
	r.Attrs(func(a slog.Attr) bool {
		switch a.Key {
		case slog.SourceKey:
		case "logger":
			rec.Logger = a.Value.String()
		default:
			flatten(rec.Attrs, h.prefix, a)
		}
		return true
	})
	h.to.mu.Lock()
	defer h.to.mu.Unlock()
	h.to.all = append(h.to.all, rec)
	return nil
}

func flatten(to map[string]slog.Value, prefix string, a slog.Attr) {
	v := a.Value.Resolve()
	if v.Kind() != slog.KindGroup {
		to[prefix+a.Key] = v
		return
	}
	for _, in := range v.Group() {
		flatten(to, prefix+a.Key+".", in)
	}
}
