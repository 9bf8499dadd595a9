package pydiff

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
)

// node is a value of a configuration: a map, a list, or a scalar as it is written.
type node struct {
	keys   []string // of a map, as they are written
	values []*node  // of a map or a list
	list   bool
	text   string
}

func (n *node) isMap() bool { return n.keys != nil }

func newMap() *node { return &node{keys: []string{}} }

func newList(items ...*node) *node { return &node{list: true, values: items} }

func scalar(text string) *node { return &node{text: text} }

// set sets a key, which is an identifier or written as YAML wants it.
func (n *node) set(key string, v *node) {
	for i, k := range n.keys {
		if k == key {
			n.values[i] = v
			return
		}
	}
	n.keys, n.values = append(n.keys, key), append(n.values, v)
}

func (n *node) get(key string) *node {
	for i, k := range n.keys {
		if k == key {
			return n.values[i]
		}
	}
	return nil
}

func (n *node) remove(i int) {
	n.keys = append(n.keys[:i], n.keys[i+1:]...)
	n.values = append(n.values[:i], n.values[i+1:]...)
}

// write writes the node as YAML, in blocks or in one line.
func (n *node) write(b *strings.Builder, indent string, r *rand.Rand) {
	if !n.list && !n.isMap() {
		b.WriteString(n.text + "\n")
		return
	}
	if len(n.values) == 0 || indent != "" && r.IntN(3) == 0 {
		n.flow(b)
		b.WriteByte('\n')
		return
	}
	if indent != "" {
		b.WriteByte('\n')
	}
	for i, v := range n.values {
		b.WriteString(indent)
		if n.list {
			b.WriteString("- ")
		} else {
			b.WriteString(n.keys[i] + ": ")
		}
		v.write(b, indent+"  ", r)
	}
}

func (n *node) flow(b *strings.Builder) {
	switch {
	case n.list:
		b.WriteByte('[')
	case n.isMap():
		b.WriteByte('{')
	default:
		b.WriteString(n.text)
		return
	}
	for i, v := range n.values {
		if i > 0 {
			b.WriteString(", ")
		}
		if n.isMap() {
			b.WriteString(n.keys[i] + ": ")
		}
		v.flow(b)
	}
	if n.list {
		b.WriteByte(']')
	} else {
		b.WriteByte('}')
	}
}

// plainText is what needs no quotes and is no other thing than a text.
var plainText = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z0-9_]+)*(://[a-z_A-Z.]+)?$`)

// notText are words that are no texts without quotes.
var notText = regexp.MustCompile(`(?i)^(y|n|yes|no|on|off|true|false|null)$`)

// text is a text, with or without quotes.
func (d *drawer) text(s string) *node {
	switch plain := plainText.MatchString(s) && !notText.MatchString(s); {
	case plain && d.r.IntN(3) > 0:
		return scalar(s)
	case d.r.IntN(2) == 0 && !strings.ContainsAny(s, "\n\r\t") && printable(s):
		return scalar("'" + strings.ReplaceAll(s, "'", "''") + "'")
	}
	b, _ := json.Marshal(s)
	return scalar(strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&", "\u007f", `\x7F`).Replace(string(b)))
}

func printable(s string) bool {
	for _, r := range s {
		if r < ' ' || r == 0x7f || r == 0x85 || r == 0x2028 || r == 0x2029 || r == 0xfeff {
			return false
		}
	}
	return true
}

// number is a whole number in one of YAML 1.1's spellings.
func (d *drawer) number(n int) *node {
	switch d.r.IntN(8) {
	case 0:
		return d.spelt("yaml.hex", fmt.Sprintf("0x%x", n), n >= 0, n)
	case 1:
		return d.spelt("yaml.octal", fmt.Sprintf("0%o", n), n > 0, n)
	case 2:
		return d.spelt("yaml.binary", fmt.Sprintf("0b%b", n), n > 0, n)
	case 3:
		s := fmt.Sprint(n)
		return d.spelt("yaml.underscore", s[:len(s)-1]+"_"+s[len(s)-1:], n > 9, n)
	case 4:
		return d.spelt("yaml.sixty", fmt.Sprintf("%d:%02d", n/60, n%60), n >= 60, n)
	case 5:
		return d.spelt("yaml.plus", fmt.Sprintf("+%d", n), n > 0, n)
	}
	return scalar(fmt.Sprint(n))
}

func (d *drawer) spelt(how, text string, can bool, n int) *node {
	if !can {
		return scalar(fmt.Sprint(n))
	}
	d.count(how)
	return scalar(text)
}

// truth is a value that is true or false in Python's eyes.
func (d *drawer) truth(v bool) *node {
	if v {
		return scalar(d.one("yaml.true", "true", "yes", "on", "True", "YES", "On", "1", "'false'", "[0]", "0.5", "{a: 1}", "2024-01-02"))
	}
	return scalar(d.one("yaml.false", "false", "no", "off", "False", "NO", "Off", "0", "''", "[]", "0.0", "{}", "~"))
}

// given is truth where null is not the same as false.
func (d *drawer) given(v bool) *node {
	for {
		if n := d.truth(v); n.text != "~" {
			return n
		}
	}
}
