package table

import (
	"encoding/json"
	"fmt"
	"math/big"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/girok/girok/config"
	"github.com/girok/girok/record"
)

// What fits into which type, and what the keys do, is tried on real rows by
// package sinktest. Here are the parts.

func TestAppendTimestampIsTheClock(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	check := func(at time.Time) {
		want := at.Format("2006-01-02T15:04:05.000000Z")
		if got := string(AppendTimestamp(nil, at.UnixMicro())); got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
		if got := string(AppendDate(nil, floorDiv(at.Unix(), 86400))); got != want[:10] {
			t.Fatalf("got %s, want %s", got, want[:10])
		}
	}
	for range 100_000 {
		check(time.UnixMicro(minSeconds*1e6 + rng.Int64N((maxSeconds-minSeconds)*1e6)).UTC())
	}
	for at := time.Date(1899, 12, 1, 23, 59, 59, 999999000, time.UTC); at.Year() < 2105; at = at.AddDate(0, 0, 1) {
		check(at)
	}
	check(time.Unix(minSeconds, 0).UTC())
	check(time.Unix(maxSeconds, 999999000).UTC())
}

func TestParseType(t *testing.T) {
	for in, want := range map[string]string{
		"string": "string", "bytes": "bytes", " timestamp ": "timestamp", "decimal(10, 2)": "decimal(10,2)", "decimal(5)": "decimal(5,0)",
		"decimal": "want decimal(", "decimal(39,2)": "1 to 38", "decimal(2,3)": "1 to 38", "decimal(a,b)": "want decimal(",
		"list<string>": "not possible yet", "integer": `did you mean "int"`, "zebra": "known: ", "sting": `did you mean "string"`, "int(11)": "no type", "null": "no type", "": "no type",
	} {
		got, err := ParseType(in)
		text := got.String()
		if err != nil {
			text = err.Error()
		}
		if !strings.Contains(text, want) {
			t.Errorf("%q gives %q, want %q", in, text, want)
		}
	}
}

// TestDecimalIsExact compares with big.Rat, which is right and slow.
func TestDecimalIsExact(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	digits := func(n int) string {
		var b strings.Builder
		for range rng.IntN(n) {
			b.WriteByte("0001234567899"[rng.IntN(13)])
		}
		return b.String()
	}
	for range 50_000 {
		text := []string{"", "-", "+"}[rng.IntN(3)] + digits(12) + "." + digits(8)
		if rng.IntN(3) == 0 {
			text += fmt.Sprint("e", rng.IntN(20)-10)
		}
		typ := ColumnType{Decimal, 1 + rng.IntN(20), 0}
		typ.Scale = rng.IntN(typ.Precision + 1)
		got, ok := appendDecimal(nil, []byte(text), typ)
		exact, number := new(big.Rat).SetString(text)
		if !number {
			if ok {
				t.Fatalf("%s is no number, but became %s", text, got)
			}
			continue
		}
		scaled := new(big.Rat).Mul(exact, new(big.Rat).SetInt(pow10(typ.Scale)))
		fits := scaled.IsInt() && new(big.Int).Abs(scaled.Num()).Cmp(pow10(typ.Precision)) < 0
		if ok != fits {
			t.Fatalf("%s in %s: fits %v, want %v", text, typ, ok, fits)
		}
		if want := exact.FloatString(typ.Scale); ok && string(got) != want {
			t.Fatalf("%s in %s is %s, want %s", text, typ, got, want)
		}
	}
}

func pow10(n int) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil) }

func TestFuncName(t *testing.T) {
	for in, want := range map[string]string{
		"shop/orders.(*Orders).Place": "Place", "main.main.func1": "main.func1", "main.main": "main", "a.b/c.T.M": "M",
		"a/b.(*T).M.func2.1": "M.func2.1", "a/b.init.0": "init.0", "": "", "x": "x", "a/b.F.gowrap1": "F.gowrap1",
	} {
		if got := funcName(in); got != want {
			t.Errorf("%q gives %q, want %q", in, got, want)
		}
	}
}

func TestColumnName(t *testing.T) {
	for in, want := range map[string]string{
		"user_id": "user_id", "http.status": "http_status", "2nd": "_2nd", "한": "", "...": "", strings.Repeat("x", 64): "", "User": "User", `a"b`: "a_b",
	} {
		if got := columnName(in); got != want {
			t.Errorf("%q gives %q, want %q", in, got, want)
		}
	}
}

