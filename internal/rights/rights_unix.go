//go:build unix

package rights

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// Group is the id of the group that a folder is shared with; 0 if it is not shared
// or not there. A folder is shared whose group can write it and whose new files are
// that group's.
func Group(dir string) int {
	st, err := os.Stat(dir)
	if err != nil || st.Mode()&os.ModeSetgid == 0 || st.Mode().Perm()&0o020 == 0 {
		return 0
	}
	if sys, ok := st.Sys().(*syscall.Stat_t); ok {
		return int(sys.Gid)
	}
	return 0
}

// Share makes a folder that is shared with a group. One that is there and belongs to
// this user is given to the group if it is empty.
func Share(dir string, group int) error {
	if Group(dir) == group {
		return nil
	}
	if err := MkdirAll(dir); err != nil {
		return err
	}
	st, err := os.Stat(dir)
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if sys, ok := st.Sys().(*syscall.Stat_t); err != nil || len(entries) > 0 || ok && int(sys.Uid) != os.Geteuid() {
		return err // as it is: Check says what is wrong with it, if anything
	}
	if err := os.Chown(dir, -1, group); err != nil {
		return fmt.Errorf("%w: only a member of group %d can share a folder with it", err, group)
	}
	return os.Chmod(dir, groupDir)
}

// Check refuses a folder that others can write, or that belongs to somebody who is
// neither this user nor root: its owner could make records up. With a group, its
// members may do either.
func Check(dir string, group int) error {
	st, err := os.Stat(dir)
	if err != nil {
		return err
	}
	sys, ok := st.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	shared := Group(dir)
	others := os.FileMode(0o022)
	switch {
	case shared == 0:
	case shared == group:
		others = 0o002
	case group == 0:
		return fmt.Errorf("%s is shared with group %d: set spool.group: %d, or chmod g-w %s", dir, shared, shared, dir)
	default:
		return fmt.Errorf("%s is shared with group %d, and spool.group is %d", dir, shared, group)
	}
	if st.Mode().Perm()&others != 0 {
		return fmt.Errorf("%s can be written by others (mode %04o): chmod go-w %s", dir, st.Mode().Perm(), dir)
	}
	switch {
	case group != 0 && shared == 0:
		return fmt.Errorf("%[1]s is not shared with group %[2]d, as spool.group says: chgrp -R %[2]d %[1]s && chmod -R g+rwX %[1]s && find %[1]s -type d -exec chmod g+s {} +", dir, group)
	case shared == 0 && sys.Uid != 0 && int(sys.Uid) != os.Getuid():
		return fmt.Errorf("%s belongs to user %d, not to this one (%d)", dir, sys.Uid, os.Getuid())
	}
	return nil
}

// Member reports whether this process may use what is shared with a group.
func Member(group int) bool {
	if os.Geteuid() == 0 || os.Getegid() == group {
		return true
	}
	groups, err := os.Getgroups()
	return err == nil && slices.Contains(groups, group)
}

// groupsFile is where Lookup finds names.
var groupsFile = filepath.FromSlash("/etc/group")

// Lookup finds a group by its number or its name in /etc/group.
func Lookup(name string) (int, error) {
	if n, err := strconv.Atoi(name); err == nil {
		if n <= 0 {
			return 0, fmt.Errorf("group %d can't be what a spool is shared with", n)
		}
		return n, nil
	}
	f, err := os.Open(groupsFile)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		fields := strings.Split(s.Text(), ":")
		if len(fields) < 3 || fields[0] != name {
			continue
		}
		if n, err := strconv.Atoi(fields[2]); err == nil && n > 0 {
			return n, nil
		}
	}
	return 0, fmt.Errorf("there is no group %q in %s; a number works too", name, groupsFile)
}
