package girok

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const hush = "hush-hush-4711815093"

type login struct {
	User     string
	Password string            `json:"password"`
	Headers  map[string]string `json:"headers"`
}

type late struct{}

func (late) LogValue() slog.Value {
	return slog.GroupValue(slog.String("user", "kim"), slog.String("password", hush))
}

// logSecrets logs a secret in every place where its key can stand.
func logSecrets(log *slog.Logger) {
	log.Info("attribute", "password", hush, "API_Token", hush, "n", 1)
	log.Info("group", slog.Group("g", slog.String("password", hush), slog.Group("", slog.Int("k", 1), slog.Any("Authorization", hush))))
	log.Info("group by name", slog.Group("password", slog.String("text", hush)))
	log.Info("struct", "login", login{"kim", hush, map[string]string{"authorization": hush}}, "p", &login{Password: hush})
	log.Info("map", "m", map[string]any{"list": []any{map[string]any{"token2": hush}}})
	log.Info("valuer", "who", late{}, "password", late{})
	log.Info("error", "password", fmt.Errorf("wrong: %s", hush), "bytes", slog.Group("x", slog.Any("token", []byte(hush))))
	log.With("password", hush, "k", 1).Info("bound")
	log.WithGroup("token").With("a", hush).Info("in a group", "b", hush, slog.Group("c", slog.String("d", hush)))
	log.WithGroup("g").With(slog.Group("password", slog.Int64("n", 4711815093))).Info("deeper", "password", hush)
	log.Info("cyclic", "c", cyclic())
}

// cyclic is what encoding/json can't write.
func cyclic() any {
	m := map[string]any{"password": hush}
	m["me"] = m
	return m
}

// No way to redact lets a secret into a byte of the console, the file, the spool,
// what is delivered, or what is said of the configuration.
func TestNoSecretAnywhere(t *testing.T) {
	for _, with := range []string{"mask", "hash", "drop"} {
		t.Run(with, func(t *testing.T) {
			noSpool(t)
			t.Setenv("BOX_PASSWORD", hush)
			b := box{gate: make(chan struct{})}
			stderr := catchStderr(t)
			path := writeConfig(t, `version: 1
service: shop
formatters: {j: {class: json}, t: {format: "%(message)s %(password)s %(token)s"}}
handlers:
  box: {class: box, password: "${BOX_PASSWORD}"}
  box2: {class: box, password: `+"hush-hush-in-yaml"+`}
  file: {class: file, filename: out.log, formatter: j}
  console: {class: console}
  text: {class: file, filename: text.log, formatter: t}
root: {level: DEBUG, handlers: [box, box2, file, console, text]}
redact: {keys: [password, "*token*", authorization], with: `+with+`}
`)
			dir := filepath.Dir(path)
			t.Chdir(dir)
			logs, err := Open(path, b.kind())
			if err != nil {
				t.Fatal(err)
			}
			logSecrets(logs.Logger("x"))
			lines := strings.Count(readText(t, "out.log"), "\n")
			files := 0
			search := func(file, text string) {
				if files++; strings.Contains(text, "4711815093") || strings.Contains(text, "hush-hush-in-yaml") && filepath.Base(file) != "config.yaml" {
					t.Errorf("a secret is in %s", file)
				}
			}
			eachFile(t, dir, search) // while it runs: the spool is full
			close(b.gate)
			if err := logs.Flush(within(t, 5*time.Second)); err != nil {
				t.Error(err)
			}
			if err := logs.Close(); err != nil {
				t.Error(err)
			}
			eachFile(t, dir, search)
			search("standard error", stderr())
			search("the box", strings.Join(b.attrs, "\n"))
			if lines != 11 || len(b.got()) != 22 || files < 10 {
				t.Errorf("%d lines, %d rows, %d files", lines, len(b.got()), files)
			}
			wantParts(t, readText(t, "out.log"), `"msg":"attribute"`, `"n":1`, `"user":"kim"`, `"User":"kim"`)
			if got := strings.Contains(readText(t, "out.log"), `"password":"***"`); got != (with == "mask") {
				t.Errorf("masked: %v", got)
			}
		})
	}
}

// An error of Open does not hold the value of a secret either.
func TestNoSecretInMistakes(t *testing.T) {
	noSpool(t)
	t.Setenv("BOX_PASSWORD", hush)
	var b box
	_, err := Open(writeConfig(t, "version: 1\nhandlers: {box: {class: box, password: [\"${BOX_PASSWORD}\", "+hush+"]}, c: {class: box, passwort: "+hush+"}}\n"), b.kind())
	if err == nil || strings.Contains(err.Error(), hush) {
		t.Errorf("got %v", err)
	}
}
