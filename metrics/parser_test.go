package metrics

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// parsed is a text in Prometheus's format 0.0.4, read strictly.
type parsed struct {
	kind    map[string]string             // by family
	samples map[string]map[string]float64 // by family, then by labels as written
}

var (
	nameForm   = regexp.MustCompile(`^[a-zA-Z_:][a-zA-Z0-9_:]*$`)
	labelForm  = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)
	kindsKnown = map[string]bool{"counter": true, "gauge": true, "histogram": true, "summary": true, "untyped": true}
)

// parse wants: lines that end in a newline; of each family one HELP, one TYPE
// after it, and its samples after that, without another family in between; no
// sample twice; names, escapes and values as the format has them.
func parse(text string) (*parsed, error) {
	p := &parsed{kind: map[string]string{}, samples: map[string]map[string]float64{}}
	if text != "" && !strings.HasSuffix(text, "\n") {
		return nil, fmt.Errorf("the last line has no end")
	}
	current, helped := "", ""
	for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		if text == "" {
			break
		}
		fail := func(format string, args ...any) error {
			return fmt.Errorf("line %d: %s: %q", i+1, fmt.Sprintf(format, args...), line)
		}
		if rest, ok := strings.CutPrefix(line, "# HELP "); ok {
			name, help, ok := strings.Cut(rest, " ")
			if _, again := p.samples[name]; !ok || again || !nameForm.MatchString(name) || help == "" {
				return nil, fail("a bad HELP")
			}
			if _, ok := unescape(help, false); !ok {
				return nil, fail("a bad escape")
			}
			helped, current = name, ""
			continue
		}
		if rest, ok := strings.CutPrefix(line, "# TYPE "); ok {
			name, kind, _ := strings.Cut(rest, " ")
			if name != helped || !kindsKnown[kind] || p.kind[name] != "" {
				return nil, fail("a bad TYPE")
			}
			if (kind == "counter") != strings.HasSuffix(name, "_total") {
				return nil, fail("counters, and only they, end in _total")
			}
			current, p.kind[name], p.samples[name] = name, kind, map[string]float64{}
			continue
		}
		name, labels, value, err := parseSample(line)
		if err != nil {
			return nil, fail("%v", err)
		}
		if name != current {
			return nil, fail("a sample of another family than %s", current)
		}
		if _, twice := p.samples[name][labels]; twice {
			return nil, fail("twice")
		}
		if p.kind[name] == "counter" && !(value >= 0) {
			return nil, fail("a counter below 0")
		}
		p.samples[name][labels] = value
	}
	return p, nil
}

func parseSample(line string) (name, labels string, value float64, err error) {
	end := strings.IndexAny(line, "{ ")
	if end < 0 || !nameForm.MatchString(line[:end]) {
		return "", "", 0, fmt.Errorf("a bad name")
	}
	name, rest := line[:end], line[end:]
	if rest[0] == '{' {
		n, err := lengthOfLabels(rest)
		if err != nil {
			return "", "", 0, err
		}
		labels, rest = rest[:n], rest[n:]
	}
	number, ok := strings.CutPrefix(rest, " ")
	if !ok || strings.ContainsAny(number, " \t") {
		return "", "", 0, fmt.Errorf("want one space and a value")
	}
	value, err = strconv.ParseFloat(number, 64)
	return name, labels, value, err
}

// lengthOfLabels reads {name="value",…} at the beginning of s.
func lengthOfLabels(s string) (int, error) {
	seen := map[string]bool{}
	at := 1
	for {
		name, rest, ok := strings.Cut(s[at:], `="`)
		if !ok || !labelForm.MatchString(name) || seen[name] {
			return 0, fmt.Errorf("a bad label")
		}
		seen[name] = true
		end := 0
		for end < len(rest) && rest[end] != '"' {
			if rest[end] == '\\' {
				end++
			}
			end++
		}
		if end >= len(rest) {
			return 0, fmt.Errorf("a label without end")
		}
		if _, ok := unescape(rest[:end], true); !ok {
			return 0, fmt.Errorf("a bad escape")
		}
		at += len(name) + 2 + end + 1
		switch {
		case strings.HasPrefix(s[at:], "}"):
			return at + 1, nil
		case strings.HasPrefix(s[at:], ","):
			at++
		default:
			return 0, fmt.Errorf("want , or }")
		}
	}
}

// unescape reads \\, \n, and in labels \".
func unescape(s string, label bool) (string, bool) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			b.WriteByte(s[i])
			continue
		}
		if i++; i == len(s) {
			return "", false
		}
		switch {
		case s[i] == '\\' || s[i] == '"' && label:
			b.WriteByte(s[i])
		case s[i] == 'n':
			b.WriteByte('\n')
		default:
			return "", false
		}
	}
	return b.String(), true
}
