//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/girok/girok/internal/pgtest"
)

// TestCheckConnect asks a real server, then one that takes the connection and
// says nothing.
func TestCheckConnect(t *testing.T) {
	s := pgtest.Own(t)
	path := filepath.Join(t.TempDir(), "config.yaml")
	write := func(port int, keys string) {
		t.Helper()
		if err := os.WriteFile(path, fmt.Appendf(nil, `version: 1
service: shop
handlers:
  warehouse:
    class: postgres
    host: 127.0.0.1
    port: %d
    user: %s
    password: %s
    database: postgres
    table: telemetry.logs
    %s
root: {handlers: [warehouse]}
`, port, pgtest.User, pgtest.Password, keys), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want := func(code int, parts ...string) {
		t.Helper()
		out, told, got := here(t, "check", "--connect", "-c", path)
		if got != code {
			t.Errorf("exit code %d, want %d: %s%s", got, code, out, told)
		}
		for _, p := range parts {
			if !strings.Contains(out, p) {
				t.Errorf("want %q in\n%s", p, out)
			}
		}
	}
	write(s.Port, "create: true")
	want(exitOK, "      fine   PostgreSQL ", "database postgres, as girok, without TLS\n", `      note   there is no table "telemetry"."logs": create: true makes it`)
	write(s.Port, "create: false")
	want(exitMistake, `      WRONG  there is no table "telemetry"."logs" that girok may see`, "             → create: true makes it, or run:\n               create schema if not exists")
	out, _, code := here(t, "check", "--connect", "--json", "-c", path)
	var r struct {
		OK       bool
		Handlers []struct{ Found []found }
	}
	if err := json.Unmarshal([]byte(out), &r); err != nil || code != exitMistake || r.OK || len(r.Handlers) != 1 || len(r.Handlers[0].Found) != 2 || r.Handlers[0].Found[1].Grade != "wrong" {
		t.Errorf("exit code %d, %v: %s", code, err, out)
	}
	if strings.Contains(out, pgtest.Password) {
		t.Errorf("it tells the password: %s", out)
	}
	quiet, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer quiet.Close()
	write(quiet.Addr().(*net.TCPAddr).Port, "create: true")
	out, _, code = here(t, "check", "--connect", "--patience", "200ms", "-c", path)
	if code != exitMistake || !strings.Contains(out, "WRONG  it gave no answer within 200ms") {
		t.Errorf("exit code %d: %s", code, out)
	}
}
