package table

import (
	"path"
	"strconv"
	"strings"

	"github.com/girok/girok/record"
)

// caller is where a call stands, in the spellings that columns can take.
type caller struct {
	line                                       int
	full, pathname, filename, module, funcName []byte
}

// callers remembers them by their encoded form: a program has few call sites.
type callers struct{ known map[string]*caller }

// maxCallers bounds the memory of a handler that reads many programs.
const maxCallers = 4096

// of is the caller of the record; nil if it has none.
func (c *callers) of(v *record.View) *caller {
	enc := v.EncodedCaller()
	if enc == nil {
		return nil
	}
	if known, ok := c.known[string(enc)]; ok {
		return known
	}
	at, ok := v.Caller()
	if !ok {
		return nil
	}
	if c.known == nil || len(c.known) >= maxCallers {
		c.known = map[string]*caller{}
	}
	made := newCaller(at)
	c.known[string(enc)] = made
	return made
}

func newCaller(at record.Caller) *caller {
	var conv converter
	text := func(s string) []byte { return conv.copied(s) }
	filename := path.Base(at.File)
	module := filename
	if i := strings.LastIndexByte(filename, '.'); i > 0 {
		module = filename[:i]
	}
	return &caller{
		line: at.Line,
		full: text(at.File + ":" + strconv.Itoa(at.Line)), pathname: text(at.File),
		filename: text(filename), module: text(module), funcName: text(funcName(at.Function)),
	}
}

func (c *caller) text(o origin) []byte {
	switch o {
	case fromPathname:
		return c.pathname
	case fromFilename:
		return c.filename
	case fromModule:
		return c.module
	case fromFuncName:
		return c.funcName
	}
	return c.full
}

// funcName is the last part of a function's name: "shop/orders.(*Orders).Place"
// gives "Place", "main.main.func1" gives "main.func1".
func funcName(function string) string {
	name := function[strings.LastIndexByte(function, '/')+1:]
	parts := strings.Split(name, ".")
	i := len(parts) - 1
	for i > 1 && closure(parts[i]) {
		i--
	}
	return strings.Join(parts[i:], ".")
}

// closure reports whether a part of a function's name was made by the compiler:
// func1, 2, gowrap1, deferwrap1.
func closure(part string) bool {
	for _, prefix := range []string{"func", "gowrap", "deferwrap", ""} {
		if digits, ok := strings.CutPrefix(part, prefix); ok {
			_, err := strconv.Atoi(digits)
			return err == nil
		}
	}
	return false
}
