package sinktest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// What is here compares what a client reads with what was written, in whatever
// Go types the client has for it.

func asText(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case []byte:
		return string(v)
	}
	return fmt.Sprint(v)
}

// want says whether a value that was read is the one that was written.
type want func(got any) bool

func isNull(got any) bool { return got == nil }

func text(s string) want {
	return func(got any) bool { return got != nil && asText(got) == s }
}

// num compares numbers by value, without going through a float.
func num(s string) want {
	return func(got any) bool {
		a, ok1 := new(big.Rat).SetString(s)
		g := asText(got)
		if f, ok := got.(float64); ok {
			g = strconv.FormatFloat(f, 'f', -1, 64)
		}
		b, ok2 := new(big.Rat).SetString(g)
		return ok1 && ok2 && a.Cmp(b) == 0
	}
}

func float(f float64) want {
	return func(got any) bool {
		g, err := strconv.ParseFloat(asText(got), 64)
		if err != nil && !math.IsInf(g, 0) {
			return false
		}
		return g == f || math.IsNaN(f) && math.IsNaN(g)
	}
}

func boolean(b bool) want {
	return func(got any) bool {
		switch asText(got) {
		case "true", "1", "t":
			return b
		case "false", "0", "f":
			return !b
		}
		return false
	}
}

var clocks = []string{
	time.RFC3339Nano, "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999-07",
	"2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999", "2006-01-02",
}

// moment compares times; one without a zone is taken as UTC's.
func moment(s string) want {
	parse := func(v any) (time.Time, bool) {
		if t, ok := v.(time.Time); ok {
			return t, true
		}
		for _, c := range clocks {
			if t, err := time.Parse(c, asText(v)); err == nil {
				return t, true
			}
		}
		return time.Time{}, false
	}
	return func(got any) bool {
		a, ok1 := parse(s)
		b, ok2 := parse(got)
		return ok1 && ok2 && a.Equal(b)
	}
}

// jsonText compares JSON by value, numbers as they are written.
func jsonText(s string) want {
	return func(got any) bool {
		g := asText(got)
		switch got.(type) {
		case nil, string, []byte:
		default:
			b, err := json.Marshal(got)
			if err != nil {
				return false
			}
			g = string(b)
		}
		a, err1 := decodeJSON(s)
		b, err2 := decodeJSON(g)
		return err1 == nil && err2 == nil && reflect.DeepEqual(a, b)
	}
}

func decodeJSON(s string) (v any, err error) {
	d := json.NewDecoder(strings.NewReader(s))
	d.UseNumber()
	err = d.Decode(&v)
	return v, err
}

// raw compares bytes; a client may show them as hex or base64.
func raw(b []byte) want {
	return func(got any) bool {
		if got == nil {
			return false
		}
		g := asText(got)
		return g == string(b) || strings.EqualFold(strings.TrimPrefix(strings.TrimPrefix(g, "0x"), `\x`), fmt.Sprintf("%x", b)) ||
			g == base64.StdEncoding.EncodeToString(b)
	}
}
