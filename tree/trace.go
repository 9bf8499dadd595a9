package tree

import (
	"encoding/json"
	"log/slog"
	"reflect"
	"runtime"
	"strconv"
	"strings"

	"github.com/girok/girok/record"
)

// traces reports whether a log of this level gets the stack of its call, and the
// causes of its errors.
func (p *plan) traces(level record.Level) bool {
	return p.cfg.Stack != record.NotSet && level >= p.cfg.Stack
}

// The keys of what is added.
const (
	stackKey  = "stack"
	causesKey = ".causes" // behind the error's own key
)

// addStack adds the stack of the call, or the one that an error of it has brought
// along, unless the call gives one itself.
func addStack(e *record.Encoder, r *slog.Record, redact *record.Redactor) {
	if redact != nil && redact.Match(stackKey) {
		return
	}
	var own []uintptr
	given := false
	r.Attrs(func(a slog.Attr) bool {
		given = given || a.Key == stackKey || a.Key == "stack_info"
		if err := errorOf(a); err != nil {
			eachCause(err, func(err error, _ int) {
				if pcs := stackOf(err); len(pcs) > 0 {
					own = pcs // the deepest is the nearest to the mistake
				}
			})
		}
		return true
	})
	if given {
		return
	}
	if own == nil {
		own = callersOf()
	}
	if text := stackText(own); text != "" {
		e.Text(stackKey, text)
	}
}

// errorOf is the attribute's value if it is an error.
func errorOf(a slog.Attr) error {
	if a.Value.Kind() != slog.KindAny {
		return nil
	}
	err, _ := a.Value.Any().(error)
	return err
}

// callersOf is the stack of the call that is logged.
func callersOf() []uintptr {
	const deepest = 64
	pcs := make([]uintptr, deepest)
	return pcs[:runtime.Callers(2, pcs)]
}

// stackText is a stack as Go's own panics print it, without the frames of logging
// at its top and of the runtime at its end; without a line break at the end, which a
// line of text would show as an empty one.
func stackText(pcs []uintptr) string {
	if len(pcs) == 0 {
		return ""
	}
	var b strings.Builder
	frames := runtime.CallersFrames(pcs)
	for top := true; ; {
		f, more := frames.Next()
		ours := strings.HasPrefix(f.Function, "log/slog.") || strings.HasPrefix(f.Function, treePackage) || strings.HasPrefix(f.Function, "log.")
		if top = top && ours; !top && !strings.HasPrefix(f.Function, "runtime.") && f.Function != "" {
			b.WriteString(f.Function + "(...)\n\t" + f.File + ":" + strconv.Itoa(f.Line) + "\n")
		}
		if !more {
			return strings.TrimSuffix(b.String(), "\n")
		}
	}
}

// treePackage is what the names of this package's functions begin with.
var treePackage = func() string {
	pc, _, _, _ := runtime.Caller(0)
	name := runtime.FuncForPC(pc).Name()
	i := strings.LastIndexByte(name, '/') + 1
	return name[:i+strings.IndexByte(name[i:], '.')+1]
}()

// stackOf is the stack that an error carries, as several libraries make them.
func stackOf(err error) []uintptr {
	if c, ok := err.(interface{ Callers() []uintptr }); ok {
		return c.Callers()
	}
	m := reflect.ValueOf(err).MethodByName("StackTrace")
	if !m.IsValid() || m.Type().NumIn() != 0 || m.Type().NumOut() != 1 {
		return nil
	}
	if t := m.Type().Out(0); t.Kind() != reflect.Slice || t.Elem().Kind() != reflect.Uintptr {
		return nil
	}
	list := m.Call(nil)[0]
	pcs := make([]uintptr, list.Len())
	for i := range pcs {
		pcs[i] = uintptr(list.Index(i).Uint())
	}
	return pcs
}

// maxCauses is how many causes of one error are told.
const maxCauses = 32

// eachCause calls f for an error and all that it wraps, outermost first; depth is
// how many joined ones lie around it. What a method of an error does, it does not
// panic.
func eachCause(err error, f func(err error, depth int)) {
	defer func() { _ = recover() }()
	left := maxCauses + 1
	var walk func(err error, depth int)
	walk = func(err error, depth int) {
		for err != nil && left > 0 {
			left--
			f(err, depth)
			switch u := err.(type) {
			case interface{ Unwrap() error }:
				err = u.Unwrap()
			case interface{ Unwrap() []error }:
				for _, in := range u.Unwrap() {
					walk(in, depth+1)
				}
				return
			default:
				return
			}
		}
	}
	walk(err, 0)
}

// cause is one error that another one wraps.
type cause struct {
	Type    string `json:"type"`
	Message string `json:"message"`
	Depth   int    `json:"depth,omitempty"`
}

// addCauses adds the causes of each attribute that is an error and has some.
func addCauses(e *record.Encoder, r *slog.Record, redact *record.Redactor) {
	r.Attrs(func(a slog.Attr) bool {
		if err := errorOf(a); err != nil && (redact == nil || !redact.Match(a.Key)) {
			if list := causesOf(err); list != nil {
				e.JSON(a.Key+causesKey, list)
			}
		}
		return true
	})
}

// causesOf is what an error wraps, as JSON; nil if nothing.
func causesOf(err error) []byte {
	var list []cause
	first := true
	eachCause(err, func(err error, depth int) {
		if !first {
			list = append(list, cause{reflect.TypeOf(err).String(), err.Error(), depth})
		}
		first = false
	})
	if len(list) == 0 {
		return nil
	}
	text, _ := json.Marshal(list) // texts and numbers
	return text
}
