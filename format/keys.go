package format

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/girok/girok/config"
	"github.com/girok/girok/record"
)

// Keys is one entry of `formatters` in a configuration.
type Keys struct {
	Class    string        `yaml:"class" doc:"json, logfmt, console, ecs or gcp; or logging.Formatter, which it is if absent, or another formatter of Python's"`
	Factory  *config.Node  `yaml:"()" doc:"in the place of class, as in Python"`
	Format   *config.Node  `yaml:"format" doc:"Python's, as %(asctime)s %(levelname)s %(message)s"`
	Fmt      *config.Node  `yaml:"fmt" doc:"the same, with ()"`
	Datefmt  string        `yaml:"datefmt,raw" doc:"strftime's, for asctime"`
	Style    *config.Node  `yaml:"style" doc:"of the format: %, { or $; % if absent"`
	Validate *config.Truth `yaml:"validate" doc:"false: a format without a field is no mistake"`
	Defaults *config.Node  `yaml:"defaults" doc:"values of attributes that a record lacks, by name"`
	Set      *config.Node  `yaml:"." doc:"default_time_format and default_msec_format, with ()"`
	Source   bool          `yaml:"source" doc:"girok's own classes: where the call stands in the code"`
	Color    string        `yaml:"color" enum:"auto|always|never" doc:"console: colours; auto, which it is if absent: when it is a terminal and NO_COLOR is not set"`
	Project  string        `yaml:"project" doc:"gcp: the project that traces lie in; $GOOGLE_CLOUD_PROJECT if absent"`
	Colors   *config.Truth `yaml:"use_colors" doc:"uvicorn's: true or false; when it is a terminal if absent"`

	Version        string        `yaml:"version" enum:"2.0.7|3.3|4.2" doc:"JsonFormatter: the version of python-json-logger that it does as; if absent 2.0.7, and 4.2 for pythonjsonlogger.json.JsonFormatter"`
	Prefix         string        `yaml:"prefix,raw" doc:"JsonFormatter: what stands before the object"`
	Rename         *config.Node  `yaml:"rename_fields" doc:"JsonFormatter: new names of fields, by the old ones"`
	KeepMissing    config.Truth  `yaml:"rename_fields_keep_missing" doc:"JsonFormatter 3.3: renamed fields that are not there are null"`
	Static         *config.Node  `yaml:"static_fields" doc:"JsonFormatter: fields that every record gets"`
	Reserved       *config.Node  `yaml:"reserved_attrs" doc:"JsonFormatter: names that are left out unless the format has them; those of Python's records if absent"`
	Timestamp      *config.Node  `yaml:"timestamp" doc:"JsonFormatter: true, or a name: the time in UTC as the last field"`
	Indent         *config.Node  `yaml:"json_indent" doc:"JsonFormatter: a number of spaces, or a text, for each level; one line if absent"`
	EnsureASCII    *config.Truth `yaml:"json_ensure_ascii" doc:"JsonFormatter: false: what is not ASCII stays as it is"`
	JSONDefault    *config.Node  `yaml:"json_default" doc:"JsonFormatter: a function of Python; can't be had"`
	JSONEncoder    *config.Node  `yaml:"json_encoder" doc:"JsonFormatter: the package's own, which it is without this key too"`
	JSONSerializer *config.Node  `yaml:"json_serializer" doc:"JsonFormatter: json.dumps, which it is without this key too"`
	ExcArray       config.Truth  `yaml:"exc_info_as_array" doc:"JsonFormatter 3.3: the error as a list of lines"`
	StackArray     config.Truth  `yaml:"stack_info_as_array" doc:"JsonFormatter 3.3: the stack as a list of lines"`
}

// KeyError is a mistake in the value of a key.
type KeyError struct {
	Key string
	Err error
}

func (e *KeyError) Error() string { return e.Err.Error() }
func (e *KeyError) Unwrap() error { return e.Err }

func wrongKey(key, format string, args ...any) error {
	return &KeyError{key, fmt.Errorf(format, args...)}
}

const (
	classFormatter = "logging.Formatter"
	classJSON2     = "pythonjsonlogger.jsonlogger.JsonFormatter"
	classJSON3     = "pythonjsonlogger.json.JsonFormatter"
)

// own are the classes that are girok's, and classes all of them.
var (
	own     = []string{"json", "logfmt", "console", "ecs", "gcp"}
	classes = append(slices.Clone(own), classFormatter, classJSON2, classJSON3, classUvicorn, classUvicornAccess)
)

