package girok

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log"
	"log/slog"
	"os"
	"strings"
	"testing"
	"testing/slogtest"
)

const externalYAML = `{version: 1, handlers: {mine: {class: "ext://shop.mine", level: INFO}}, root: {level: DEBUG, handlers: [mine]}}`

// panicking is a handler that panics, or is not enabled for errors.
type panicking struct{ slog.Handler }

func (panicking) Enabled(_ context.Context, l slog.Level) bool { return l < slog.LevelError }
func (panicking) Handle(context.Context, slog.Record) error    { panic("no") }

// A handler of the program behind girok's loggers keeps slog's rules.
func TestExternalHandler(t *testing.T) {
	var out bytes.Buffer
	logs, err := OpenBytes("test", []byte(externalYAML), External("shop.mine", slog.NewJSONHandler(&out, nil)))
	if err != nil {
		t.Fatal(err)
	}
	defer logs.Close()
	slogtest.Run(t, func(*testing.T) slog.Handler {
		out.Reset()
		return logs.SlogHandler("")
	}, func(t *testing.T) map[string]any {
		var m map[string]any
		if err := json.Unmarshal(out.Bytes(), &m); err != nil {
			t.Fatal(err)
		}
		return m
	})

	out.Reset()
	logs.Logger("shop").Debug("below")
	logs.Logger("shop").Info("m", "err", errors.New("refused"), "any", []int{1}, "bytes", []byte("x"), "none", nil, "u", uint64(7))
	got := out.String()
	for _, want := range []string{`"logger":"shop"`, `"source":{"function":"github.com/girok/girok.TestExternalHandler"`, `"err":"refused"`, `"any":[1]`, `"bytes":"eA=="`, `"none":null`, `"u":7`} {
		if !strings.Contains(got, want) {
			t.Errorf("want %s in %s", want, got)
		}
	}
	if strings.Contains(got, "below") {
		t.Error("the level means nothing")
	}
}

func TestExternalHandlerThatPanics(t *testing.T) {
	said := catchStderr(t)
	logs, err := OpenBytes("test", []byte(externalYAML), External("shop.mine", panicking{}))
	if err != nil {
		t.Fatal(err)
	}
	logs.Logger("x").Error("not enabled")
	logs.Logger("x").Info("m")
	if err := logs.Close(); err != nil {
		t.Fatal(err)
	}
	if logs.Failed() != 1 || !strings.Contains(said(), "the handler panicked: no") {
		t.Errorf("failed %d, said %s", logs.Failed(), said())
	}
}

// Without the handler it is a mistake of Open, and not of a check by another program.
func TestExternalHandlerThatIsNotThere(t *testing.T) {
	_, err := OpenBytes("test", []byte(externalYAML))
	if err == nil || !strings.Contains(err.Error(), `girok.External("shop.mine", handler)`) {
		t.Errorf("got %v", err)
	}
	c, err := checkText(t, "handlers: {mine: {class: \"ext://shop.mine\", formatter: f}}\nformatters: {f: {format: \"%(message)s\"}}\nroot: {handlers: [mine]}\n")
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, w := range c.Warnings {
		all = append(all, w.Path)
	}
	if got := strings.Join(all, " "); !strings.Contains(got, "handlers.mine.class") || !strings.Contains(got, "handlers.mine.formatter") {
		t.Errorf("warnings %s", got)
	}
}

// The standard library's log, by a logger of its own and by its functions.
func TestStdLog(t *testing.T) {
	var out bytes.Buffer
	logs, err := OpenBytes("test", []byte(externalYAML), External("shop.mine", slog.NewJSONHandler(&out, nil)))
	if err != nil {
		t.Fatal(err)
	}
	defer logs.Close()
	logs.StdLog("old", slog.LevelWarn).Printf("by %s", "a logger")
	was := slog.Default()
	slog.SetDefault(logs.Logger("std"))
	log.Print("by the package")
	slog.SetDefault(was)
	log.SetOutput(os.Stderr) // SetDefault has led log's functions to slog
	for _, want := range []string{`"level":"WARN","msg":"by a logger","logger":"old"`, `"level":"INFO","msg":"by the package","logger":"std"`} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("want %s in %s", want, out.String())
		}
	}
}
