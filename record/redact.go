package record

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Redaction is what is done with the value of a key that must not be shown.
type Redaction uint8

// The ways to redact.
const (
	Mask Redaction = iota // the value becomes "***"
	Hash                  // the value becomes "sha256:" and the first 16 hex digits: equal values stay equal
	Drop                  // the attribute goes
)

// Redactor hides values by their keys, at any depth, before a frame exists. It
// is safe for concurrent use.
type Redactor struct {
	patterns []string // lower case; * stands for any text
	with     Redaction

	mu    sync.Mutex
	known atomic.Pointer[map[string]bool] // keys seen, so that a call pays one look-up
}

// NewRedactor makes a redactor for keys, in any case, in which * stands for any
// text; nil when there are none.
func NewRedactor(keys []string, with Redaction) *Redactor {
	if len(keys) == 0 {
		return nil
	}
	r := &Redactor{with: with}
	for _, k := range keys {
		r.patterns = append(r.patterns, strings.ToLower(k))
	}
	return r
}

// maxKnown bounds the memory of keys: programs that make keys up must not grow it.
const maxKnown = 4096

// Match reports whether the value of key must be hidden.
func (r *Redactor) Match(key string) bool {
	if m := r.known.Load(); m != nil {
		if hit, ok := (*m)[key]; ok {
			return hit
		}
	}
	lower, hit := strings.ToLower(key), false
	for _, p := range r.patterns {
		if glob(p, lower) {
			hit = true
			break
		}
	}
	if m := r.known.Load(); len(key) <= maxKey && (m == nil || len(*m) < maxKnown) {
		r.remember(key, hit)
	}
	return hit
}

func (r *Redactor) remember(key string, hit bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	next := map[string]bool{}
	if m := r.known.Load(); m != nil {
		maps.Copy(next, *m)
	}
	next[strings.Clone(key)] = hit
	r.known.Store(&next)
}

// glob matches s against p, in which * stands for any text.
func glob(p, s string) bool {
	star, mark := -1, 0
	i, j := 0, 0
	for j < len(s) {
		switch {
		case i < len(p) && p[i] == '*':
			star, mark = i, j
			i++
		case i < len(p) && p[i] == s[j]:
			i++
			j++
		case star >= 0:
			mark++
			i, j = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(p[i:], "*") == ""
}

// redacted adds what may be shown of a value.
func (e *Encoder) redacted(key string, v slog.Value) {
	switch e.redact.with {
	case Mask:
		e.Text(key, "***")
	case Hash:
		e.Text(key, hashed(e.plainText(v)))
	}
}

// plainText is the value's text, or its JSON: what is hashed depends on the value
// alone, not on its key or on whether it stands in an attribute or in a struct.
func (e *Encoder) plainText(v slog.Value) []byte {
	if v.Kind() == slog.KindString {
		return []byte(v.String())
	}
	var in Encoder
	in.Begin(&Header{Time: time.Unix(0, 0)})
	in.work = e.work
	start := len(in.buf)
	in.value("v", v)
	e.work = in.work
	a := Attrs{b: in.buf[start:]}
	var key []byte
	var val Value
	a.Next(&key, &val)
	if val.Type == String || val.Type == Err {
		return val.Raw
	}
	return val.AppendJSON(nil)
}

func hashed(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:8])
}

// json hides values in JSON text; text without a hit comes back as it is, and
// what is no JSON is hidden whole: nobody can say what is in it.
func (r *Redactor) json(text []byte) []byte {
	if !json.Valid(text) {
		return []byte(`"***"`)
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var out bytes.Buffer
	w := jsonRedactor{r: r, dec: dec, out: &out}
	if err := w.value(false); err != nil {
		return []byte(`"***"`)
	}
	if !w.hit {
		return text
	}
	return out.Bytes()
}

type jsonRedactor struct {
	r   *Redactor
	dec *json.Decoder
	out *bytes.Buffer
	hit bool
}

// value copies the next value, or swallows it when skip is set.
func (w *jsonRedactor) value(skip bool) error {
	tok, err := w.dec.Token()
	if err != nil {
		return err
	}
	switch tok {
	case json.Delim('{'):
		return w.object(skip)
	case json.Delim('['):
		return w.array(skip)
	}
	if skip {
		return nil
	}
	if s, ok := tok.(string); ok {
		w.string(s)
		return nil
	}
	b, err := json.Marshal(tok)
	w.out.Write(b)
	return err
}

func (w *jsonRedactor) string(s string) {
	w.out.Write(AppendJSONString(w.out.AvailableBuffer(), s))
}

func (w *jsonRedactor) array(skip bool) error {
	sep := byte('[')
	for w.dec.More() {
		w.put(skip, sep)
		sep = ','
		if err := w.value(skip); err != nil {
			return err
		}
	}
	if sep == '[' {
		w.put(skip, sep)
	}
	w.put(skip, ']')
	_, err := w.dec.Token()
	return err
}

func (w *jsonRedactor) object(skip bool) error {
	w.put(skip, '{')
	first := true
	for w.dec.More() {
		tok, err := w.dec.Token()
		if err != nil {
			return err
		}
		key, _ := tok.(string)
		hide := w.r.Match(key)
		w.hit = w.hit || hide
		show := !skip && !(hide && w.r.with == Drop)
		if show {
			if !first {
				w.out.WriteByte(',')
			}
			first = false
			w.string(key)
			w.out.WriteByte(':')
		}
		if err := w.member(skip, hide); err != nil {
			return err
		}
	}
	w.put(skip, '}')
	_, err := w.dec.Token()
	return err
}

// member writes the value of a key.
func (w *jsonRedactor) member(skip, hide bool) error {
	if !hide {
		return w.value(skip)
	}
	if w.r.with != Hash || skip {
		if err := w.value(true); err != nil {
			return err
		}
		if !skip && w.r.with == Mask {
			w.out.WriteString(`"***"`)
		}
		return nil
	}
	var raw json.RawMessage
	if err := w.dec.Decode(&raw); err != nil {
		return err
	}
	b := []byte(raw)
	var s string
	if raw[0] == '"' && json.Unmarshal(raw, &s) == nil {
		b = []byte(s)
	}
	w.out.WriteString(`"` + hashed(b) + `"`)
	return nil
}

func (w *jsonRedactor) put(skip bool, b byte) {
	if !skip {
		w.out.WriteByte(b)
	}
}
