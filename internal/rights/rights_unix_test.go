//go:build unix

package rights

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func mode(t *testing.T, path string) os.FileMode {
	t.Helper()
	st, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return st.Mode() &^ os.ModeDir
}

// What is made is this user's alone, or in a shared folder the group's, whatever the
// umask.
func TestMade(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0o077))
	group := os.Getgid()
	if group == 0 {
		group = 64321 // root may give away what it has
	}
	for _, c := range []struct {
		shared    bool
		dir, file os.FileMode
	}{{false, 0o700, 0o600}, {true, os.ModeSetgid | 0o770, 0o660}} {
		top := filepath.Join(t.TempDir(), "spool")
		var err error
		if c.shared {
			err = Share(top, group)
		} else {
			err = Mkdir(top)
		}
		dir := filepath.Join(top, "a", "b")
		if err == nil {
			err = MkdirAll(dir)
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := WriteFile(filepath.Join(dir, "f"), []byte("x")); err != nil {
			t.Fatal(err)
		}
		if got := mode(t, top); got != c.dir {
			t.Errorf("%v: the folder has %v", c.shared, got)
		}
		if got := mode(t, dir); got != c.dir {
			t.Errorf("%v: a folder in it has %v", c.shared, got)
		}
		if got := mode(t, filepath.Join(dir, "f")); got != c.file {
			t.Errorf("%v: a file has %v", c.shared, got)
		}
		if got := Group(dir); (got == group) != c.shared {
			t.Errorf("%v: shared with %d", c.shared, got)
		}
	}
}

func TestCheck(t *testing.T) {
	group := os.Getgid()
	if group == 0 {
		group = 64321
	}
	dir := t.TempDir()
	wrong := func(group int, want string) {
		t.Helper()
		if err := Check(dir, group); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("with group %d: %v, want %q", group, err, want)
		}
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	wrong(0, "")
	wrong(group, "is not shared with group")
	err := Check(dir, group)
	_, remedy, _ := strings.Cut(err.Error(), "says: ")
	if out, err := exec.Command("sh", "-c", remedy).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", remedy, err, out)
	}
	wrong(group, "")
	wrong(0, "set spool.group:")
	wrong(group+1, "and spool.group is")
	if err := os.Chmod(dir, os.ModeSetgid|0o777); err != nil {
		t.Fatal(err)
	}
	wrong(group, "can be written by others")
	if err := os.Chmod(dir, 0o722); err != nil {
		t.Fatal(err)
	}
	wrong(0, "can be written by others")
}

func TestLookup(t *testing.T) {
	groupsFile = filepath.Join(t.TempDir(), "group")
	defer func() { groupsFile = "/etc/group" }()
	if err := os.WriteFile(groupsFile, []byte("root:x:0:\nodd\ntelemetry:x:990:a,b\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]int{"telemetry": 990, "1234": 1234, "root": 0, "nobody": 0, "0": 0, "-3": 0, "": 0} {
		if got, err := Lookup(name); got != want || (err == nil) != (want != 0) {
			t.Errorf("%q: %d %v, want %d", name, got, err, want)
		}
	}
}
