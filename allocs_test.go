package girok

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"
	"time"
)

// A call with five attributes allocates nothing on its way into a file, whatever the
// formatter, on the way with a frame and without.
func TestCallsAllocateNothing(t *testing.T) {
	if raced {
		t.Skip("the race detector allocates")
	}
	for name, formatter := range map[string]string{
		"json": "class: json", "logfmt": "class: logfmt", "ecs": "class: ecs", "gcp": "class: gcp", "console": "class: console",
		"Python JSON": `"()": pythonjsonlogger.jsonlogger.JsonFormatter, format: "%(asctime)s %(levelname)s %(name)s %(message)s"`,
		"Python text": `format: "%(asctime)s | %(levelname)s - %(message)s"`,
	} {
		for _, class := range []string{"file", "logging.handlers.RotatingFileHandler"} {
			yaml := "version: 1\nformatters: {f: {" + formatter + "}}\nhandlers: {h: {class: " + class + ", filename: " + filepath.Join(t.TempDir(), "log") + ", formatter: f}}\nroot: {level: INFO, handlers: [h]}"
			logs, err := OpenBytes("test", []byte(yaml))
			if err != nil {
				t.Fatal(err)
			}
			log, ctx := logs.Logger("shop.orders"), context.Background()
			call := func() {
				log.LogAttrs(ctx, slog.LevelInfo, "order placed", slog.String("user", "kim"), slog.Int("items", 3),
					slog.Float64("score", 0.9312), slog.Bool("gift", true), slog.Duration("took", 1500*time.Microsecond))
			}
			for range 100 {
				call()
			}
			if n := testing.AllocsPerRun(500, call); n != 0 {
				t.Errorf("%s, class %s: %v allocations a call", name, class, n)
			}
			if err := logs.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}
