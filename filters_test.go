package girok

import (
	"os"
	"strings"
	"testing"
)

// A filter holds for direct and for spooled handlers, and on a logger for what is
// logged by that very logger.
func TestFilters(t *testing.T) {
	noSpool(t)
	t.Chdir(t.TempDir())
	var b box
	logs := openText(t, `version: 1
filters:
  web: {name: web}
  shop: {(): logging.Filter, name: shop}
handlers:
  box: {class: box, filters: [shop]}
  all: {class: file, filename: all.log, formatter: f}
  web: {class: file, filename: web.log, formatter: f, filters: [web]}
formatters: {f: {format: "%(name)s"}}
loggers:
  shop.quiet: {filters: [web]}
root: {level: INFO, handlers: [box, all, web]}
spool: {dir: spool}
`, b.kind())
	for _, name := range []string{"shop", "shop.orders", "shop.quiet", "shop.quiet.deep", "shopping", "web.api", ""} {
		logs.Logger(name).Info(name)
	}
	if err := logs.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{
		"all.log": "shop shop.orders shop.quiet.deep shopping web.api root",
		"web.log": "web.api",
	} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(strings.Fields(string(text)), " "); got != want {
			t.Errorf("%s has %q, want %q", file, got, want)
		}
	}
	if got, want := strings.Join(b.got(), ","), "INFO shop,INFO shop.orders,INFO shop.quiet.deep"; got != want {
		t.Errorf("the store has %q, want %q", got, want)
	}
}
