package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/girok/girok"
)

// sharedWith is a group that only its test has.
const sharedWith = 64321

const groupConfig = `
version: 1
service: shared
handlers:
  table: {class: sqlite, path: ../table/x.db, table: logs, create: true, columns: {who: {from: attr.who, type: int}, n: {from: attr.n, type: int}}}
root: {level: INFO, handlers: [table]}
spool: {dir: spool, group: %d, require: true}
`

// writeRecords is a program that only writes its spool; it lives until it is killed.
func writeRecords() {
	syscall.Umask(0o077)
	logs, err := girok.Open("config.yaml", girok.WriteOnly())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for n := range 1000 {
		logs.Logger("x").Info("m", "who", os.Getuid(), "n", n)
	}
	fmt.Println("written")
	select {}
}

// as starts the test's program as a user who is in no group but the given ones.
func as(t *testing.T, dir string, user uint32, groups []uint32, env string, args ...string) (*exec.Cmd, io.Reader, *bytes.Buffer) {
	t.Helper()
	cmd := exec.Command(filepath.Join(dir, "girok"), args...)
	cmd.Dir, cmd.Env = filepath.Join(dir, "app"), append(os.Environ(), env+"=1", "HOME="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: user, Gid: user, Groups: groups}}
	var told bytes.Buffer
	cmd.Stderr = &told
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return cmd, out, &told
}

// openToOthers is a folder that other users get through to, with the test's program
// in it.
func openToOthers(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, d := range []string{dir, filepath.Dir(dir)} {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	program, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "girok"), program, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// Programs of two users write one spool, one of them is killed; a third user
// delivers what both wrote, of the living and of the dead. Who is not in the group
// gets nowhere.
func TestSpoolOfAGroup(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("NOT TESTED: only root can start programs of other users")
	}
	dir := openToOthers(t)
	for _, d := range []struct {
		name string
		uid  int
	}{{"app", 61001}, {"table", 61003}} {
		if err := os.Mkdir(filepath.Join(dir, d.name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(filepath.Join(dir, d.name), d.uid, d.uid); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "app/config.yaml"), fmt.Appendf(nil, groupConfig, sharedWith), 0o644); err != nil {
		t.Fatal(err)
	}
	group := []uint32{sharedWith}
	for user := uint32(61001); user <= 61002; user++ {
		w, out, told := as(t, dir, user, group, "GIROK_WRITE_RECORDS")
		if line, err := bufio.NewReader(out).ReadString('\n'); err != nil {
			t.Fatalf("user %d wrote nothing: %q %v\n%s", user, line, err, told)
		}
		if user == 61001 {
			_ = w.Process.Kill()
			_ = w.Wait()
		}
	}
	stranger, _, told := as(t, dir, 61004, nil, "GIROK_WRITE_RECORDS")
	if err := stranger.Wait(); err == nil || !strings.Contains(told.String(), "permission denied") {
		t.Errorf("who is not in the group: %v\n%s", err, told)
	}
	agent, _, told := as(t, dir, 61003, group, "GIROK_BE_THE_PROGRAM", "run", "--spool", "spool", "--drain", "2m")
	want := "who,n,k\n61001,1000,1000\n61002,1000,1000\n"
	got := ""
	for end := time.Now().Add(patience); got != want && time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if _, err := os.Stat(filepath.Join(dir, "table", "x.db")); err == nil {
			got, _ = askTable(filepath.Join(dir, "table"), "select who, count(*) as n, count(distinct n) as k from logs group by who order by who")
		}
	}
	if got != want {
		t.Errorf("in the table is %q\n%s", got, told)
	}
	_ = agent.Process.Signal(os.Interrupt)
	if err := agent.Wait(); err != nil {
		t.Errorf("%v\n%s", err, told)
	}
	err := filepath.WalkDir(filepath.Join(dir, "app", "spool"), func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		st, err := d.Info()
		if err != nil {
			return err
		}
		want := os.FileMode(0o660)
		if d.IsDir() {
			want = os.ModeDir | os.ModeSetgid | 0o770
		}
		if st.Mode() != want || st.Sys().(*syscall.Stat_t).Gid != sharedWith {
			t.Errorf("%s: %v, group %d", path, st.Mode(), st.Sys().(*syscall.Stat_t).Gid)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
