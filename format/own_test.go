package format

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"strconv"
	"strings"
	"testing"
	"testing/slogtest"
	"time"

	"github.com/girok/girok/config"
	"github.com/girok/girok/record"
)

// made makes a formatter of the keys, as a configuration has them.
func made(tb testing.TB, keys string) Formatter {
	tb.Helper()
	doc, err := config.Parse("test", []byte("{"+keys+"}"))
	if err != nil {
		tb.Fatal(err)
	}
	var k Keys
	var ps config.Problems
	config.Decode(doc.Root, &ps, &k)
	f, err := k.New(time.FixedZone("KST", 9*60*60))
	if err != nil || len(ps) > 0 {
		tb.Fatalf("%s: %v %v", keys, err, ps)
	}
	return f
}

// structured are girok's own formatters, with what turns a line of each into the
// map that slogtest wants.
var structured = map[string]func(t *testing.T, line string) map[string]any{
	"json": func(t *testing.T, line string) map[string]any { return jsonMap(t, line, nil) },
	"ecs": func(t *testing.T, line string) map[string]any {
		return jsonMap(t, line, map[string]string{"@timestamp": "time", "log.level": "level", "message": "msg"})
	},
	"gcp": func(t *testing.T, line string) map[string]any {
		return jsonMap(t, line, map[string]string{"severity": "level", "message": "msg"})
	},
	"logfmt": pairsMap,
}

func jsonMap(t *testing.T, line string, names map[string]string) map[string]any {
	var m map[string]any
	if err := json.Unmarshal([]byte(line), &m); err != nil {
		t.Fatalf("%v: %s", err, line)
	}
	for from, to := range names {
		if v, ok := m[from]; ok {
			delete(m, from)
			m[to] = v
		}
	}
	return m
}

// pairsMap reads key=value, the keys' dots as groups.
func pairsMap(t *testing.T, line string) map[string]any {
	all := map[string]any{}
	for line != "" {
		key, rest, ok := strings.Cut(line, "=")
		if !ok {
			t.Fatalf("no pair: %q", line)
		}
		value, rest2, _ := strings.Cut(rest, " ")
		if strings.HasPrefix(rest, `"`) {
			q, err := strconv.QuotedPrefix(rest)
			if err != nil {
				t.Fatalf("%v: %q", err, rest)
			}
			value, _ = strconv.Unquote(q)
			rest2 = strings.TrimPrefix(rest[len(q):], " ")
		}
		line = rest2
		m := all
		parts := strings.Split(key, ".")
		for _, p := range parts[:len(parts)-1] {
			if m[p] == nil {
				m[p] = map[string]any{}
			}
			m = m[p].(map[string]any)
		}
		m[parts[len(parts)-1]] = value
	}
	return all
}

func TestStructuredAsSlogWants(t *testing.T) {
	for _, name := range own {
		parse, ok := structured[name]
		if name == "console" {
			continue // for eyes
		}
		if !ok {
			t.Fatalf("%s is not tried", name)
		}
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			slogtest.Run(t, func(*testing.T) slog.Handler {
				out.Reset()
				return handler{out: &out, json: made(t, "class: "+name)}
			}, func(t *testing.T) map[string]any { return parse(t, strings.TrimSuffix(out.String(), "\n")) })
		})
	}
}

