package girok

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/girok/girok/config"
	"github.com/girok/girok/format"
	"github.com/girok/girok/internal/pattern"
)

func (b *blueprint) formatters(ps *config.Problems) map[string]format.Formatter {
	all := map[string]format.Formatter{}
	for name, n := range b.keys.Formatters {
		all[name] = b.formatter(n, ps)
	}
	return all
}

func (b *blueprint) formatter(n *config.Node, ps *config.Problems) format.Formatter {
	var k format.Keys
	if n.IsZero() {
		ps.Add(n.KeyPos(), n.Path(), "is empty; want a map with the key format")
		return format.Default(b.location)
	}
	start := len(*ps)
	config.Decode(n, ps, &k)
	*ps = append((*ps)[:start], b.foreignKeys(n, (*ps)[start:])...)
	f, err := k.New(b.location)
	if err == nil {
		return b.sinceStart(format.OfService(f, b.keys.Service))
	}
	at, text := n, err.Error()
	var key *format.KeyError
	if errors.As(err, &key) {
		at = n.Get(key.Key)
	}
	if key != nil && (key.Key == "class" || key.Key == "()") && b.passable(at, at.Raw(), "lines look as without a formatter") {
		*ps = (*ps)[:start]
		return format.Default(b.location)
	}
	var syntax *format.SyntaxError
	if errors.As(err, &syntax) {
		text = fmt.Sprintf("%s (character %d of the format)", syntax.Msg, syntax.Offset+1)
	}
	hint := ""
	if key != nil && (key.Key == "class" || key.Key == "()") {
		hint = insteadOf(at.Raw())
	}
	ps.AddHint(at.Pos(), at.Path(), hint, "%s", text)
	return format.Default(b.location)
}

// sinceStart is a formatter that counts from the process's clock, if that is a test's.
func (b *blueprint) sinceStart(f format.Formatter) format.Formatter {
	t, ok := f.(interface {
		Of(pid int, started time.Time) format.Formatter
	})
	if b.now == nil || !ok {
		return f
	}
	return t.Of(os.Getpid(), b.began())
}

// began is when the process began by its clock, if that is a test's.
func (b *blueprint) began() time.Time {
	for _, o := range b.opts {
		if s, ok := o.(began); ok {
			return time.Time(s)
		}
	}
	return b.now()
}

var identifier = pattern.Lazy{Expr: `^[A-Za-z_][A-Za-z0-9_]*$`}

// nearPython finds what is said of a key that is nearly one of Python's formatters.
var nearPython = pattern.Lazy{Expr: `did you mean "(class|format|datefmt|style|validate|defaults)"`}

// foreignKeys does with keys that are not known as Python's formatters do: what
// logging.Formatter does not know it ignores, unless it is nearly what is known; a
// factory wants names.
func (b *blueprint) foreignKeys(n *config.Node, ps config.Problems) (left config.Problems) {
	class := n.Get("class").Raw()
	for _, p := range ps {
		if strings.HasPrefix(p.Msg, "unknown key") {
			key := p.Path[strings.LastIndexByte(p.Path, '.')+1:]
			switch {
			case n.Get("()") != nil && !identifier.Get().MatchString(key):
				p.Msg = fmt.Sprintf("Not a valid Python identifier: '%s'", key)
			case n.Get("()") != nil:
				p.Msg = fmt.Sprintf("Formatter.__init__() got an unexpected keyword argument '%s'", key)
			case (class == "" || strings.Contains(class, ".")) && !nearPython.Get().MatchString(p.Msg):
				p.Msg, p.Hint = "nothing here reads this key", ""
				b.doc.Warnings = append(b.doc.Warnings, p)
				continue
			}
		}
		left = append(left, p)
	}
	return left
}
