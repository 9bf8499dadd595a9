package table

import (
	"strings"
	"testing"
	"time"

	"github.com/girok/girok/config"
	"github.com/girok/girok/sink"
)

func TestPlaceholders(t *testing.T) {
	for name, want := range map[string]string{
		"logs": "", "logs_{service}_{date}": "", "{date}": "",
		"logs_{host}": "there is no placeholder {host}", "logs_{date": "no other brace", "logs}": "no other brace", "{{date}}": "there is no placeholder {{date}",
	} {
		if _, err := placeholders(name); want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
}

func TestNamed(t *testing.T) {
	seoul := time.FixedZone("KST", 9*3600)
	env := sink.Env{Service: "shop/orders.v2", Location: seoul}
	at := time.Date(2026, 11, 25, 15, 0, 0, 0, time.UTC) // midnight in Seoul
	c := Config{Table: "{service}_{date}"}
	if got := c.Named(env, DateInName, at).Table; got != "shop_orders_v2_20261126" {
		t.Error(got)
	}
	if got := c.Named(env, DateInFolder, at.Add(-time.Nanosecond)).Table; got != "shop_orders_v2_2026-11-25" {
		t.Error(got)
	}
	c.TZ = "UTC"
	if got := c.Named(env, DateInName, at).Table; got != "shop_orders_v2_20261125" {
		t.Error(got)
	}
}

func TestOneTable(t *testing.T) {
	doc, err := config.Parse("c.yaml", []byte("table: logs_{date}\n"))
	if err != nil {
		t.Fatal(err)
	}
	var ps config.Problems
	config.Decode(doc.Root, &ps, &struct{}{}, &onlyOne{})
	if err := ps.Err(); err == nil || !strings.Contains(err.Error(), "c.yaml:1:8: table: {date} is not possible in the name of this table; write partition") {
		t.Error(err)
	}
}

type onlyOne struct{ Config }

func (c *onlyOne) Validate(at *config.At) { c.OneTable(at, "write partition") }
