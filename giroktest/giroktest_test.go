package giroktest

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
)

func TestRecords(t *testing.T) {
	logs, records := Open(t)
	log := logs.Logger("shop.cart").With("shop", 7)
	log.Debug("added", "user", "kim", slog.Group("item", slog.Int("n", 2)))
	log.WithGroup("g").Error("failed", "error", errors.New("refused"))
	logs.Logger("").Info("root")
	for _, tt := range []struct {
		want    bool
		level   slog.Level
		message string
		args    []any
	}{
		{true, slog.LevelDebug, "added", nil},
		{true, slog.LevelDebug, "added", []any{"user", "kim", "item.n", 2, "shop", 7}},
		{true, slog.LevelDebug, "added", []any{slog.Group("item", slog.Int("n", 2))}},
		{false, slog.LevelDebug, "added", []any{"user", "lee"}},
		{false, slog.LevelDebug, "added", []any{"who", "kim"}},
		{false, slog.LevelInfo, "added", nil},
		{true, slog.LevelError, "failed", []any{"g.error", "refused", "shop", 7}},
		{true, slog.LevelInfo, "root", nil},
	} {
		if got := records.Has(tt.level, tt.message, tt.args...); got != tt.want {
			t.Errorf("%s %q %v: %v", tt.level, tt.message, tt.args, got)
		}
	}
	if all := records.All(); len(all) != 3 || all[0].Logger != "shop.cart" || all[2].Logger != "" || len(all[0].Attrs) != 3 {
		t.Errorf("%+v", all)
	}
	if !strings.Contains(records.String(), `ERROR shop.cart "failed"`) {
		t.Errorf("%s", records)
	}
}

// A handler that is used without girok keeps slog's rules too.
func TestHandlerAlone(t *testing.T) {
	r := &Records{}
	slog.New(r.Handler()).With("a", 1).WithGroup("g").With("b", 2).Info("m", "c", 3)
	if !r.Has(slog.LevelInfo, "m", "a", 1, "g.b", 2, "g.c", 3) {
		t.Errorf("%s", r)
	}
}
