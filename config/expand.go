package config

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/girok/girok/internal/pattern"
)

// The kinds of references in a text. refKey never stands in a user's file:
// Node.JSON writes it for a secret that was given literally.
const (
	refVariable = iota
	refFile     // ${file:/path}
	refKey      // ${key:/path/config.yaml#/handlers/events/password}
	refSecret   // ${secret:name}
)

// Where a text with references stands: it decides which of them it may hold.
type where int

const (
	inText   where = iota
	inSecret       // ${secret:…} too
	inStored       // and ${key:…}
)

// piece is a stretch of literal text or one reference.
type piece struct {
	literal  string
	isRef    bool
	kind     int
	name     string // of the variable or secret, or path of the file
	pointer  string // refKey: JSON pointer into the file
	fallback string
	hasFall  bool
	written  string // the reference as it stands in the text
}

var secretName = pattern.Lazy{Expr: `^[A-Za-z0-9_.-]+$`}

var variableName = pattern.Lazy{Expr: `^[A-Za-z_][A-Za-z0-9_]*$`}

// hasReference reports whether expanding text could change it.
func hasReference(text string) bool { return strings.Contains(text, "${") }

// split cuts a text into literals and references.
func split(text string) ([]piece, error) {
	var pieces []piece
	literal := func(s string) {
		if s != "" {
			pieces = append(pieces, piece{literal: s})
		}
	}
	for {
		at := strings.Index(text, "${")
		if at < 0 {
			literal(text)
			return pieces, nil
		}
		if at > 0 && text[at-1] == '$' {
			literal(text[:at-1] + "${")
			text = text[at+2:]
			continue
		}
		literal(text[:at])
		end := strings.IndexByte(text[at:], '}')
		if end < 0 {
			return nil, errors.New("a reference ${…} is not closed with }; a literal ${ is written $${")
		}
		ref, err := parseReference(text[at+2 : at+end])
		if err != nil {
			return nil, err
		}
		ref.written = text[at : at+end+1]
		pieces = append(pieces, ref)
		text = text[at+end+1:]
	}
}

// parseReference reads what stands between ${ and }.
func parseReference(body string) (piece, error) {
	if path, ok := strings.CutPrefix(body, "file:"); ok {
		if path == "" {
			return piece{}, errors.New("${file:} names no file; want ${file:/path}")
		}
		return piece{isRef: true, kind: refFile, name: path}, nil
	}
	if rest, ok := strings.CutPrefix(body, "key:"); ok {
		file, pointer, found := strings.Cut(rest, "#")
		if !found {
			return piece{}, errors.New("a reference ${key:…} wants a file, # and a JSON pointer")
		}
		return piece{isRef: true, kind: refKey, name: keyUnescaper.Replace(file), pointer: keyUnescaper.Replace(pointer)}, nil
	}
	if name, ok := strings.CutPrefix(body, "secret:"); ok {
		if !secretName.Get().MatchString(name) {
			return piece{}, errors.New("a reference ${secret:…} wants a name of letters, digits, dots, _ and -")
		}
		return piece{isRef: true, kind: refSecret, name: name}, nil
	}
	name, fallback, hasFall := strings.Cut(body, ":-")
	if strings.Contains(fallback, "${") {
		return piece{}, errors.New("a default can't hold another ${…}")
	}
	if !variableName.Get().MatchString(name) {
		// The text is not repeated: it may be a piece of a password.
		return piece{}, errors.New("after ${ want a variable's name (letters, digits, _), as ${NAME}, ${NAME:-default} or ${file:/path}; a literal ${ is written $${")
	}
	return piece{isRef: true, kind: refVariable, name: name, fallback: fallback, hasFall: hasFall}, nil
}

// unresolved says which reference has no value, and what helps.
type unresolved struct{ msg, hint string }

func (e *unresolved) Error() string { return e.msg }

// expand replaces the references of a text. All that can't be replaced are in
// the error.
func expand(text string, src *source, at where) (string, error) {
	pieces, err := split(text)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	var errs []error
	for _, p := range pieces {
		value := p.literal
		if p.isRef {
			if value, err = p.value(src, at); err != nil {
				errs = append(errs, err)
			}
		}
		out.WriteString(value)
	}
	return out.String(), errors.Join(errs...)
}

// value looks one reference up.
func (p piece) value(src *source, at where) (string, error) {
	value, err := "", error(nil)
	switch p.kind {
	case refVariable:
		value, err = p.variable()
	case refFile:
		value, err = src.readReferenced(p.name)
	case refKey:
		if at < inStored {
			return "", errors.New("${key:…} is for stored configurations; a file can't use it")
		}
		value, err = readKey(p.name, p.pointer)
	case refSecret:
		if at < inSecret {
			return "", errors.New("${secret:…} can only stand where a secret is wanted, as a password")
		}
		value, err = offered(p.name)
	}
	if err == nil && !utf8.ValidString(value) {
		return "", fmt.Errorf("%s holds bytes that are not UTF-8", p.written)
	}
	return value, err
}

func (p piece) variable() (string, error) {
	value, ok := os.LookupEnv(p.name)
	switch {
	case p.hasFall && value == "":
		return p.fallback, nil
	case !ok:
		return "", &unresolved{
			msg:  fmt.Sprintf("the environment variable %s is not set", p.name),
			hint: fmt.Sprintf("set it, or give a default: ${%s:-default}", p.name),
		}
	}
	return value, nil
}

// expanded gives the text of a scalar with its references replaced, and its type
// by YAML 1.1. Where that fails it reports to ps and gives the text as written.
func (n *Node) expanded(ps *Problems) (string, scalarType) {
	text, typ, _ := n.tryExpand(ps)
	return text, typ
}

func (n *Node) tryExpand(ps *Problems) (string, scalarType, bool) {
	if n.fixed || n.is(useRaw) || !hasReference(n.text) {
		return n.text, n.typ, true
	}
	text, err := expand(n.text, n.src, inText)
	if err != nil {
		n.reportExpansion(err, ps)
		return n.text, typeText, false
	}
	typ := typeText
	if n.plain {
		typ = resolve(text)
	}
	if typ == typeNull { // an empty variable is an empty text
		typ = typeText
	}
	return text, typ, true
}

// reportExpansion adds each thing that went wrong as a problem of its own.
func (n *Node) reportExpansion(err error, ps *Problems) {
	errs := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		errs = joined.Unwrap()
	}
	for _, e := range errs {
		p := Problem{Pos: n.pos, Path: n.Path(), Msg: e.Error()}
		if u := (*unresolved)(nil); errors.As(e, &u) {
			p.Hint = u.hint
		}
		ps.add(p)
	}
}

// Text gives the text of a scalar with its references replaced. What can't be
// replaced, and a value that is no scalar, is added to ps (nil: not reported)
// and gives false.
func (n *Node) Text(ps *Problems) (string, bool) {
	if n.Kind() != Scalar {
		if n != nil {
			wantGot(n, ps, "text")
		}
		return "", false
	}
	text, _, ok := n.tryExpand(ps)
	return text, ok
}
