package stdin

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/girok/girok/record"
)

func testConfig(format string) Config {
	return Config{Logger: "in", Format: format, Levels: "python"}
}

// attrsOf writes an entry's attributes as the encoder keeps them, with types.
func attrsOf(t testing.TB, attrs []slog.Attr) string {
	t.Helper()
	e := record.NewEncoder(nil)
	defer e.Release()
	e.Begin(&record.Header{Time: time.Unix(0, 0)})
	for _, a := range attrs {
		e.Attr(a)
	}
	e.Finish()
	v := e.View()
	if v == nil {
		t.Fatal("the record can't be read")
	}
	return string(v.Attrs().AppendJSON(nil))
}

func TestParse(t *testing.T) {
	const base = `{"msg":"m"`
	for _, test := range []struct {
		line, level, message, logger, attrs string
	}{
		{"hello", "INFO", "hello", "", `{"line":7}`},
		{"", "INFO", "", "", `{"line":7}`},
		{"{", "INFO", "{", "", `{"line":7}`},
		{`{"a":1} x`, "INFO", `{"a":1} x`, "", `{"line":7}`},
		{`[{"a":1}]`, "INFO", `[{"a":1}]`, "", `{"line":7}`},
		{`{}`, "INFO", "", "", `{}`},
		{` { "msg" : "m" , "a" : 1 } `, "INFO", "m", "", `{"a":1}`},
		{base + `,"level":"Warning"}`, "WARNING", "m", "", `{}`},
		{base + `,"level":"nonsense"}`, "INFO", "m", "", `{"level":"nonsense"}`},
		{base + `,"level":"nonsense","severity":"ERR"}`, "ERROR", "m", "", `{"level":"nonsense"}`},
		{base + `,"level":40}`, "ERROR", "m", "", `{}`},
		{base + `,"level":"30"}`, "WARNING", "m", "", `{}`},
		{base + `,"level":-1}`, "INFO", "m", "", `{"level":-1}`},
		{base + `,"level":3.5}`, "INFO", "m", "", `{"level":3.5}`},
		{base + `,"level":null}`, "INFO", "m", "", `{"level":null}`},
		{base + `,"lvl":"ERROR-1"}`, "Level 37", "m", "", `{}`},
		{base + `,"levelname":"CRITICAL"}`, "CRITICAL", "m", "", `{}`},
		{base + `,"message":"other"}`, "INFO", "m", "", `{"message":"other"}`},
		{`{"msg":1,"message":"m"}`, "INFO", "m", "", `{"msg":1}`},
		{`{"log":"m\n","stream":"stdout"}`, "INFO", "m", "", `{"stream":"stdout"}`},
		{base + `,"logger":"a.b"}`, "INFO", "m", "a.b", `{}`},
		{base + `,"logger":"a b"}`, "INFO", "m", "", `{"logger":"a b"}`},
		{base + `,"logger":"a..b"}`, "INFO", "m", "", `{"logger":"a..b"}`},
		{base + `,"name":"Kim"}`, "INFO", "m", "", `{"name":"Kim"}`},
		{base + `,"time":"yesterday"}`, "INFO", "m", "", `{"time":"yesterday"}`},
		{base + `,"msg":"again"}`, "INFO", "m", "", `{"msg":"again"}`},
		{base + `,"a":9223372036854775807,"b":9223372036854775808,"c":-9223372036854775809}`, "INFO", "m", "", `{"a":9223372036854775807,"b":9223372036854775808,"c":-9223372036854775809}`},
		{base + `,"a":1e400,"b":1e-400,"c":-0,"d":0.1,"e":0.12345678901234567890123}`, "INFO", "m", "", `{"a":1e400,"b":1e-400,"c":-0,"d":0.1,"e":0.12345678901234567890123}`},
		{base + `,"g":{"h":{"i":[{"j":1}]}},"e":{},"":{"k":1}}`, "INFO", "m", "", `{"g":{"h":{"i":[{"j":1}]}},"e":{},"":{"k":1}}`},
		{base + `,"s":"a\u00e9\n\"}{","u":"\ud83d\ude00"}`, "INFO", "m", "", "{\"s\":\"aé\\n\\\"}{\",\"u\":\"😀\"}"},
		{base + `,"k\"ey":true}`, "INFO", "m", "", `{"k\"ey":true}`},
	} {
		t.Run(test.line, func(t *testing.T) {
			p := parser{config: testConfig("auto")}
			e, logger := p.parse([]byte(test.line), len(test.line), 7)
			attrs := attrsOf(t, e.Attrs)
			if e.Level.String() != test.level || e.Message != test.message || logger != test.logger || attrs != test.attrs {
				t.Errorf("got %s %q %q %s, want %s %q %q %s", e.Level, e.Message, logger, attrs, test.level, test.message, test.logger, test.attrs)
			}
		})
	}
}