// Logfmt is what slog's TextHandler writes, also where values are odd.
func TestLogfmtAsSlog(t *testing.T) {
	var want, got bytes.Buffer
	at := time.Date(2024, 3, 5, 22, 45, 6, 123456789, time.FixedZone("KST", 9*60*60))
	r := slog.NewRecord(at, slog.LevelWarn+1, `order "placed"`, 0)
	r.AddAttrs(slog.String("user", "김 철수"), slog.String("empty", ""), slog.Float64("score", 0.5), slog.Group("g", slog.Int("n", 1), slog.Group("h", slog.Bool("b", true))),
		slog.Duration("took", time.Second), slog.Any("error", errors.New("a=b")), slog.String("x y", "z\n"))
	for _, h := range []slog.Handler{slog.NewTextHandler(&want, nil), handler{out: &got, json: made(t, "class: logfmt")}} {
		if err := h.WithAttrs([]slog.Attr{slog.Int("bound", 7)}).Handle(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	if got.String() != want.String() {
		t.Errorf("got  %swant %s", &got, &want)
	}
}

func TestOwnFormatters(t *testing.T) {
	failed := record.Header{Level: record.Error, Time: time.Unix(1709646307, 4_000_000), Logger: "shop.pay", Message: "payment\nfailed"}
	cause := json.RawMessage(`[{"type":"*net.OpError","message":"refused"},{"type":"*x.A","message":"a","depth":1}]`)
	tests := []struct {
		keys   string
		header record.Header
		attrs  []slog.Attr
		want   string
	}{
		{"class: ecs", failed, []slog.Attr{
			slog.String("user", "kim"), slog.String("user.id", "7"), slog.Group("http", slog.Group("response", slog.Int("status_code", 500))),
			slog.Group("labels", slog.String("a.b", "c")), slog.String("trace_id", "00ff"), slog.Any("error", errors.New("refused")), slog.String("stack", "main.x"),
			slog.String("message", "m"), slog.Any("event", []int{1}), slog.Any("host", map[string]any{"name": "h"}),
		}, `{"@timestamp":"2024-03-05T13:45:07.004Z","log.level":"error","message":"payment\nfailed","ecs.version":"9.0.0","log.logger":"shop.pay",` +
			`"error.message":"refused","error.stack_trace":"main.x","user.id":"7","http":{"response":{"status_code":500}},"trace.id":"00ff","host":{"name":"h"},` +
			`"labels":{"user":"kim","a_b":"c","message":"m","event":"[1]"}}`},
		{"class: gcp, project: shop-1", failed, []slog.Attr{
			slog.Group("httpRequest", slog.String("method", "GET"), slog.String("requestUrl", "/x"), slog.Int("status", 200), slog.Duration("latency", 1500*time.Millisecond)),
			slog.String("trace_id", "00ff"), slog.String("span_id", "0a"), slog.Bool("trace_sampled", true), slog.String("severity", "high"),
			slog.Any("error", errors.New("refused")), slog.String("stack", "main.x(...)\n\t/x.go:1\n"),
		}, `{"severity":"ERROR","time":"2024-03-05T13:45:07.004Z","message":"payment\nfailed","logging.googleapis.com/labels":{"logger":"shop.pay"},` +
			`"stack_trace":"payment\nfailed: refused\n\ngoroutine 1 [running]:\nmain.x(...)\n\t/x.go:1\n",` +
			`"httpRequest":{"requestMethod":"GET","requestUrl":"/x","status":200,"latency":"1.5s"},"logging.googleapis.com/trace":"projects/shop-1/traces/00ff",` +
			`"logging.googleapis.com/spanId":"0a","logging.googleapis.com/trace_sampled":true,"attr.severity":"high","error":"refused"}`},
		{"class: gcp", record.Header{Level: 25, Time: time.Unix(0, 0), Message: "m"}, []slog.Attr{slog.String("trace_id", "1")},
			`{"severity":"NOTICE","time":"1970-01-01T00:00:00Z","message":"m","logging.googleapis.com/trace":"1"}`},
		{"class: console", failed, []slog.Attr{
			slog.String("user", "kim\x1b[2J"), slog.Any("err", errors.New("charge: refused")), slog.Any("err.causes", cause), slog.String("stack", "main.x(...)\n\t/x.go:1\n"),
			slog.Group("g", slog.Int("n", 1)),
		}, "22:45:07.004 ERROR shop.pay: payment\n    failed" + strings.Repeat(" ", 48-28) + ` user="kim\u001b[2J" g.n=1` +
			"\n    err: charge: refused\n      caused by *net.OpError refused\n        caused by *x.A a\n    main.x(...)\n    \t/x.go:1"},
		{"class: console", record.Header{Level: record.Critical, Time: time.Unix(0, 0), Message: "끝\x1b]\r"}, nil, "09:00:00.000 CRIT  끝\\x1b]\\r"},
		{"class: console", record.Header{Level: record.Info, Time: time.Unix(0, 0), Message: "주문"}, []slog.Attr{slog.Int("n", 1)},
			"09:00:00.000 INFO  주문" + strings.Repeat(" ", 44) + " n=1"},
		{"class: console, color: always", record.Header{Level: record.Warning, Time: time.Unix(0, 0), Message: "m"}, []slog.Attr{slog.Any("error", errors.New("e"))},
			"\x1b[2m09:00:00.000\x1b[0m \x1b[33mWARN\x1b[0m  m\n    \x1b[31merror: e\x1b[0m"},
		{`"()": uvicorn.logging.DefaultFormatter, fmt: "%(levelprefix)s %(message)s"`, record.Header{Level: record.Info, Message: "Started"},
			[]slog.Attr{slog.String("color_message", "!")}, "INFO:     Started"},
		{`"()": uvicorn.logging.DefaultFormatter, fmt: "%(levelprefix)s %(message)s", use_colors: true`, record.Header{Level: record.Warning, Message: "Started"},
			[]slog.Attr{slog.String("color_message", "!")}, "\x1b[33mWARNING\x1b[0m:  !"},
		{`"()": uvicorn.logging.AccessFormatter, fmt: '%(levelprefix)s %(client_addr)s - "%(request_line)s" %(status_code)s'`, record.Header{Level: record.Info, Message: "x"},
			access, `INFO:     127.0.0.1:5 - "GET /x HTTP/1.1" 404 Not Found`},
		{`"()": uvicorn.logging.AccessFormatter, fmt: '%(request_line)s %(status_code)s', use_colors: true`, record.Header{Level: record.Info, Message: "x"},
			access, "\x1b[1mGET /x HTTP/1.1\x1b[0m \x1b[31m404 Not Found\x1b[0m"},
	}
	for _, tt := range tests {
		f := made(t, tt.keys)
		if got := string(f.Append(nil, viewOf(t, tt.header, tt.attrs...))); got != tt.want {
			t.Errorf("%s\n got %q\nwant %q", tt.keys, got, tt.want)
		}
	}
}

var access = []slog.Attr{slog.String("client_addr", "127.0.0.1:5"), slog.String("method", "GET"), slog.String("full_path", "/x"),
	slog.String("http_version", "1.1"), slog.Int("status_code", 404)}

// With source each of them shows where the call stands; without, nobody has to find
// out.
func TestOwnSource(t *testing.T) {
	e := record.NewEncoder(nil)
	defer e.Release()
	e.Begin(&record.Header{Level: record.Info, Time: time.Unix(0, 0), Message: "m"})
	e.Caller(record.EncodeCaller(record.Caller{File: "/src/pay.go", Function: "shop.Pay", Line: 12}))
	v := new(record.View)
	if err := v.Parse(e.Finish()); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"json": `"source":{"function":"shop.Pay","file":"/src/pay.go","line":12}`, "logfmt": " source=/src/pay.go:12 ", "console": "(pay.go:12)",
		"ecs": `"log.origin":{"file.name":"/src/pay.go","file.line":12,"function":"shop.Pay"}`,
		"gcp": `"logging.googleapis.com/sourceLocation":{"file":"/src/pay.go","line":"12","function":"shop.Pay"}`,
	}
	for _, name := range own {
		f := made(t, "class: "+name+", source: true")
		if line := string(f.Append(nil, v)); !strings.Contains(line, want[name]) || !f.NeedsCaller() {
			t.Errorf("%s: got %s", name, line)
		}
		if f := made(t, "class: "+name); f.NeedsCaller() || strings.Contains(string(f.Append(nil, v)), "pay.go") {
			t.Errorf("%s shows the source without being asked", name)
		}
	}
}

// Colours are for terminals, unless a configuration decides.
func TestColors(t *testing.T) {
	v := viewOf(t, record.Header{Level: record.Error, Message: "m"})
	for keys, want := range map[string][2]bool{ // to a file, to a terminal
		"class: console": {false, true}, "class: console, color: always": {true, true}, "class: console, color: never": {false, false},
		`"()": uvicorn.logging.DefaultFormatter, fmt: "%(levelprefix)s"`:                    {false, true},
		`"()": uvicorn.logging.DefaultFormatter, fmt: "%(levelprefix)s", use_colors: false`: {false, false},
	} {
		for i, terminal := range []bool{false, true} {
			f := made(t, keys).(Colored).On(terminal)
			if got := bytes.Contains(f.Append(nil, v), []byte("\x1b")); got != want[i] {
				t.Errorf("%s, terminal %v: colours %v", keys, terminal, got)
			}
		}
	}
}

// Keys that a class does not have are mistakes.
func TestOwnKeys(t *testing.T) {
	for keys, at := range map[string]string{
		"class: json, color: never": "color", "class: ecs, project: x": "project", "class: logfmt, datefmt: x": "class", "class: xml": "class",
	} {
		doc, err := config.Parse("test", []byte("{"+keys+"}"))
		if err != nil {
			t.Fatal(err)
		}
		var k Keys
		var ps config.Problems
		config.Decode(doc.Root, &ps, &k)
		var key *KeyError
		if _, err := k.New(nil); !errors.As(err, &key) || key.Key != at {
			t.Errorf("%s: %v", keys, err)
		}
	}
}

// A log with five attributes costs no allocation.
func TestOwnAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	v := five(t)
	all := map[string]Formatter{"Python text": mustNew(t, "%(asctime)s %(levelname)s %(message)s", "")}
	for _, name := range own {
		all[name] = made(t, "class: "+name)
	}
	all["Python JSON"] = made(t, `"()": `+classJSON3)
	all["ecs with labels"] = OfService(made(t, "class: ecs"), "shop")
	for name, f := range maps.All(all) {
		buf := f.Append(make([]byte, 0, 2048), v)
		if n := testing.AllocsPerRun(200, func() { buf = f.Append(buf[:0], v) }); n != 0 {
			t.Errorf("%s: %v allocations for %s", name, n, buf)
		}
	}
}

