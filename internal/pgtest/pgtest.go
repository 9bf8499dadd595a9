//go:build unix

// Package pgtest runs a real PostgreSQL for tests, as a child of the test and in
// a folder of its own. It uses the programs that are on the machine (Debian's
// package postgresql, or what GIROK_POSTGRES_BIN names) and no client library.
package pgtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// User and Password are those of the superuser; there is no other way in.
const (
	User     = "girok"
	Password = "quite secret"
)

// Server is a running PostgreSQL. It listens on 127.0.0.1 and in Dir.
type Server struct {
	Dir  string
	Port int

	bin  string
	cred *syscall.Credential // who runs it: PostgreSQL refuses root
	cmd  *exec.Cmd
	done chan struct{} // closed when cmd has ended
}

// ErrMissing says that the programs are not on the machine.
var ErrMissing = errors.New("PostgreSQL is not on this machine: install the package postgresql, or name the folder of initdb, postgres and psql in GIROK_POSTGRES_BIN")

// Find is the folder of PostgreSQL's programs, the newest.
func Find() (string, error) {
	folders, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	slices.SortFunc(folders, func(a, b string) int { return version(b) - version(a) })
	folders = append(folders, filepath.SplitList(os.Getenv("PATH"))...)
	if named := os.Getenv("GIROK_POSTGRES_BIN"); named != "" {
		folders = []string{named}
	}
	for _, dir := range folders {
		if !slices.ContainsFunc([]string{"initdb", "postgres", "psql"}, func(p string) bool {
			_, err := exec.LookPath(filepath.Join(dir, p))
			return err != nil
		}) {
			return dir, nil
		}
	}
	return "", ErrMissing
}

// version is the one in /usr/lib/postgresql/15/bin.
func version(dir string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(dir)))
	return n
}

var shared struct {
	sync.Mutex
	server *Server
	err    error
}

// Shared is the one server of a test program, started when it is first asked for.
// The program's TestMain must call StopShared. Without PostgreSQL the test is
// skipped; where CI=true it fails.
func Shared(t testing.TB) *Server {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.server == nil && shared.err == nil {
		shared.server, shared.err = New()
	}
	must(t, shared.err)
	return shared.server
}

