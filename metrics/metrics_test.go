package metrics

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/girok/girok"
	"github.com/girok/girok/spool"
)

var update = flag.Bool("update", false, "write docs/metrics.md anew")

// full has something in every family, and labels that need every escape.
func full() girok.Stats {
	return girok.Stats{
		Handlers: []girok.HandlerStats{
			{
				Handler: "warehouse", Target: "logs", Holds: true, State: spool.Refused, Cause: "no such table",
				Records: 12345678901, Bytes: 1 << 40, Batches: 7, Retries: 3, Letters: 2, Lost: 9, Earlier: 4,
				Errors: girok.HandlerStats{}.Errors, LastSuccess: time.UnixMilli(1_795_000_000_250),
			},
			{Handler: "a \"b\"\\c\nd", Target: "\xff한글"},
		},
		Direct:  []girok.DirectStats{{Handler: "console", Written: 5, Failed: 1}},
		Spool:   &girok.SpoolStats{Held: 1 << 20, Limit: 1 << 30, Runs: 3, Degraded: true, Records: 10, Bytes: 640, Lost: 2, Evicted: 1, Refused: 4},
		Sources: []girok.SourceStats{{Source: "in", Read: 8, Spooled: 7, Waits: 6}},
	}
}

func text(t *testing.T, s girok.Stats) string {
	t.Helper()
	var b bytes.Buffer
	if _, err := Write(&b, s); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestFormat(t *testing.T) {
	s := full()
	s.Handlers[0].Errors.Refused = 11
	s.Handlers[0].Waiting.Bytes, s.Handlers[0].Waiting.Records, s.Handlers[0].Waiting.Since = 4096, 20, time.Now().Add(-time.Minute)
	got := text(t, s)
	p, err := parse(got)
	if err != nil {
		t.Fatalf("%v in\n%s", err, got)
	}
	if len(p.kind) != len(families) {
		t.Errorf("%d families of %d", len(p.kind), len(families))
	}
	const h = `{handler="warehouse",target="logs"}`
	want := map[string]float64{
		"girok_handler_records_total" + h: 12345678901, "girok_handler_bytes_total" + h: 1 << 40, "girok_handler_batches_total" + h: 7,
		"girok_handler_retries_total" + h: 3, `girok_handler_errors_total{handler="warehouse",target="logs",cause="refused"}`: 11,
		"girok_handler_dead_letters_total" + h: 2, "girok_handler_lost_records_total" + h: 9, "girok_handler_holds" + h: 1,
		`girok_handler_state{handler="warehouse",target="logs",state="refused"}`:    1,
		`girok_handler_state{handler="warehouse",target="logs",state="delivering"}`: 0,
		"girok_handler_waiting_bytes" + h:                                           4096, "girok_handler_waiting_records" + h: 20,
		"girok_handler_last_success_timestamp_seconds" + h: 1_795_000_000.25,
		"girok_spool_held_bytes":                           1 << 20, "girok_spool_limit_bytes": 1 << 30, "girok_spool_runs": 3, "girok_spool_degraded": 1,
		"girok_spool_appended_records_total": 10, "girok_spool_appended_bytes_total": 640,
		"girok_spool_lost_records_total": 2, "girok_spool_evicted_records_total": 1, "girok_spool_refused_appends_total": 4,
		`girok_direct_records_total{handler="console"}`: 5, `girok_direct_failed_records_total{handler="console"}`: 1,
		`girok_source_reads_total{source="in"}`: 8, `girok_source_records_total{source="in"}`: 7, `girok_source_waits_total{source="in"}`: 6,
		`girok_handler_records_total{handler="a \"b\"\\c\nd",target="�한글"}`: 0,
	}
	for sample, v := range want {
		family, labels, _ := strings.Cut(sample, "{")
		if labels != "" {
			labels = "{" + labels
		}
		labels = strings.ReplaceAll(labels, "\n", `\n`)
		if got, ok := p.samples[family][labels]; !ok || got != v {
			t.Errorf("%s: got %v %v, want %v", sample, got, ok, v)
		}
	}
	if age := p.samples["girok_handler_waiting_seconds"][h]; age < 59 || age > 3600 {
		t.Errorf("the oldest has waited %v s", age)
	}
	if again := text(t, girok.Stats{}); again != "" {
		t.Errorf("of nothing: %q", again)
	}
}

// Several services share a family: its comments stand once, and each sample says whose
// it is.
func TestServices(t *testing.T) {
	other := girok.Stats{Direct: []girok.DirectStats{{Handler: "console", Written: 3}}}
	var b bytes.Buffer
	if _, err := WriteServices(&b, map[string]girok.Stats{"shop": full(), `a"b`: other, "none": {}}); err != nil {
		t.Fatal(err)
	}
	p, err := parse(b.String())
	if err != nil {
		t.Fatalf("%v in\n%s", err, b.String())
	}
	want := map[string]float64{
		`girok_direct_records_total{service="shop",handler="console"}`: 5,
		`girok_direct_records_total{service="a\"b",handler="console"}`: 3,
		`girok_spool_runs{service="shop"}`:                             3,
	}
	for sample, v := range want {
		family, labels, _ := strings.Cut(sample, "{")
		if got, ok := p.samples[family]["{"+labels]; !ok || got != v {
			t.Errorf("%s is %v %v, want %v", sample, got, ok, v)
		}
	}
	if n := strings.Count(b.String(), "# TYPE girok_direct_records_total "); n != 1 {
		t.Errorf("the type stands %d times", n)
	}
}

// A process that only delivers tells nothing of what is appended, and no limit that it does
// not know.
func TestOnlyDelivers(t *testing.T) {
	for _, limit := range []int64{0, 1 << 20} {
		got := text(t, girok.Stats{Spool: &girok.SpoolStats{Held: 1, Limit: limit, Runs: 2, OnlyDelivers: true}})
		p, err := parse(got)
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]bool{"girok_spool_held_bytes": true, "girok_spool_runs": true, "girok_spool_unreadable_runs": true, "girok_spool_degraded": true}
		if limit > 0 {
			want["girok_spool_limit_bytes"] = true
		}
		for name := range p.samples {
			if !want[name] {
				t.Errorf("%s is there", name)
			}
		}
		if len(p.samples) != len(want) {
			t.Errorf("want %v, got %s", want, got)
		}
	}
}

