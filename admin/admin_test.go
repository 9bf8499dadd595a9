package admin

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/girok/girok"
	"github.com/girok/girok/spool"
)

// asked asks a handler and reads its JSON.
func asked(t *testing.T, h http.Handler, method, path string, headers ...string) (int, map[string]any) {
	t.Helper()
	r := httptest.NewRequest(method, path, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	var v map[string]any
	if w.Header().Get("Content-Type") == "application/json" {
		if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil {
			t.Fatalf("%v: %s", err, w.Body)
		}
	}
	return w.Code, v
}

func TestHandler(t *testing.T) {
	logs, err := girok.OpenBytes("test", []byte("version: 1\nhandlers: {a: {class: \"null\"}, f: {class: file, filename: "+t.TempDir()+"/log}}\nloggers: {shop: {level: INFO, handlers: [f]}}"))
	if err != nil {
		t.Fatal(err)
	}
	defer logs.Close()
	h := http.StripPrefix("/logging", Handler(logs))

	if code, v := asked(t, h, "GET", "/logging/levels"); code != 200 || len(v["loggers"].([]any)) != 2 {
		t.Errorf("%d %v", code, v)
	}
	if _, v := asked(t, h, "GET", "/logging/levels/shop.cart"); v["level"] != "INFO" || v["inherits"] != true || v["number"] != 20.0 {
		t.Errorf("%v", v)
	}
	log := logs.Logger("shop.cart")
	if code, v := asked(t, h, "PUT", "/logging/levels/shop?level=DEBUG&for=1h"); code != 200 || v["level"] != "DEBUG" || v["then"] != "INFO" || v["until"] == nil {
		t.Errorf("%d %v", code, v)
	}
	if !log.Enabled(t.Context(), -4) {
		t.Error("the level is not set")
	}
	log.Debug("x")
	if code, v := asked(t, h, "PUT", "/logging/levels/shop?level=ERROR"); code != 200 || v["until"] != nil || log.Enabled(t.Context(), 0) {
		t.Errorf("%d %v", code, v)
	}
	for path, want := range map[string]int{
		"/logging/levels/shop?level=debug": 400, "/logging/levels/shop": 400, "/logging/levels/shop?level=INFO&for=long": 400,
		"/logging/levels/shop?level=INFO&for=-1s": 400, "/logging/stats": 405, "/logging/x": 404,
	} {
		if code, _ := asked(t, h, "PUT", path); code != want {
			t.Errorf("PUT %s: %d, want %d", path, code, want)
		}
	}
	if code, _ := asked(t, h, "PUT", "/logging/levels/shop?level=DEBUG", "Sec-Fetch-Site", "cross-site"); code != 403 || log.Enabled(t.Context(), -4) {
		t.Errorf("a page of another site sets a level: %d", code)
	}
	code, v := asked(t, h, "GET", "/logging/stats")
	if direct := v["direct"].([]any); code != 200 || len(direct) != 1 || direct[0].(map[string]any)["written"] != 1.0 {
		t.Errorf("%d %v", code, v)
	}
	if code, v := asked(t, h, "GET", "/logging/health"); code != 200 || v["status"] != "ok" {
		t.Errorf("%d %v", code, v)
	}
}

func TestHealth(t *testing.T) {
	s := girok.Stats{Handlers: []girok.HandlerStats{{Handler: "ok"}, {Handler: "box", State: spool.Refused, Cause: "no table"}}, Spool: &girok.SpoolStats{}}
	if h := healthOf(s); h.Status != waiting || !slices.Equal(h.Problems, []string{"handler box: refused: no table"}) {
		t.Errorf("%+v", h)
	}
	s.Spool.Degraded = true
	if h := healthOf(s); h.Status != failing || len(h.Problems) != 2 {
		t.Errorf("%+v", h)
	}
}

// A level that is lent goes back by itself.
func TestLevelGoesBack(t *testing.T) {
	logs, err := girok.OpenBytes("test", []byte("version: 1\nhandlers: {a: {class: \"null\"}}\nroot: {level: ERROR, handlers: [a]}"))
	if err != nil {
		t.Fatal(err)
	}
	defer logs.Close()
	h := Handler(logs)
	if code, _ := asked(t, h, "PUT", "/levels/root?level=DEBUG&for=1ms"); code != 200 {
		t.Fatal(code)
	}
	for end := time.Now().Add(time.Minute); logs.Level("root").Own != 40; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%+v", logs.Level("root"))
		}
	}
}

// A program that does not use this package does not link net/http.
func TestOnlyHereIsHTTP(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "github.com/girok/girok").Output()
	if err != nil {
		t.Fatal(err)
	}
	if slices.Contains(strings.Fields(string(out)), "net/http") {
		t.Error("the root package links net/http")
	}
}