// must ends a test that has no server.
func must(t testing.TB, err error) {
	t.Helper()
	if errors.Is(err, ErrMissing) && os.Getenv("CI") != "true" {
		t.Skipf("POSTGRESQL WAS NOT MET: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Own is a server of a test's own, which ends with it.
func Own(t testing.TB) *Server {
	t.Helper()
	s, err := New()
	must(t, err)
	t.Cleanup(s.Stop)
	return s
}

// StopShared stops what Shared started.
func StopShared() {
	shared.Lock()
	defer shared.Unlock()
	if shared.server != nil {
		shared.server.Stop()
	}
}

// New makes a database cluster and starts its server.
func New() (*Server, error) {
	bin, err := Find()
	if err != nil {
		return nil, err
	}
	s := &Server{bin: bin}
	// Not in a test's own folder: others may not enter that.
	if s.Dir, err = os.MkdirTemp("", "girok-postgres-"); err != nil {
		return nil, err
	}
	if err := s.init(); err != nil {
		os.RemoveAll(s.Dir)
		return nil, err
	}
	if err := s.Start(); err != nil {
		os.RemoveAll(s.Dir)
		return nil, err
	}
	return s, nil
}

func (s *Server) init() error {
	if os.Getuid() == 0 {
		nobody, err := user.Lookup("nobody")
		if err != nil {
			return err
		}
		uid, err1 := strconv.ParseUint(nobody.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(nobody.Gid, 10, 32)
		if err := errors.Join(err1, err2, os.Chown(s.Dir, int(uid), int(gid))); err != nil {
			return err
		}
		s.cred = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	password := filepath.Join(s.Dir, "password")
	if err := os.WriteFile(password, []byte(Password), 0o644); err != nil {
		return err
	}
	out, err := s.command("initdb", "-D", s.data(), "-U", User, "--pwfile", password, "-A", "scram-sha-256",
		"-E", "UTF8", "--locale=C", "-N").CombinedOutput()
	if err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s.Port = free.Addr().(*net.TCPAddr).Port
	return free.Close()
}

func (s *Server) data() string { return filepath.Join(s.Dir, "data") }

// command is a program of PostgreSQL's, run as whoever runs the server.
func (s *Server) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(s.bin, name), args...)
	cmd.Dir = s.Dir
	cmd.Env = append(os.Environ(), "LC_ALL=C", "TZ=UTC")
	cmd.SysProcAttr = attributes(s.cred)
	return cmd
}

// startLimit bounds a start: after a kill the last one's children have to end, and
// the log is read again.
const startLimit = time.Minute

// Start starts the server, also after Kill, and waits until it takes connections.
func (s *Server) Start() error {
	var last string
	for end := time.Now().Add(startLimit); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		var out bytes.Buffer
		_ = os.Remove(filepath.Join(s.data(), "postmaster.pid")) // of one that was killed
		s.cmd = s.command("postgres", "-D", s.data(), "-p", strconv.Itoa(s.Port), "-c", "listen_addresses=127.0.0.1",
			"-c", "unix_socket_directories="+s.Dir, "-c", "log_min_messages=fatal", "-c", "max_connections=50")
		s.cmd.Stdout, s.cmd.Stderr = &out, &out
		if err := s.cmd.Start(); err != nil {
			return err
		}
		cmd, done := s.cmd, make(chan struct{})
		s.done = done
		go func() { _ = cmd.Wait(); close(done) }()
		if s.ready(end) {
			return nil
		}
		s.Kill()
		last = out.String()
	}
	return fmt.Errorf("PostgreSQL does not start: %s", last)
}

// ready waits for what the server writes when it takes connections.
func (s *Server) ready(end time.Time) bool {
	for time.Now().Before(end) {
		select {
		case <-s.done:
			return false
		case <-time.After(20 * time.Millisecond):
		}
		text, err := os.ReadFile(filepath.Join(s.data(), "postmaster.pid"))
		lines := strings.Split(string(text), "\n")
		if err == nil && len(lines) >= 8 && strings.TrimSpace(lines[7]) == "ready" {
			return true
		}
	}
	return false
}

// Kill kills the server's first process, as kill -9 does: its children end when
// they notice.
func (s *Server) Kill() {
	_ = s.cmd.Process.Kill()
	<-s.done
}

// Shutdown ends the server in order, and all connections with it.
func (s *Server) Shutdown() {
	_ = s.cmd.Process.Signal(syscall.SIGINT)
	<-s.done
}

// Stop ends the server and removes its folder.
func (s *Server) Stop() {
	s.Shutdown()
	os.RemoveAll(s.Dir)
}

// DSN is a connection string for a database, password included.
func (s *Server) DSN(database string) string {
	return fmt.Sprintf("host=127.0.0.1 port=%d user=%s password='%s' dbname=%s sslmode=disable", s.Port, User, Password, database)
}

// SQL runs statements in a database with the program psql, and gives what it
// prints: values without names, a row a line.
func (s *Server) SQL(database, sql string) (string, error) {
	cmd := s.command("psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-f", "-",
		fmt.Sprintf("host=127.0.0.1 port=%d user=%s dbname=%s", s.Port, User, database))
	cmd.Env = append(cmd.Env, "PGPASSWORD="+Password, "PGOPTIONS=-c client_min_messages=warning")
	cmd.Stdin = strings.NewReader(sql)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("psql: %w: %s: %s", err, sql, errs.Bytes())
	}
	return string(out), nil
}

// Run is SQL for a test, which fails with it.
func (s *Server) Run(t testing.TB, database, sql string) string {
	t.Helper()
	out, err := s.SQL(database, sql)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(out, "\n")
}

// Rows gives all rows of a query as psql reads them, each as JSON made it: numbers
// are json.Number.
func (s *Server) Rows(t testing.TB, database, query string) []map[string]any {
	t.Helper()
	rows := []map[string]any{}
	for line := range strings.Lines(s.Run(t, database, "select row_to_json(girok_row) from ("+query+") girok_row")) {
		d := json.NewDecoder(strings.NewReader(line))
		d.UseNumber()
		var row map[string]any
		if err := d.Decode(&row); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		rows = append(rows, row)
	}
	return rows
}
