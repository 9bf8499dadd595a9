package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/girok/girok/internal/pattern"
)

// plainKey marks, in JSON, an unquoted YAML scalar that JSON has no literal for
// and that is no text either: {"$plain":"0x14"}. A map of the user's own with
// that key gets one more $.
const plainKey = "$plain"

var (
	jsonNumber  = pattern.Lazy{Expr: `^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?$`}
	plainLikeIt = pattern.Lazy{Expr: `^\$+plain$`}
)

// JSON writes the value as canonical JSON: no spaces, keys in the order of the
// file, one spelling for each value. [FromJSON] reads it back; the two lose
// nothing that [Decode] and [Node.PyScalar] see.
//
// References are replaced by what they stand for now, except in scalars that
// were decoded as [Secret], or whose path keepSecrets (may be nil) reports:
// there [Secret.Ref] is written, so a literal password becomes a reference to
// the file where it stands. Scalars of fields tagged raw stay as they are. So
// decode first, then write.
//
// The error is [Problems]: references that can't be replaced.
func (n *Node) JSON(keepSecrets func(path string) bool) ([]byte, error) {
	var ps Problems
	w := jsonWriter{keep: keepSecrets, ps: &ps}
	w.value(n)
	if err := ps.Err(); err != nil {
		return nil, err
	}
	return w.out.Bytes(), nil
}

type jsonWriter struct {
	out  bytes.Buffer
	keep func(path string) bool
	ps   *Problems
}

func (w *jsonWriter) value(n *Node) {
	switch n.Kind() {
	case Map:
		w.out.WriteByte('{')
		for i, k := range n.keys {
			if i > 0 {
				w.out.WriteByte(',')
			}
			name := k.Name
			if plainLikeIt.Get().MatchString(name) {
				name = "$" + name
			}
			w.text(name)
			w.out.WriteByte(':')
			w.value(n.values[i])
		}
		w.out.WriteByte('}')
	case List:
		w.out.WriteByte('[')
		for i, item := range n.items {
			if i > 0 {
				w.out.WriteByte(',')
			}
			w.value(item)
		}
		w.out.WriteByte(']')
	case Scalar:
		w.scalar(n)
	default:
		w.out.WriteString("null")
	}
}

func (w *jsonWriter) scalar(n *Node) {
	if n.is(useSecret) || w.keep != nil && w.keep(n.Path()) {
		ref := n.text // of FromJSON: it is a reference already
		if !n.fixed {
			ref = n.secret().Ref()
		}
		w.text(ref)
		return
	}
	text, typ := n.expanded(w.ps)
	switch {
	case typ == typeNull:
		w.out.WriteString("null")
	case typ == typeText:
		w.text(text)
	case typ == typeBool && (text == "true" || text == "false"),
		typ == typeFloat && jsonNumber.Get().MatchString(text) && strings.ContainsAny(text, ".eE"),
		typ == typeInt && jsonNumber.Get().MatchString(text):
		w.out.WriteString(text)
	default:
		w.out.WriteString(`{"` + plainKey + `":`)
		w.text(text)
		w.out.WriteByte('}')
	}
}

func (w *jsonWriter) text(s string) {
	enc := json.NewEncoder(&w.out)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a string into a buffer: it can't fail
	w.out.Truncate(w.out.Len() - 1)
}

// FromJSON reads what [Node.JSON] wrote; file is what problems call it. Other
// JSON is read as YAML would read it. References are not replaced again, except
// in values decoded as [Secret], which then are not checked before
// [Secret.Reveal]. The error is [Problems].
func FromJSON(file string, data []byte) (*Node, error) {
	r := jsonReader{dec: json.NewDecoder(bytes.NewReader(data)), data: data, src: &source{name: file}}
	r.dec.UseNumber()
	n, err := r.value(0)
	if err == nil {
		if _, extra := r.dec.Token(); extra != io.EOF {
			err = errors.New("something stands after the value")
		}
	}
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, Problems{{Pos: r.pos(), Msg: "not valid JSON: " + jsonReason(err)}}
	}
	return n, nil
}

// jsonReason keeps pieces of the data, which could be secrets, out of the error.
func jsonReason(err error) string {
	if se := (*json.SyntaxError)(nil); errors.As(err, &se) {
		return fmt.Sprintf("a mistake at byte %d", se.Offset)
	}
	return err.Error()
}

type jsonReader struct {
	dec  *json.Decoder
	data []byte
	src  *source
	line int // of lineStart, counted from 0
	at   int // where counting stopped
	col  int // characters of the line before at
}

// pos gives the place of the next token. It only moves forward.
func (r *jsonReader) pos() Pos {
	end := min(int(r.dec.InputOffset()), len(r.data))
	for end < len(r.data) && strings.IndexByte(" \t\r\n,:", r.data[end]) >= 0 {
		end++
	}
	for r.at < end {
		c, size := utf8.DecodeRune(r.data[r.at:])
		r.at += size
		r.col++
		if c == '\n' {
			r.line, r.col = r.line+1, 0
		}
	}
	return Pos{r.src.name, r.line + 1, r.col + 1}
}

// value reads one value and everything in it.
func (r *jsonReader) value(depth int) (*Node, error) {
	if depth > 2*maxDepth {
		return nil, fmt.Errorf(tooDeep, 2*maxDepth)
	}
	n := &Node{src: r.src, pos: r.pos(), fixed: true, kind: Scalar}
	token, err := r.dec.Token()
	if err != nil {
		return nil, err
	}
	switch t := token.(type) {
	case json.Delim:
		if t == '{' {
			return r.object(n, depth)
		}
		return r.array(n, depth)
	case nil:
		n.kind, n.typ, n.text, n.plain = Null, typeNull, "null", true
	case string:
		n.text = t
	case bool:
		n.text, n.typ, n.plain = fmt.Sprint(t), typeBool, true
	case json.Number:
		n.text, n.typ, n.plain = t.String(), typeInt, true
		if strings.ContainsAny(n.text, ".eE") {
			n.typ = typeFloat
		}
	}
	return n, nil
}

func (r *jsonReader) array(n *Node, depth int) (*Node, error) {
	n.kind = List
	for r.dec.More() {
		item, err := r.value(depth + 1)
		if err != nil {
			return nil, err
		}
		n.push(item)
	}
	_, err := r.dec.Token()
	return n, err
}

func (r *jsonReader) object(n *Node, depth int) (*Node, error) {
	n.kind, n.index = Map, map[string]int{}
	for r.dec.More() {
		k := Key{Pos: r.pos()}
		token, err := r.dec.Token()
		if err != nil {
			return nil, err
		}
		k.Name = token.(string) // the decoder gives nothing else for a key
		value, err := r.value(depth + 1)
		if err != nil {
			return nil, err
		}
		n.set(k, value)
	}
	if _, err := r.dec.Token(); err != nil {
		return nil, err
	}
	return unmark(n), nil
}

// unmark undoes what the writer did about plainKey.
func unmark(n *Node) *Node {
	if p := n.Get(plainKey); p != nil && len(n.keys) == 1 && p.kind == Scalar {
		p.typ, p.plain = resolve(p.text), true
		if p.typ == typeNull {
			p.kind = Null
		}
		p.pos, p.parent, p.key, p.keyPos = n.pos, nil, "", Pos{}
		return p
	}
	renamed := newMap(n.src, n.pos)
	renamed.fixed = true
	for i, k := range n.keys {
		if plainLikeIt.Get().MatchString(k.Name) && k.Name != plainKey {
			k.Name = k.Name[1:]
		}
		renamed.set(k, n.values[i])
	}
	return renamed
}