// What is JSON is valid JSON, whatever a record has.
func FuzzOwnAreJSON(f *testing.F) {
	f.Add(encoded(f, record.Header{Level: 25, Time: time.Unix(1, 2), Logger: "a\xff", Message: "b\x00\u2028"},
		slog.String("user", "v\\"), slog.Any("labels", map[string]any{"a": []int{1}}), slog.Group("labels", slog.Group("g", slog.Int("n", 1))),
		slog.Group("httpRequest", slog.Duration("latency", -5)), slog.String("severity", "\""), slog.String("stack", "goroutine 1\n"), slog.Any("trace_id", 1)))
	f.Fuzz(func(t *testing.T, payload []byte) {
		var v record.View
		if v.Parse(payload) != nil {
			return
		}
		for _, name := range []string{"json", "ecs", "gcp"} {
			if line := made(t, "class: "+name+", source: true").Append(nil, &v); !json.Valid(line) && validInside(v.Attrs()) {
				t.Errorf("%s: not valid: %s", name, line)
			}
		}
		for _, name := range []string{"logfmt", "console"} {
			line := made(t, "class: "+name).Append(nil, &v)
			if bytes.ContainsAny(line, "\r\x1b\x00") || name == "logfmt" && bytes.ContainsRune(line, '\n') {
				t.Errorf("%s: %q", name, line)
			}
		}
	})
}