func TestFormats(t *testing.T) {
	const line = `{"msg":"m"}`
	for format, want := range map[string]string{"auto": "m", "json": "m", "text": line} {
		p := parser{config: testConfig(format)}
		if e, _ := p.parse([]byte(line), len(line), 1); e.Message != want {
			t.Errorf("%s: got %q, want %q", format, e.Message, want)
		}
	}
	p := parser{config: testConfig("json")}
	if e, _ := p.parse([]byte("no json"), 7, 1); e.Message != "no json" {
		t.Errorf("got %q", e.Message)
	}
}

func TestLevelsOfPino(t *testing.T) {
	c := testConfig("auto")
	c.Levels = "pino"
	p := parser{config: c}
	for n, want := range map[int]string{10: "Level 5", 20: "DEBUG", 30: "INFO", 40: "WARNING", 50: "ERROR", 60: "CRITICAL"} {
		line := fmt.Sprintf(`{"level":%d}`, n)
		if e, _ := p.parse([]byte(line), len(line), 1); e.Level.String() != want {
			t.Errorf("%d: got %s, want %s", n, e.Level, want)
		}
	}
}

func TestTimes(t *testing.T) {
	for raw, want := range map[string]string{
		`"2026-01-02T03:04:05Z"`:                "2026-01-02T03:04:05Z",
		`"2026-01-02 03:04:05.123456789+09:00"`: "2026-01-01T18:04:05.123456789Z",
		`"2026-01-02T03:04:05,5Z"`:              "2026-01-02T03:04:05.5Z",
		`0`:                                     "1970-01-01T00:00:00Z",
		`1767290645`:                            "2026-01-01T18:04:05Z",
		`1767290645.123456789`:                  "2026-01-01T18:04:05.123456789Z",
		`1767290645250`:                         "2026-01-01T18:04:05.25Z",
		`1767290645250.125`:                     "2026-01-01T18:04:05.250125Z",
		`1767290645250125`:                      "2026-01-01T18:04:05.250125Z",
		`1767290645250125999`:                   "2026-01-01T18:04:05.250125999Z",
		`1.7e9`:                                 "2023-11-14T22:13:20Z",
		`"2026-01-02"`:                          "",
		`"03:04:05"`:                            "",
		`-1`:                                    "",
		`1e30`:                                  "",
		`99999999999999999999`:                  "",
		`true`:                                  "",
		`{}`:                                    "",
		`"\ud800"`:                              "",
	} {
		at, ok := parseTime([]byte(raw))
		got := ""
		if ok {
			got = at.UTC().Format(time.RFC3339Nano)
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", raw, got, want)
		}
	}
}

