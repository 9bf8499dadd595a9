package girok

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/girok/girok/config"
	"github.com/girok/girok/source/stdin"
)

func checkText(t *testing.T, text string, opts ...Option) (*Checked, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte("version: 1\n"+text), 0o666); err != nil {
		t.Fatal(err)
	}
	c, err := Check(path, opts...)
	entries, derr := os.ReadDir(filepath.Dir(path))
	if derr != nil || len(entries) != 1 {
		t.Errorf("Check made something: %v %v", entries, derr)
	}
	return c, err
}

func TestCheckRoutes(t *testing.T) {
	t.Chdir(t.TempDir())
	c, err := checkText(t, `
service: shop
handlers:
  a: {class: console}
  b: {class: file, filename: b.log, level: ERROR}
  c: {class: "null"}
root: {level: INFO, handlers: [a]}
loggers:
  x: {handlers: [b]}
  x.y.z: {level: DEBUG, propagate: false}
`)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, l := range c.Loggers {
		got[l.Name] = l.Level.String() + " " + strings.Join(l.All, ",")
	}
	for name, want := range map[string]string{"": "INFO a", "x": "INFO b,a", "x.y.z": "DEBUG "} {
		if got[name] != want {
			t.Errorf("%q: got %q, want %q", name, got[name], want)
		}
	}
	if len(c.Warnings) != 1 || c.Warnings[0].Path != "handlers.c" || c.SpoolDir != "" {
		t.Errorf("warnings %v, spool %q", c.Warnings, c.SpoolDir)
	}
	if b := c.Handlers[1]; b.Place != "b.log" || b.Level.String() != "ERROR" || b.Spooled || !b.Used || !slices.Equal(b.Accepts, []string{"log"}) {
		t.Errorf("%+v", b)
	}
}

// A program without source kinds has no use for sources: the file may be meant
// for girok run too. With one, each mistake has its place.
func TestCheckSources(t *testing.T) {
	const text = "service: s\nhandlers: {a: {class: console}}\nroot: {handlers: [a]}\nsources: {in: {class: stdin, fromat: text}, x: {class: http}}\n"
	if _, err := checkText(t, text); err != nil {
		t.Error(err)
	}
	_, err := checkText(t, text, stdin.Kind)
	ps, _ := err.(config.Problems)
	if len(ps) != 2 || ps[0].Pos.Line != 5 || ps[0].Col != 30 || ps[0].Path != "sources.in.fromat" || ps[1].Path != "sources.x.class" {
		t.Errorf("got %v", err)
	}
	c, err := checkText(t, strings.ReplaceAll(strings.ReplaceAll(text, "fromat", "format"), ", x: {class: http}", ""), stdin.Kind)
	if err != nil || len(c.Sources) != 1 || c.Sources[0].Name != "in" {
		t.Errorf("got %v %v", c, err)
	}
}

func TestReferenceKnowsEveryKey(t *testing.T) {
	var titles []string
	for _, s := range Reference(stdin.Kind) {
		titles = append(titles, s.Title)
		for _, k := range s.Keys {
			if k.Doc == "" {
				t.Errorf("%s: %s has no doc", s.Title, k.Key)
			}
		}
	}
	if !slices.Contains(titles, "sources.<name>, class: stdin") || titles[0] != "the file" {
		t.Errorf("%q", titles)
	}
}

// Keys that Python does not look at, and nobody here, are warnings, but for those that an
// alias or cfg:// reads.
func TestCheckFindsUnreadKeys(t *testing.T) {
	c, err := checkText(t, `service: s
base: &base {class: console}
deep: {under: {lv: ERROR}}
alone: 1
formatters: {f: {format: "%(message)s", qual: x}}
filters: {g: {name: a, klass: x}}
handlers: {h: {<<: *base, level: cfg://deep.under.lv, formatter: f, filters: [g]}}
loggers: {a.b: {level: INFO, handlers: [h], qualname: a.b}}
root: {disabled: false}
`)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, w := range c.Warnings {
		if w.Msg == "nothing here reads this key" {
			got = append(got, fmt.Sprint(w.Line, ":", w.Col, " ", w.Path))
		}
	}
	want := []string{"5:1 alone", "6:41 formatters.f.qual", "7:24 filters.g.klass", "9:45 loggers.a.b.qualname", "10:8 root.disabled"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A handler that a logger and one above it name gets each log twice; not one that is
// spooled, nor behind propagate: false.
func TestCheckFindsDoubledHandlers(t *testing.T) {
	c, err := checkText(t, `service: s
handlers:
  a: {class: console}
  b: {class: console}
  s: {class: file, filename: s.log, spooled: true}
loggers:
  x: {level: INFO, handlers: [b, a, s]}
  x.y: {handlers: [b]}
  x.z: {handlers: [b], propagate: false}
  w.v: {handlers: [b]}
root: {level: INFO, handlers: [a, s]}
`)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, w := range c.Warnings {
		got = append(got, fmt.Sprint(w.Line, ":", w.Col, " ", w.Path, " ", w.Msg))
	}
	const told = " a logger above names this handler too, so it gets each log of %s twice: take it out here, or set propagate: false"
	want := []string{"8:34 loggers.x.handlers[1]" + fmt.Sprintf(told, "x"), "9:20 loggers.x.y.handlers[0]" + fmt.Sprintf(told, "x.y")}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestCheckFindsMisspeltFields(t *testing.T) {
	const text = "service: s\nformatters:\n  a: {format: \"%(asctime)s %(levelnam)-8s %(funcname)s %(mesage)s %(user)s %(model)s %(extra.name)s %(eman)s\"}\nhandlers: {a: {class: console, formatter: a}}\nroot: {handlers: [a]}\n"
	c, err := checkText(t, text)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, w := range c.Warnings {
		got = append(got, fmt.Sprint(w.Line, ":", w.Col, " ", w.Path, " ", w.Msg[:strings.Index(w.Msg, "?")]))
	}
	want := []string{
		`4:15 formatters.a.format no field of a record is called "levelnam"; did you mean "levelname"`,
		`4:15 formatters.a.format no field of a record is called "funcname"; did you mean "funcName"`,
		`4:15 formatters.a.format no field of a record is called "mesage"; did you mean "message"`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}
