package config

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
)

const hidden = "***"

// Secret is a text that never prints: every verb of fmt, slog, JSON and text
// encodings give "***". It keeps where the value is to be found and not the
// value, so a password that was changed is seen at the next [Secret.Reveal].
//
// A Secret may be copied and used from several goroutines. The zero Secret is
// "not given".
type Secret struct{ ref *secretRef }

// secretRef is behind a pointer, and the text behind another, because fmt can't
// call methods on unexported fields: it then prints an address, and follows one
// pointer for verbs that do not fit.
type secretRef struct {
	text    *string
	src     *source
	pointer string // to the value in src; "" if it came from a program
}

// NewSecret gives a Secret for a program that does without a file. text may hold
// references as in a file: "${DB_PASSWORD}", "${file:/run/secrets/db}".
func NewSecret(text string) Secret {
	return Secret{&secretRef{text: &text, src: &source{}}}
}

// IsZero reports whether no secret was given.
func (s Secret) IsZero() bool { return s.ref == nil }

// Reveal gives the value, looked up anew each time: variables, files, and for a
// literal the configuration file itself (if that can't be read any more, what
// was read first). A zero Secret gives "". The error never holds the value.
func (s Secret) Reveal() (string, error) {
	if s.ref == nil {
		return "", nil
	}
	if s.ref.src.path != "" && s.ref.pointer != "" && !onlyReferences(*s.ref.text) {
		if text, err := readKey(s.ref.src.path, s.ref.pointer); err == nil {
			return text, nil
		}
	}
	return expand(*s.ref.text, s.ref.src, inStored)
}

// offers are the secrets that the program has, by name.
var offers sync.Map // of func() (string, error)

// Offer makes ${secret:name} lead to what reveal gives, in this process: for secrets
// that neither a variable nor a file holds. It is asked whenever a store is connected
// to, from any goroutine, and must be quick.
func Offer(name string, reveal func() (string, error)) { offers.Store(name, reveal) }

func offered(name string) (string, error) {
	reveal, ok := offers.Load(name)
	if !ok {
		return "", &unresolved{
			msg:  fmt.Sprintf("this program has no secret %s", name),
			hint: "a program offers one with girok.Secret",
		}
	}
	return reveal.(func() (string, error))()
}

// Revealed reports whether all secrets in n, which was decoded, have a value here and
// now; the error is that of the first that has none.
func (n *Node) Revealed() (err error) {
	n.walk(func(n *Node) {
		if err == nil && n.Kind() == Scalar && n.is(useSecret) {
			_, err = n.secret().Reveal()
		}
	})
	return err
}

// Ref gives what may be stored in the place of the secret: the references as
// written ("${DB_PASSWORD}", files made absolute), or for everything that holds
// literal text the file and key where it stands: "${key:/etc/app.yaml#/handlers/db/password}".
func (s Secret) Ref() string {
	switch {
	case s.ref == nil:
		return ""
	case onlyReferences(*s.ref.text):
		return absoluteReferences(*s.ref.text, s.ref.src)
	}
	file := s.ref.src.path
	if file == "" {
		file = s.ref.src.name
	}
	return "${key:" + keyEscaper.Replace(file) + "#" + keyEscaper.Replace(s.ref.pointer) + "}"
}

// keyEscaper escapes what has a meaning in ${key:…}; keyUnescaper undoes it.
var (
	keyEscaper   = strings.NewReplacer("%", "%25", "#", "%23", "}", "%7D")
	keyUnescaper = strings.NewReplacer("%25", "%", "%23", "#", "%7D", "}")
)

// onlyReferences reports whether a text is made of references alone, without
// literal text and defaults, which could be the secret.
func onlyReferences(text string) bool {
	pieces, err := split(text)
	if err != nil || len(pieces) == 0 {
		return false
	}
	for _, p := range pieces {
		if !p.isRef || p.fallback != "" {
			return false
		}
	}
	return true
}

func absoluteReferences(text string, src *source) string {
	pieces, _ := split(text)
	var out strings.Builder
	for _, p := range pieces {
		if abs := ""; p.kind == refFile {
			if abs = src.absolute(p.name); abs != "" {
				p.written = "${file:" + abs + "}"
			}
		}
		out.WriteString(p.written)
	}
	return out.String()
}

// readKey reads one value out of a configuration file.
func readKey(file, pointer string) (string, error) {
	src := diskSource(file)
	data, err := src.read()
	if err != nil {
		return "", fmt.Errorf("the secret stood in %s: %w", file, reason(err))
	}
	var ps Problems
	root := parse(src, data, &ps)
	n := root.at(pointer)
	if n.Kind() != Scalar {
		return "", fmt.Errorf("the secret stood in %s at %s, and is not there any more", file, pointer)
	}
	return expand(n.text, src, inSecret)
}

// secretOf gives the Secret that a scalar holds, and remembers on the node that
// JSON must not write it.
func secretOf(n *Node) Secret {
	n.use.Or(useSecret)
	return n.secret()
}

// secret is secretOf without a trace on the node.
func (n *Node) secret() Secret {
	text := n.text
	return Secret{&secretRef{text: &text, src: n.src, pointer: n.pointer()}}
}

// String gives "***".
func (Secret) String() string { return hidden }

// GoString gives "***".
func (Secret) GoString() string { return hidden }

// Format gives "***" for every verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, hidden) }

// MarshalJSON gives "***".
func (Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + hidden + `"`), nil }

// MarshalText gives "***"; XML, gob and YAML use it too.
func (Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// UnmarshalJSON refuses: what MarshalJSON wrote is not the secret.
func (*Secret) UnmarshalJSON([]byte) error {
	return errors.New("config: a Secret is read by config.Decode only")
}