// FuzzJSON holds the reader of JSON text to encoding/json: on valid objects it
// finds the same members, unquotes the same strings, and what it cleans is valid
// JSON without NUL; on anything else it comes to an end.
func FuzzJSON(f *testing.F) {
	for _, s := range []string{
		`{}`, `{"a":1}`, ` { "a" : [1, {"b":"}"}] , "\u0061\ud83c\udf88" : "\\\"" } `, `{"a":"\u0000\ud800x\\u0000"}`,
		`{"a":`, `{"a`, `{"a":"\`, `{"a":"\u12`, `[1]`, `"x"`, ``, `{"a":{"b":{"c":null}},"d":1e3}`, "{\"a\":\"\xff\"}",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		clean := cleanJSON(text)
		var want map[string]json.RawMessage
		valid := json.Unmarshal(text, &want) == nil && want != nil
		if json.Valid(text) && (!json.Valid(clean) || strings.Contains(strings.ReplaceAll(string(clean), `\\`, ""), `\u0000`)) {
			t.Fatalf("%q was cleaned to %q", text, clean)
		}
		got := map[string]json.RawMessage{}
		for m := membersOf(text); ; {
			key, value, ok := m.next()
			if !ok {
				break
			}
			got[string(record.AppendValidUTF8(nil, plainKey(key)))] = value
		}
		if !valid {
			return
		}
		if len(got) != len(want) {
			t.Fatalf("%q has the members %q, want %q", text, got, want)
		}
		for k, v := range want {
			var a, b any
			if json.Unmarshal(v, &a) != nil || json.Unmarshal(got[k], &b) != nil || !reflect.DeepEqual(a, b) {
				t.Fatalf("%q: member %q is %q, want %q", text, k, got[k], v)
			}
		}
	})
}

func TestMistakesHavePlaces(t *testing.T) {
	for yaml, want := range map[string]string{
		"table: t\ncolumns: {level: levelnam}":                        `c.yaml:2:18: columns.level: "levelnam" is no source of a column; did you mean "levelname"? For an attribute write attr.levelnam`,
		"table: t\ncolumns: {user: user}":                             "c.yaml:2:17: columns.user: \"user\" is no source of a column; for an attribute write attr.user",
		"table: t\ncolumns:\n  n: {from: attr.n, type: integer}":      `c.yaml:3:27: columns.n.type: "integer" is no type; did you mean "int"?`,
		"table: t\ncolumns:\n  n: {type: int}":                        "columns.n.from: is missing",
		"table: t\ncolumns:\n  n: {from: attr.n, typ: int}":           `c.yaml:3:21: columns.n.typ: unknown key; did you mean "type"?`,
		"table: t\ncolumns:\n  n: {from: time, type: bool}":           "c.yaml:3:25: columns.n.type: time can't fill a column of type bool; it can: string, float, timestamp, datetime, date, json",
		"table: t\ncolumns:\n  n: {from: '=x', type: int}":            "columns.n.type: =x does not fit int",
		"table: t\ncolumns: {a: time, A: level}":                      `c.yaml:2:20: columns.A: the column is there already as "a"`,
		"table: t\ncolumns: {'': time}":                               "a column needs a name",
		"table: t\ncolumns: {a: }":                                    "c.yaml:2:11: columns.a: want text, got nothing",
		"table: t\ncolumns: {" + strings.Repeat("a", 129) + ": time}": "at most 128 bytes, this one 129",
		"table: t\ncolumns: {\"a\\nb\": time}":                        "control characters",
		"table: t\ncolumns: {}":                                       "want at least one column",
		"table: t\ncolumns: [a]":                                      "want a map from columns",
		"table: t\ncolumns: {attributes: attr.attributes}":            `rest: "attributes" is a column already`,
		"table: t\nrest: Message":                                     `c.yaml:2:7: rest: "Message" is a column already`,
		"table: t\nrest: ''":                                          "rest: a column needs a name",
		"table: t\nschema: rows":                                      "schema: want one of logs",
		"table: t\nmismatch: ded":                                     `mismatch: want one of dead, null, rest`,
		"table: t\nnew_columns: ad":                                   "c.yaml:2:14: new_columns: want one of add, rest, reject",
		"table: t\ntz: Asia/Soul":                                     "c.yaml:2:5: tz: want a time zone",
		"table: t\ncolumns: {a: attr.}":                               "want attr.<key>",
		"columns: {a: time}":                                          "table: is missing",
	} {
		_, err := decodeConfig(yaml)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\ngives: %v\nwant:  %s", yaml, err, want)
		}
	}
}

func decodeConfig(yaml string) (*Config, error) {
	doc, err := config.Parse("c.yaml", []byte(yaml))
	if err != nil {
		return nil, err
	}
	c := DefaultConfig()
	var ps config.Problems
	config.Decode(doc.Root, &ps, &c)
	return &c, ps.Err()
}

func TestNeedsCaller(t *testing.T) {
	for yaml, want := range map[string]bool{
		"table: t": false, "table: t\ncolumns: {a: time, b: lineno}": true, "table: t\ncolumns: {a: time}": false,
	} {
		c, err := decodeConfig(yaml)
		if err != nil {
			t.Fatal(err)
		}
		if got := NewMapper(c, Options{}).NeedsCaller(); got != want || c.NeedsCaller() != want {
			t.Errorf("%q: got %v, want %v", yaml, got, want)
		}
	}
}
