package girok

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"strings"
	"time"

	"github.com/girok/girok/config"
	"github.com/girok/girok/record"
	"github.com/girok/girok/tree"
)

// External is an Option of Open: the handler of log/slog that a configuration names
// with `class: ext://NAME`. It gets the logs that come to it in the call, after
// levels, filters and redaction; logger is an attribute, and what is bound by With
// too. Errors come as their text, and what slog has no kind for as JSON has it. girok
// does not close it.
//
//	logs, err := girok.Open("config.yaml", girok.External("shop.sentry", sentryHandler))
func External(name string, h slog.Handler) Option { return external{name, h} }

type external struct {
	name    string
	handler slog.Handler
}

func (external) GirokOption() {}

// checking is the option of Check, which does not have the application's handlers.
type checking struct{}

func (checking) GirokOption() {}

const extPrefix = "ext://"

// externalNamed is the output of a class that the application has given; nil if there
// is none.
func (b *blueprint) externalNamed(n *config.Node, class string) output {
	for _, o := range b.opts {
		if e, ok := o.(external); ok && e.name == class {
			return &externalKeys{handler: e.handler}
		}
	}
	written, _, at := classOf(n)
	if strings.HasPrefix(written, extPrefix) && has[checking](b.opts) {
		b.stoodIn.Add(at.Pos(), at.Path(), "%q is a handler that the program itself has to give, by girok.External(%q, handler): nothing is known of it here", written, class)
		return &externalKeys{}
	}
	return nil
}

// externalKeys are the keys of a handler of the application: it has none of its own.
type externalKeys struct {
	handler slog.Handler
}

func (*externalKeys) place() (where, guarantee string) {
	return "a handler of the program", "given to it in the call"
}

func (k *externalKeys) open(*blueprint, *handlerPlan, report) tree.Direct {
	return &foreigner{k.handler}
}

// foreigner gives records to a slog.Handler.
type foreigner struct{ handler slog.Handler }

// Handle implements tree.Direct. What the handler panics with is an error.
func (f *foreigner) Handle(v *record.View) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the handler panicked: %v", p)
		}
	}()
	ctx, level := context.Background(), v.Level.Slog()
	if !f.handler.Enabled(ctx, level) {
		return nil
	}
	r := slog.NewRecord(v.Time(), level, string(v.Message), 0)
	if v.Flags&record.NoTime != 0 {
		r.Time = time.Time{}
	}
	if len(v.Logger) > 0 {
		r.AddAttrs(slog.String("logger", string(v.Logger)))
	}
	if c, ok := v.Caller(); ok {
		r.AddAttrs(slog.Any(slog.SourceKey, &slog.Source{Function: c.Function, File: c.File, Line: c.Line}))
	}
	r.AddAttrs(slogAttrs(v.Attrs())...)
	return f.handler.Handle(ctx, r)
}

// slogAttrs are attributes as slog has them.
func slogAttrs(a record.Attrs) (list []slog.Attr) {
	var key []byte
	var val record.Value
	for a.Next(&key, &val) {
		list = append(list, slog.Attr{Key: string(key), Value: slogValue(&val)})
	}
	return list
}

func slogValue(v *record.Value) slog.Value {
	switch v.Type {
	case record.False, record.True:
		return slog.BoolValue(v.Type == record.True)
	case record.Int:
		return slog.Int64Value(v.Int())
	case record.Uint:
		return slog.Uint64Value(v.Num)
	case record.Float:
		return slog.Float64Value(v.Float())
	case record.Duration:
		return slog.DurationValue(time.Duration(v.Int()))
	case record.Time:
		return slog.TimeValue(v.Time())
	case record.String:
		return slog.StringValue(string(v.Raw))
	case record.Err:
		return slog.AnyValue(errors.New(string(v.Raw)))
	case record.Bytes:
		return slog.AnyValue([]byte(string(v.Raw)))
	case record.Group:
		return slog.GroupValue(slogAttrs(v.Attrs())...)
	case record.JSON:
		return slog.AnyValue(json.RawMessage(string(v.Raw)))
	}
	return slog.AnyValue(nil)
}

// StdLog is a logger of Go's package log that logs into a logger of a name, with one
// level for all. (slog.SetDefault(logs.Logger(name)) does so with the package's own
// functions.)
func (l *Logs) StdLog(name string, level slog.Level) *log.Logger {
	return slog.NewLogLogger(l.SlogHandler(name), level)
}
