//go:build unix

package pgtest

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// Bouncer starts PgBouncer before a server, in one of its pool modes, and gives its
// port. It ends with the test. Without PgBouncer the test is skipped; where CI=true
// it fails.
func (s *Server) Bouncer(t testing.TB, mode string) (port int) {
	t.Helper()
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		if os.Getenv("CI") != "true" {
			t.Skip("PGBOUNCER WAS NOT MET: install the package pgbouncer")
		}
		t.Fatal(err)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port = free.Addr().(*net.TCPAddr).Port
	free.Close()
	dir, err := os.MkdirTemp(s.Dir, "bouncer-")
	if err != nil {
		t.Fatal(err)
	}
	users, settings := filepath.Join(dir, "users"), filepath.Join(dir, "settings")
	err = errors.Join(os.Chmod(dir, 0o755), os.WriteFile(users, fmt.Appendf(nil, "%q %q\n", User, Password), 0o644),
		os.WriteFile(settings, fmt.Appendf(nil, "[databases]\n* = host=127.0.0.1 port=%d\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = %d\nunix_socket_dir =\nauth_type = plain\nauth_file = %s\npool_mode = %s\ndefault_pool_size = 5\n",
			s.Port, port, users, mode), 0o644))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	cmd := exec.Command(program, settings)
	cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = s.Dir, &out, &out, attributes(s.cred)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		<-ended
	})
	for end := time.Now().Add(startLimit); ; time.Sleep(10 * time.Millisecond) {
		if c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			c.Close()
			return port
		}
		select {
		case <-ended:
			t.Fatalf("PgBouncer does not start: %s", out.Bytes())
		default:
		}
		if time.Now().After(end) {
			t.Fatal("PgBouncer takes no connections")
		}
	}
}