// New makes the formatter; loc is the zone of its times. The error is a *KeyError,
// and holds a *SyntaxError if it is the format's.
func (k Keys) New(loc *time.Location) (Formatter, error) {
	class, factory, err := k.class()
	if err != nil {
		return nil, err
	}
	bare := k.Format.IsZero() && k.Datefmt == ""
	switch {
	case slices.Contains(own, class) && !bare:
		return nil, wrongKey("class", "class %s takes neither format nor datefmt", class)
	case slices.Contains(own, class):
		return k.own(class, loc)
	case (factory || bare) && (k.Source || k.Color != "" || k.Project != ""): // else Python ignores them
		return nil, wrongKey("class", "source, color and project are keys of girok's own classes: %s", strings.Join(own, ", "))
	}
	o, err := k.options(loc, factory)
	if err != nil {
		return nil, err
	}
	if class == classJSON2 || class == classJSON3 {
		return k.pyJSON(o, class, factory)
	}
	if o.Style == ',' {
		return nil, wrongKey("style", wrongStyle)
	}
	f, err := k.text(o, class)
	if err != nil {
		return nil, &KeyError{k.formatKey(), err}
	}
	return f, nil
}

// own makes a formatter of girok's.
func (k Keys) own(class string, loc *time.Location) (Formatter, error) {
	if k.Color != "" && class != "console" {
		return nil, wrongKey("color", "is a key of class console")
	}
	if k.Project != "" && class != "gcp" {
		return nil, wrongKey("project", "is a key of class gcp")
	}
	switch class {
	case "logfmt":
		return NewLogfmt(loc, k.Source), nil
	case "console":
		return NewConsole(loc, map[string]Color{"always": ColorAlways, "never": ColorNever}[k.Color], k.Source), nil
	case "ecs":
		return NewECS(k.Source), nil
	case "gcp":
		return NewGCP(cmp.Or(k.Project, os.Getenv("GOOGLE_CLOUD_PROJECT")), k.Source), nil
	}
	return NewJSON(JSONOptions{Location: loc, Source: k.Source}), nil
}

// text makes a formatter with a format.
func (k Keys) text(o Options, class string) (Formatter, error) {
	if class != classUvicorn && class != classUvicornAccess {
		return o.Text()
	}
	color := ColorAuto
	if k.Colors != nil {
		color = ColorNever
		if bool(*k.Colors) {
			color = ColorAlways
		}
	}
	return newUvicorn(o, class == classUvicornAccess, color)
}

// class is the class of the formatter, and whether it stands under ().
func (k Keys) class() (class string, factory bool, err error) {
	f := k.Factory
	if f.Kind() == config.None {
		module, _, dotted := strings.Cut(k.Class, ".")
		switch {
		case k.Class == "" || slices.Contains(classes, k.Class):
			return k.Class, false, nil
		case !dotted:
			return "", false, wrongKey("class", "%q is not in this program; it has %s", k.Class, strings.Join(classes, ", "))
		case module == "logging":
			module = k.Class
		}
		return "", false, wrongKey("class", "No module named '%s'; there are %s", module, strings.Join(classes, ", "))
	}
	class = strings.TrimPrefix(f.Raw(), "ext://")
	if _, text := f.PyScalar().(string); !text {
		return "", false, wrongKey("()", "want the name of a class, as %s", classFormatter)
	}
	python := classes[len(own):]
	if !slices.Contains(python, class) {
		module, _, _ := strings.Cut(class, ".")
		return "", false, wrongKey("()", "Cannot resolve '%s': No module named '%s'; there are %s", class, module, strings.Join(python, ", "))
	}
	return class, true, nil
}

// formatKey is the key that the format stands under.
func (k Keys) formatKey() string {
	if k.Format.IsZero() && !k.Fmt.IsZero() {
		return "fmt"
	}
	return "format"
}

const wrongStyle = "Style must be one of: %%,{,$"