// FuzzLine: whatever a line holds,
//   - the parser does not panic and gives exactly one record, which the encoder
//     takes and a view reads back;
//   - a line that is no JSON object is the record's message, byte for byte;
//   - of a JSON object each member is either taken into the record or an
//     attribute: none is missing, none doubled;
//   - every attribute that is a number has the value that the line gives it.
func FuzzLine(f *testing.F) {
	for _, s := range []string{
		"", "x", "{", "{}", `{"a":1}`, `{"msg":"m","level":"INFO+1","time":1.7e9,"logger":"a"}`, `{"a":{"":{"b":[1,{}]}},"a":2}`,
		`{"n":[1e400,-0,0.1,18446744073709551615]}`, "{\"\xff\":\"\xff\"}", `{"a":"\ud800"}`, strings.Repeat(`{"a":`, 50) + "1" + strings.Repeat("}", 50),
		`{"a":` + strings.Repeat("[", 3000) + strings.Repeat("]", 3000) + "}", strings.Repeat(`{"a":`, 3000) + "1" + strings.Repeat("}", 3000),
	} {
		f.Add(s, "auto")
	}
	f.Fuzz(func(t *testing.T, s, format string) {
		p := parser{config: Config{Logger: "in", Format: format, Levels: "python"}}
		line := []byte(s)
		e, logger := p.parse(line, len(line), 1)
		if attrsOf(t, e.Attrs) == "" {
			t.Fatal("no attributes, not even {}")
		}
		var object map[string]json.RawMessage
		trimmed := trimSpace(line)
		if format == "text" || len(trimmed) == 0 || trimmed[0] != '{' || json.Unmarshal(line, &object) != nil {
			if e.Message != s || logger != "" || len(e.Attrs) != 1 {
				t.Fatalf("text: got %q %q %v", e.Message, logger, e.Attrs)
			}
			return
		}
		taken := 0
		for _, m := range p.members {
			if m.taken {
				taken++
			}
		}
		if n := countMembers(t, s); len(p.members) != n || taken+len(e.Attrs) != n || taken > 4 {
			t.Fatalf("%d members, %d found, %d taken, %d attributes", n, len(p.members), taken, len(e.Attrs))
		}
		for i, a := 0, e.Attrs; i < len(p.members); i++ {
			m := &p.members[i]
			if m.taken {
				continue
			}
			sameNumber(t, m.raw, a[0].Value)
			a = a[1:]
		}
	})
}

// countMembers counts the members of an object with another parser.
func countMembers(t *testing.T, s string) (n int) {
	d := json.NewDecoder(strings.NewReader(s))
	if _, err := d.Token(); err != nil {
		t.Fatal(err)
	}
	for d.More() {
		var v json.RawMessage
		if _, err := d.Token(); err != nil {
			t.Fatal(err)
		}
		if err := d.Decode(&v); err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n
}

func sameNumber(t *testing.T, raw []byte, v slog.Value) {
	var want json.Number
	if raw[0] == '"' || json.Unmarshal(raw, &want) != nil || want == "" {
		return
	}
	switch v.Kind() {
	case slog.KindInt64, slog.KindUint64:
		if v.String() != want.String() {
			t.Fatalf("%s became %s", want, v)
		}
	case slog.KindFloat64:
		if f, err := want.Float64(); err != nil || f != v.Float64() {
			t.Fatalf("%s became %v", want, v.Float64())
		}
	default:
		if b, ok := v.Any().(json.RawMessage); !ok || string(b) != want.String() {
			t.Fatalf("%s became %v", want, v)
		}
	}
}

// TestDeepLines sends lines that are nested deeper than stores read JSON.
func TestDeepLines(t *testing.T) {
	for _, line := range []string{
		`{"a":` + strings.Repeat("[", 3000) + strings.Repeat("]", 3000) + `,"b":1}`,
		strings.Repeat(`{"a":`, 3000) + "1" + strings.Repeat("}", 3000),
		`{"":` + strings.Repeat(`{"a":[`, 1500) + "1" + strings.Repeat("]}", 1500) + "}",
	} {
		p := parser{config: Config{Logger: "in", Format: "auto", Levels: "python"}}
		e, _ := p.parse([]byte(line), len(line), 1)
		got := attrsOf(t, e.Attrs)
		depth := max(strings.Count(got, "{")+strings.Count(got, "["), 1) // all of them are in each other, but for one in the text
		if !json.Valid([]byte(got)) || depth > 100 || !strings.Contains(got, `"[cut: `) {
			t.Errorf("%d levels: %.400s", depth, got)
		}
	}
}
