package table

import (
	"fmt"
	"slices"
	"strings"

	"github.com/girok/girok/config"
	"github.com/girok/girok/record"
)

// origin says which part of a record, or of its run, a column takes.
type origin uint8

const (
	fromAttr origin = iota // attr.a.b.c
	fromRest               // every attribute without a column of its own
	fromText               // =text, the same in every row
	fromTime
	fromLevelName
	fromLevelNo
	fromSeverity
	fromLogger
	fromMessage
	fromKind
	fromSource
	fromHost
	fromService
	fromVersion
	fromRecordID
	fromRun
	fromCaller
	fromPathname
	fromFilename
	fromModule
	fromLineNo
	fromFuncName
)

// fixed are the sources that have names, and the type a column gets if it says
// none.
var fixed = map[string]struct {
	from origin
	typ  Type
}{
	"time":            {fromTime, Timestamp},
	"created":         {fromTime, Timestamp},
	"levelname":       {fromLevelName, String},
	"levelno":         {fromLevelNo, Int},
	"severity":        {fromSeverity, Int},
	"name":            {fromLogger, String},
	"logger":          {fromLogger, String},
	"message":         {fromMessage, String},
	"kind":            {fromKind, String},
	"source":          {fromSource, String},
	"host":            {fromHost, String},
	"service":         {fromService, String},
	"service_version": {fromVersion, String},
	"record_id":       {fromRecordID, String},
	"run":             {fromRun, String},
	"caller":          {fromCaller, String},
	"pathname":        {fromPathname, String},
	"filename":        {fromFilename, String},
	"module":          {fromModule, String},
	"lineno":          {fromLineNo, Int},
	"funcName":        {fromFuncName, String},
}

func sourceNames() []string {
	names := make([]string, 0, len(fixed)+2)
	for n := range fixed {
		names = append(names, n)
	}
	slices.Sort(names)
	return append(names, "attr.<key>", "=<text>")
}

// fits are the types that a named source can fill without a mismatch in any
// row. json and string take everything.
func (o origin) fits(t Type) bool {
	switch o {
	case fromAttr, fromRest:
		return true
	case fromTime:
		return t == Timestamp || t == DateTime || t == Date || t == Float || t == String || t == JSON
	case fromLevelNo, fromSeverity, fromLineNo:
		return t == Int || t == Float || t == String || t == JSON
	}
	return t == String || t == JSON
}

// needsCaller reports whether the source is where the call stands in the code.
func (o origin) needsCaller() bool { return o >= fromCaller }

// parseSource reads what stands under `from`.
func parseSource(s string) (o origin, path string, typ Type, err error) {
	if text, ok := strings.CutPrefix(s, "="); ok {
		return fromText, text, String, nil
	}
	if key, ok := strings.CutPrefix(s, "attr."); ok {
		if key == "" {
			return 0, "", 0, fmt.Errorf("want attr.<key>, the key of an attribute")
		}
		return fromAttr, key, String, nil
	}
	if f, ok := fixed[s]; ok {
		return f.from, "", f.typ, nil
	}
	if near := config.Suggest(s, sourceNames()); near != "" {
		return 0, "", 0, fmt.Errorf("%q is no source of a column; did you mean %q? For an attribute write attr.%s", s, near, s)
	}
	return 0, "", 0, fmt.Errorf("%q is no source of a column; for an attribute write attr.%s; known: %s", s, s, strings.Join(sourceNames(), ", "))
}

// constant makes the value of a =text column once and for all. Numbers, true
// and false are read as JSON would read them.
func constant(text string, t ColumnType) (Value, error) {
	in := record.Value{Type: record.String, Raw: []byte(text)}
	switch t.Type {
	case Int, Float, Bool, Decimal, JSON:
		if !validScalar(text) && t.Type != JSON {
			return Value{}, fmt.Errorf("=%s does not fit %s", text, t)
		}
		if validJSON(text) {
			in.Type = record.JSON
		}
	}
	var c converter
	var out Value
	if !c.convert(&out, t, &in) {
		return Value{}, fmt.Errorf("=%s does not fit %s", text, t)
	}
	return out, nil
}