// options are what all formatters with a format have.
func (k Keys) options(loc *time.Location, factory bool) (o Options, err error) {
	o = Options{Style: '%', Datefmt: k.Datefmt, Location: loc, Lenient: k.Validate != nil && !bool(*k.Validate)}
	format := k.Format
	if factory && format.IsZero() {
		format = k.Fmt
	}
	switch format.Kind() {
	case config.Scalar:
		format.MarkRaw()
		if _, text := format.PyScalar().(string); !text {
			return o, wrongKey(k.formatKey(), "want a text, got %s; put it in quotes", format.Raw())
		}
		o.Format = format.Raw()
	case config.Map:
		return o, wrongKey(k.formatKey(), "want a text; one that begins with { must be quoted")
	}
	if k.Style.Kind() != config.None {
		k.Style.MarkRaw()
		style := k.Style.Raw()
		if len(style) != 1 || !strings.Contains("%{$,", style) {
			return o, wrongKey("style", wrongStyle)
		}
		o.Style = style[0]
	}
	if o.Defaults, err = recordOf(k.Defaults); err != nil {
		return o, &KeyError{"defaults", err}
	}
	if factory {
		return o, k.set(&o)
	}
	return o, nil
}

// set does what Python sets on the finished formatter.
func (k Keys) set(o *Options) error {
	k.Set.MarkRaw()
	for _, key := range k.Set.Keys() {
		text := k.Set.Get(key.Name).Raw()
		switch key.Name {
		case "default_time_format":
			o.TimeFormat = text
		case "default_msec_format":
			if o.NoMillis = text == "" || k.Set.Get(key.Name).IsZero(); o.NoMillis {
				continue
			}
			millis, head := strings.CutPrefix(text, "%s")
			millis, tail := strings.CutSuffix(millis, "%03d")
			if !head || !tail {
				return wrongKey(".", `default_msec_format: want "%%s", a text and "%%03d"; or an empty text for no milliseconds`)
			}
			o.Millis = millis
		default:
			return wrongKey(".", "%s can't be set; want default_time_format or default_msec_format", key.Name)
		}
	}
	return nil
}

// recordOf makes a record that has the keys of a map as attributes; nil of none.
func recordOf(n *config.Node) (*record.View, error) {
	if n.IsZero() {
		return nil, nil
	}
	if n.Kind() != config.Map {
		return nil, errors.New("want a map of names and values")
	}
	e := record.NewEncoder(nil)
	defer e.Release()
	e.Begin(&record.Header{Time: time.Unix(0, 0)})
	for _, k := range n.Keys() {
		v := n.Get(k.Name)
		_, big := v.PyScalar().(*big.Int)
		if v.Kind() > config.Scalar || big {
			e.JSON(k.Name, appendNodeJSON(nil, v))
		} else {
			e.Attr(slog.Any(k.Name, v.PyScalar()))
		}
	}
	v := new(record.View)
	if err := v.Parse(slices.Clone(e.Finish())); err != nil {
		return nil, err
	}
	return v, nil
}

// appendNodeJSON appends a value of the configuration as JSON, as Python reads it.
func appendNodeJSON(dst []byte, n *config.Node) []byte {
	switch n.Kind() {
	case config.List:
		dst = append(dst, '[')
		for i, item := range n.Items() {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendNodeJSON(dst, item)
		}
		return append(dst, ']')
	case config.Map:
		dst = append(dst, '{')
		for i, k := range n.Keys() {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(record.AppendJSONString(dst, keyText(k)), ':')
			dst = appendNodeJSON(dst, n.Get(k.Name))
		}
		return append(dst, '}')
	}
	switch v := n.PyScalar().(type) {
	case nil:
		return append(dst, "null"...)
	case bool:
		return strconv.AppendBool(dst, v)
	case int:
		return strconv.AppendInt(dst, int64(v), 10)
	case *big.Int:
		return v.Append(dst, 10)
	case float64:
		return appendPyJSONFloat(dst, v)
	case string:
		return record.AppendJSONString(dst, v)
	case config.PyTime:
		return record.AppendJSONString(dst, isoTime(v))
	}
	return record.AppendJSONString(dst, n.Raw())
}

// isoTime is isoformat() of a date or a time.
func isoTime(t config.PyTime) string {
	layout := "2006-01-02T15:04:05"
	if t.Time.Nanosecond() > 0 {
		layout += ".000000"
	}
	switch {
	case t.DateOnly:
		layout = "2006-01-02"
	case !t.Naive:
		layout += "-07:00"
	}
	return t.Time.Format(layout)
}

// keyText is a key as Python's json writes it.
func keyText(k config.Key) string {
	switch v := k.PyScalar().(type) {
	case nil:
		return "null"
	case bool:
		return strconv.FormatBool(v)
	case int:
		return strconv.Itoa(v)
	case float64:
		return string(appendPyJSONFloat(nil, v))
	}
	return k.Name
}
