package format

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/girok/girok/config"
	"github.com/girok/girok/internal/pattern"
)

// reservedAttrs are the attributes of Python's records, in their order.
var reservedAttrs = []string{
	"name", "msg", "args", "levelname", "levelno", "pathname", "filename", "module", "exc_info", "exc_text", "stack_info",
	"lineno", "funcName", "created", "msecs", "relativeCreated", "thread", "threadName", "processName", "process",
}

// What finds the names of fields in a format, by its style.
var (
	percentFields = pattern.Lazy{Expr: `%\((.+?)\)`}
	braceFields   = pattern.Lazy{Expr: `\{(.+?)\}`}
	dollarFields  = pattern.Lazy{Expr: `\$\{(.+?)\}`}
	plainDollar   = pattern.Lazy{Expr: `\$(?:([A-Za-z_][A-Za-z0-9_]*)|\{([^}]+)\})`}
)

// pyJSON makes a JsonFormatter. One that stands under class gets format, datefmt,
// style and validate alone, as in Python.
func (k Keys) pyJSON(o Options, class string, factory bool) (Formatter, error) {
	if !factory {
		k = Keys{Format: k.Format, Datefmt: k.Datefmt, Style: k.Style, Validate: k.Validate, Version: k.Version}
	}
	if k.Version == "" {
		k.Version = "2.0.7"
		if class == classJSON3 {
			k.Version = "4.2"
		}
	}
	names, err := k.jsonNames(o)
	if err != nil {
		return nil, err
	}
	j := &PyJSON{newer: k.Version != "2.0.7", layout: jsonLayout{ascii: true}, skip: map[string]bool{}}
	o.Format, o.Style, o.Defaults = "", '%', nil
	if j.text, err = o.Text(); err != nil {
		return nil, err
	}
	for _, name := range names {
		j.required = append(j.required, j.piece(name))
		j.skip[name] = true
	}
	if err := k.functions(); err != nil {
		return nil, err
	}
	if err := k.jsonOptions(j); err != nil {
		return nil, err
	}
	j.goStraight()
	return j, nil
}

// piece is a field by its name.
func (j *PyJSON) piece(name string) piece {
	p := piece{name: name}
	p.field, p.key = fieldOf(name)
	j.text.caller = j.text.caller || p.field.needsCaller()
	return p
}

// jsonNames are the names of the fields in the format.
func (k Keys) jsonNames(o Options) (names []string, err error) {
	switch list := k.Format.Kind() == config.List; {
	case (list || o.Style == ',') && k.Version != "4.2":
		if list {
			return nil, wrongKey("format", "a list of fields needs version: 4.2")
		}
		return nil, wrongKey("style", wrongStyle)
	case list:
		for _, item := range k.Format.Items() {
			names = append(names, item.Raw())
		}
		return names, nil
	case o.Style == ',':
		for name := range strings.SplitSeq(o.Format, ",") {
			if name = strings.TrimSpace(name); name != "" {
				names = append(names, name)
			}
		}
		return names, nil
	}
	if _, err := o.Text(); err != nil && !o.Lenient {
		return nil, &KeyError{k.formatKey(), err}
	}
	find, format := &percentFields, "%(message)s"
	switch {
	case o.Style == '{':
		find, format = &braceFields, "{message}"
	case o.Style == '$' && k.Version == "4.2":
		find, format = &plainDollar, "${message}"
	case o.Style == '$':
		find, format = &dollarFields, "${message}"
	}
	if o.Format != "" {
		format = o.Format
	}
	for _, m := range find.Get().FindAllStringSubmatch(format, -1) {
		names = append(names, strings.Join(m[1:], ""))
	}
	return names, nil
}

// functions refuses functions of Python but those that do as this one does.
func (k Keys) functions() error {
	same := []string{"json.dumps", "json.JSONEncoder", "pythonjsonlogger.jsonlogger.JsonEncoder", "pythonjsonlogger.json.JsonEncoder"}
	given := map[string]*config.Node{"json_default": k.JSONDefault, "json_encoder": k.JSONEncoder, "json_serializer": k.JSONSerializer}
	for _, key := range slices.Sorted(maps.Keys(given)) {
		name := strings.TrimPrefix(given[key].Raw(), "ext://")
		if given[key].IsZero() || slices.Contains(same, name) {
			continue
		}
		module, _, _ := strings.Cut(name, ".")
		return wrongKey(key, "No module named '%s': a function of Python can't be had here", module)
	}
	newer := map[string]bool{
		"exc_info_as_array": bool(k.ExcArray), "stack_info_as_array": bool(k.StackArray),
		"rename_fields_keep_missing": bool(k.KeepMissing), "defaults": k.Defaults != nil,
	}
	for _, key := range slices.Sorted(maps.Keys(newer)) {
		if newer[key] && k.Version == "2.0.7" {
			return wrongKey(key, "needs version: 3.3 or 4.2")
		}
	}
	return nil
}

// jsonOptions reads the keys that are JsonFormatter's own.
func (k Keys) jsonOptions(j *PyJSON) error {
	j.excLines, j.stackLines, j.keep = bool(k.ExcArray), bool(k.StackArray), bool(k.KeepMissing)
	j.prefix = k.Prefix
	if k.EnsureASCII != nil {
		j.layout.ascii = bool(*k.EnsureASCII)
	}
	if !k.Indent.IsZero() {
		j.layout.pretty = true
		switch n := k.Indent.PyScalar().(type) {
		case int:
			j.layout.indent = strings.Repeat(" ", min(max(n, 0), 100))
		case string:
			j.layout.indent = n
		default:
			return wrongKey("json_indent", "want a number of spaces, or a text")
		}
	}
	switch v := k.Timestamp.PyScalar().(type) {
	case string:
		j.stamp = v
	case bool, int:
		if v != false && v != 0 {
			j.stamp = "timestamp"
		}
	}
	if !k.Reserved.IsZero() && k.Reserved.Kind() != config.List {
		return wrongKey("reserved_attrs", "want a list of names")
	}
	k.reserved(j)
	for _, key := range k.Rename.Keys() {
		j.rename = append(j.rename, renamed{keyText(key), k.Rename.Get(key.Name).Raw()})
	}
	j.static = j.members(k.Static, k.Version != "3.3")
	j.defaults = j.members(k.Defaults, false)
	return nil
}

// reserved reads reserved_attrs.
func (k Keys) reserved(j *PyJSON) {
	names := append(slices.Clone(reservedAttrs), "message", "asctime")
	if j.newer {
		names = append(names, "taskName")
	}
	if k.Reserved.Kind() == config.List {
		names = nil
		for _, item := range k.Reserved.Items() {
			names = append(names, item.Raw())
		}
	}
	for _, name := range reservedAttrs {
		if !j.skip[name] && !slices.Contains(names, name) {
			j.extra = append(j.extra, j.piece(name))
		}
	}
	for _, name := range names {
		j.skip[name] = true
	}
}

// members are the values of a map as JSON. With refs those of its first level may
// refer to what Python has.
func (j *PyJSON) members(n *config.Node, refs bool) (list []jsonMember) {
	for _, key := range n.Keys() {
		v := n.Get(key.Name)
		text := j.layout.json(nil, appendNodeJSON(nil, v), 1)
		if refs && v.Raw() == "ext://sys.maxsize" {
			text = strconv.AppendInt(nil, math.MaxInt64, 10)
		}
		list = append(list, jsonMember{keyText(key), text})
	}
	return list
}
