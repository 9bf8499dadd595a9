//go:build unix

package control

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/girok/girok/internal/random"
)

// place is a socket and the folder around it, which is the user's own.
type place struct {
	dir    string
	socket string
}

const (
	suffix = ".sock"
	// maxPath is how long a socket's path may be: Linux takes 107 bytes, others
	// 103.
	maxPath = 103
	// staleAfter is how old a socket without a listener must be to go: a younger
	// one is perhaps on its way.
	staleAfter = time.Minute
	maxSwept   = 100 // sockets that one start looks at
)

// listen makes a socket in the first folder that can be used.
func listen() (*listener, place, error) {
	var errs error
	for _, dir := range folders() {
		l, p, err := listenIn(dir)
		if err == nil {
			return l, p, nil
		}
		errs = errors.Join(errs, err)
	}
	return nil, place{}, fmt.Errorf("no folder for a control socket can be used: %w", errs)
}

// folders are where sockets may lie.
func folders() (dirs []string) {
	if d := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(d) {
		dirs = append(dirs, filepath.Join(d, "girok"))
	}
	own := "girok-" + strconv.Itoa(os.Geteuid())
	dirs = append(dirs, filepath.Join(os.TempDir(), own))
	if os.TempDir() != "/tmp" {
		dirs = append(dirs, filepath.Join("/tmp", own)) // the other one may be too long for a socket
	}
	return dirs
}

// listenIn tries again where a program that ends has just removed the folder.
func listenIn(dir string) (l *listener, p place, err error) {
	p = place{dir: dir, socket: filepath.Join(dir, fmt.Sprintf("%016x", random.Uint64())+suffix)}
	if len(p.socket) > maxPath {
		return nil, p, fmt.Errorf("%s is too long for a socket: %d bytes, at most %d", p.socket, len(p.socket), maxPath)
	}
	for range 3 {
		if err = ownFolder(dir); err != nil {
			return nil, p, err
		}
		l, err = listenAt(p.socket)
		if !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	if err != nil {
		return nil, p, err
	}
	if err := os.Chmod(p.socket, 0o600); err != nil {
		l.Close()
		return nil, p, err
	}
	return l, p, nil
}

// ownFolder makes a folder that only the user may enter, or looks whether it is
// one: in a temporary folder somebody else may have made it first.
func ownFolder(dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	st, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	sys, ok := st.Sys().(*syscall.Stat_t)
	switch {
	case !st.IsDir():
		return fmt.Errorf("%s is not a folder", dir)
	case !ok || int(sys.Uid) != os.Geteuid():
		return fmt.Errorf("%s belongs to another user", dir)
	case st.Mode().Perm()&0o077 != 0:
		return fmt.Errorf("%s may be entered by others (%s): want 0700", dir, st.Mode().Perm())
	}
	return nil
}

// remove takes the socket away, and the folder if nobody else has a socket in it.
func (p place) remove() {
	_ = os.Remove(p.socket) // the listener has removed it already where it could
	_ = os.Remove(p.dir)    // fails while it holds something
}

// sweep removes the sockets of programs that were killed.
func (p place) sweep() {
	entries, _ := os.ReadDir(p.dir)
	for _, e := range entries[:min(len(entries), maxSwept)] {
		st, err := e.Info()
		if err != nil || !strings.HasSuffix(e.Name(), suffix) || st.Mode().Type() != fs.ModeSocket || time.Since(st.ModTime()) < staleAfter {
			continue
		}
		path := filepath.Join(p.dir, e.Name())
		c, err := dial(context.Background(), path, 100*time.Millisecond)
		if err == nil {
			c.Close()
		} else if errors.Is(err, syscall.ECONNREFUSED) { // nobody listens, and nobody ever will
			_ = os.Remove(path)
		}
	}
}