// The parser must refuse what Prometheus would.
func TestParserIsStrict(t *testing.T) {
	const head = "# HELP a_total x\n# TYPE a_total counter\n"
	for _, text := range []string{
		"a_total 1", "a_total 1\n", head + "a_total  1\n", head + "a_total 1\na_total 1\n", head + "a_total -1\n", head + "a_total{} 1\n",
		head + `a_total{l="x} 1` + "\n", head + `a_total{l="\q"} 1` + "\n", head + `a_total{l="x",l="x"} 1` + "\n", head + "a_total x\n",
		head + head, "# HELP a x\n# TYPE a counter\n", "# TYPE a_total counter\n", head + "b_total 1\n", head + `a_total{1="x"} 1` + "\n",
	} {
		if _, err := parse(text); err == nil {
			t.Errorf("taken: %q", text)
		}
	}
	if p, err := parse(head + `a_total{l="\\\"\n",m="x"} 1e3` + "\n"); err != nil || p.samples["a_total"][`{l="\\\"\n",m="x"}`] != 1000 {
		t.Errorf("%+v, %v", p, err)
	}
}

// Names have units, and say each thing once.
func TestNames(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range families {
		if seen[f.name] || !strings.HasPrefix(f.name, "girok_") || !strings.HasSuffix(f.help, ".") {
			t.Errorf("%s: %q", f.name, f.help)
		}
		seen[f.name] = true
	}
}

func TestHandler(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.yaml")
	config := "version: 1\nhandlers: {f: {class: file, filename: " + filepath.Join(filepath.Dir(path), "f.log") + "}}\nroot: {handlers: [f]}\n"
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	logs, err := girok.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer logs.Close()
	logs.Logger("").Warn("m")
	server := httptest.NewServer(Handler(logs))
	defer server.Close()
	for method, status := range map[string]int{"GET": 200, "HEAD": 200, "POST": 405} {
		req, err := http.NewRequestWithContext(t.Context(), method, server.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != status {
			t.Errorf("%s: %d, %v", method, resp.StatusCode, err)
		}
		if method != "GET" {
			continue
		}
		if p, err := parse(string(body)); err != nil || p.samples["girok_direct_records_total"][`{handler="f"}`] != 1 || resp.Header.Get("Content-Type") != ContentType {
			t.Errorf("%v: %s", err, body)
		}
	}
}

// docs/metrics.md lists the families; `go test ./metrics -update` writes it anew.
func TestPage(t *testing.T) {
	const page = "../docs/metrics.md"
	b, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	const mark = "<!-- families -->\n"
	parts := strings.Split(string(b), mark)
	if len(parts) != 3 {
		t.Fatalf("%s: want two marks, has %d", page, len(parts)-1)
	}
	var table strings.Builder
	table.WriteString("| name | type | labels | what it is |\n|---|---|---|---|\n")
	for _, f := range families {
		fmt.Fprintf(&table, "| `%s` | %s | %s | %s |\n", f.name, f.kind, strings.Join(f.labels, ", "), f.help)
	}
	want := slices.Clone(parts)
	want[1] = table.String()
	if *update {
		if err := os.WriteFile(page, []byte(strings.Join(want, mark)), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if parts[1] != want[1] {
		t.Errorf("%s is old: go test ./metrics -update", page)
	}
}
