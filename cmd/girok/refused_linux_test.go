package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCheckAsAnotherUser checks what another user may not write: check says so, and
// changes nothing.
func TestCheckAsAnotherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("NOT TESTED: only root can start programs of other users")
	}
	const user = 61005
	dir := openToOthers(t)
	makeFolders := func(mode os.FileMode, names ...string) {
		t.Helper()
		for _, name := range names {
			path := filepath.Join(dir, name)
			if err := os.MkdirAll(path, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, mode); err != nil {
				t.Fatal(err)
			}
		}
	}
	makeFolders(0o755, "app", "roots", "theirs/spool/shop/runs")
	makeFolders(0o777, "open")
	makeFolders(0o700, "closed")
	for _, name := range []string{"own", "own/spool"} {
		makeFolders(0o700, name)
		if err := os.Chown(filepath.Join(dir, name), user, user); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "open/roots.log"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	const handlers = `  table: {class: sqlite, path: ../own/x.db, table: logs, create: true}
  line: {class: file, filename: %s}
  spooled: {class: file, filename: %s, spooled: true}
`
	files := func(direct, spooled string) string { return fmt.Sprintf(handlers, direct, spooled) }
	fine := files("../own/a.log", "../own/b.log")
	for _, c := range []struct {
		name, spool, handlers string
		connect               bool
		code                  int
		want, never           string
	}{
		{"its own", "{dir: ../own/spool}", fine, false, exitOK, "survives", "WRONG"},
		{"made in its own", "{dir: ../own/new/spool}", fine, true, exitOK, "survives", "WRONG"},
		{"a folder of root's", "{dir: ../roots/spool}", fine, false, exitMistake, "WRONG  user 61005 can't write " + dir + "/roots: permission denied\n                 → records would stay in memory, and a kill would lose them", "survives"},
		{"one that is required", "{dir: ../roots/spool, require: true}", fine, true, exitMistake, "the program would not start, for spool.require is true", "survives"},
		{"one that is there", "{dir: ../theirs/spool}", fine, false, exitMistake, "user 61005 can't write " + dir + "/theirs/spool/shop", "survives"},
		{"behind a closed folder", "{dir: ../closed/spool}", fine, false, exitMistake, "permission denied", "survives"},
		{"one that others write", "{dir: ../open/spool}", fine, false, exitOK, "survives", "WRONG"},
		{"a group of others", "{dir: ../own/spool, group: 64321}", fine, false, exitMistake, "shared with group 64321, and user 61005 is not in it", "survives"},
		{"nowhere", "{}", fine, false, exitMistake, "there is no folder for the spool that user 61005 can write", "survives"},
		{"a file in a folder of root's", "{dir: ../own/spool}", files("../roots/a.log", "../own/b.log"), true, exitMistake, "WRONG  user 61005 can't write ../roots: permission denied", "/own/b.log can"},
		{"a file of root's", "{dir: ../own/spool}", files("../open/roots.log", "../own/b.log"), true, exitMistake, "WRONG  user 61005 can't write ../open/roots.log: permission denied", ""},
		{"below a file", "{dir: ../own/spool}", files("../own/a.log", "/dev/null/b.log"), true, exitMistake, "WRONG  /dev/null is no folder", ""},
		{"files are not looked at", "{dir: ../own/spool}", files("../roots/a.log", "/dev/null/b.log"), false, exitOK, "survives", "WRONG"},
	} {
		config := fmt.Sprintf("version: 1\nservice: shop\nhandlers:\n%sroot: {handlers: [table, line, spooled]}\nspool: %s\n", c.handlers, c.spool)
		if err := os.WriteFile(filepath.Join(dir, "app/config.yaml"), []byte(config), 0o644); err != nil {
			t.Fatal(err)
		}
		args := []string{"check"}
		if c.connect {
			args = append(args, "--connect")
		}
		before := names(t, dir)
		cmd, out, told := as(t, dir, user, nil, "GIROK_BE_THE_PROGRAM", args...)
		text, err := io.ReadAll(out)
		if err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // its code is looked at
		if code := cmd.ProcessState.ExitCode(); code != c.code || !strings.Contains(string(text), c.want) || c.never != "" && strings.Contains(string(text), c.never) {
			t.Errorf("%s: exit code %d, want %d, %q and no %q in\n%s%s", c.name, code, c.code, c.want, c.never, text, told)
		}
		if after := names(t, dir); after != before {
			t.Errorf("%s: before check there was\n%s\nafter it\n%s", c.name, before, after)
		}
	}
}

// names are all that lies in a folder.
func names(t *testing.T, dir string) string {
	t.Helper()
	var list []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		list = append(list, path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(list, "\n")
}

// TestSpoolOfAnotherUser: what may not be read is an error that says what to do, and
// never counts as nothing that waits.
func TestSpoolOfAnotherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("NOT TESTED: only root can start programs of other users")
	}
	dir := openToOthers(t)
	if err := os.MkdirAll(filepath.Join(dir, "spool/shop/runs"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "app"), 0o755); err != nil {
		t.Fatal(err)
	}
	const config = "version: 1\nservice: shop\nhandlers: {table: {class: sqlite, path: x.db, table: logs}}\nroot: {handlers: [table]}\nspool: {dir: ../spool}\n"
	if err := os.WriteFile(filepath.Join(dir, "app/config.yaml"), []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"spool ls", "spool dump", "spool drain", "spool redirect --all", "spool drop 1", "dead ls", "dead show 1", "dead replay --all", "dead drop --all", "top --once", "tail", "level root", "spool ls -d ../spool",
	} {
		cmd, _, told := as(t, dir, 61006, nil, "GIROK_BE_THE_PROGRAM", strings.Fields(line)...)
		_ = cmd.Wait() // its code is looked at
		if code := cmd.ProcessState.ExitCode(); code != exitMistake || !strings.Contains(told.String(), "permission denied; run girok as a user who may") {
			t.Errorf("girok %s: %d %s", line, code, told)
		}
	}
}
