package girok

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/girok/girok/config"
	"github.com/girok/girok/deliver"
	"github.com/girok/girok/sink"
)

// vault is a store that takes rows for a password.
type vault struct {
	mu    sync.Mutex
	rows  int
	tried []string // passwords
	right string
}

type vaultConfig struct {
	Password config.Secret `yaml:"password" doc:"the password"`
}

func (vaultConfig) Endpoint(sink.Env) string { return "vault" }
func (vaultConfig) Target() string           { return "rows" }
func (vaultConfig) Limits() sink.Limits {
	return sink.Limits{Records: 10, Bytes: 1 << 20, Age: config.Duration(10 * time.Millisecond)}
}
func (vaultConfig) Guarantee() string { return "none" }

func (v *vault) kind() sink.Kind {
	return sink.Define("vault", "a vault", sink.None, vaultConfig{}, func(_ context.Context, _ sink.Env, c vaultConfig) (sink.Sink, error) {
		password, err := c.Password.Reveal()
		if err != nil {
			return nil, err
		}
		v.mu.Lock()
		defer v.mu.Unlock()
		v.tried = append(v.tried, password)
		if password != v.right {
			return nil, &sink.Refused{Err: errors.New("wrong password")}
		}
		return v, nil
	})
}

func (v *vault) Write(_ context.Context, b *sink.Batch) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.rows += b.Len()
	return nil
}
func (v *vault) Close() error { return nil }

func (v *vault) has() (int, string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.rows, strings.Join(v.tried, " ")
}

const vaulted = `version: 1
service: bound
handlers: {safe: {class: vault, password: "%s"}}
root: {level: INFO, handlers: [safe]}
spool: {dir: spool}
`

// A process that has not got a handler's secrets keeps away from its destination: it
// says so, holds nothing, and delivers once it has them.
func TestBoundHandler(t *testing.T) {
	dir := t.TempDir()
	catchStderr(t)
	at := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	t.Setenv("VAULT_PASSWORD", "open sesame")
	v := vault{right: "open sesame"}
	writer, err := Open(at("writer.yaml", fmt.Sprintf(vaulted, "${VAULT_PASSWORD}")), v.kind(), WriteOnly())
	if err != nil {
		t.Fatal(err)
	}
	writer.Logger("").Info("m")
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	os.Unsetenv("VAULT_PASSWORD")
	agent, err := Open(at("agent.yaml", "version: 1\nservice: bound\nspool: {dir: spool}\n"), v.kind(), Deliver())
	if err != nil {
		t.Fatal(err)
	}
	defer agent.Close()
	awaitThat(t, func() bool { return len(agent.Backlog()) == 1 })
	if b := agent.Backlog()[0]; !strings.Contains(b.Cause, "VAULT_PASSWORD is not set") {
		t.Errorf("the cause is %q", b.Cause)
	}
	if h, err := deliver.HolderOf(filepath.Join(dir, "spool", "bound"), "vault", "vault"); h != nil || err != nil {
		t.Errorf("%+v holds the destination, %v", h, err)
	}
	t.Setenv("VAULT_PASSWORD", "open sesame")
	awaitThat(t, func() bool { n, _ := v.has(); return n == 1 })
}

// A secret of the program is asked for at each connection, and never stored.
func TestSecretOfTheProgram(t *testing.T) {
	dir := t.TempDir()
	catchStderr(t)
	v := vault{right: "second"}
	var asked atomic.Int64
	reveal := func() (string, error) {
		if asked.Add(1) < 3 { // once when the configuration is read
			return "first", nil
		}
		return "second", nil
	}
	name := fmt.Sprintf("test.vault.%d", time.Now().UnixNano()) // it is there as long as the program
	path := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(path, fmt.Appendf(nil, vaulted, "${secret:"+name+"}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path, v.kind()); err == nil || !strings.Contains(err.Error(), "config.yaml:3:") || !strings.Contains(err.Error(), "this program has no secret "+name) {
		t.Errorf("without it: %v", err)
	}
	logs, err := Open(path, v.kind(), Secret(name, reveal))
	if err != nil {
		t.Fatal(err)
	}
	logs.Logger("").Info("m")
	awaitThat(t, func() bool { _, tried := v.has(); return tried != "" })
	stored, err := filepath.Glob(filepath.Join(dir, "spool", "bound", "runs", "*", "config"))
	if err != nil || len(stored) != 1 {
		t.Fatalf("%v %v", stored, err)
	}
	b, err := os.ReadFile(stored[0])
	if err != nil || !strings.Contains(string(b), "${secret:"+name+"}") || strings.Contains(string(b), "first") {
		t.Errorf("the run keeps %s %v", b, err)
	}
	if err := logs.Reload(); err != nil { // another secret, the same configuration
		t.Error(err)
	}
	_ = logs.Close()
}

// awaitThat waits until is.
func awaitThat(t *testing.T, is func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it did not come to that")
		}
	}
}
