package deliver

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/girok/girok/spool"
)

const lockName = "lock"

// Holder is the process that delivers to a destination: what it wrote into the
// destination's lock.
type Holder struct {
	PID     int
	Since   time.Time
	Version string // of girok
	Control string // its control socket; empty if it has none
}

// destinationDir is where a service keeps what belongs to a destination.
func destinationDir(service, kind, endpoint string) string {
	return filepath.Join(service, "to", kind+"-"+hash(kind, endpoint))
}

// HolderOf finds who delivers to a destination right now; nil if nobody does.
// service is the service's folder in the spool.
func HolderOf(service, kind, endpoint string) (*Holder, error) {
	path := filepath.Join(destinationDir(service, kind, endpoint), lockName)
	held, err := spool.Locked(path)
	if err != nil || !held {
		return nil, err
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	h := &Holder{}
	for line := range strings.Lines(string(b)) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		switch key {
		case "pid":
			h.PID, _ = strconv.Atoi(value)
		case "since":
			h.Since, _ = time.Parse(time.RFC3339, value)
		case "version":
			h.Version = value
		case "control":
			h.Control = value
		}
	}
	return h, nil
}

// sign writes into the lock who holds it. It is for people and for commands;
// the lock itself decides.
func (dest *destination) sign(f *os.File) {
	text := fmt.Sprintf("pid %d\n%s %s\nsince %s\nversion %s\n", os.Getpid(), dest.kind, dest.endpoint, time.Now().Format(time.RFC3339), ownVersion())
	if c := dest.d.opts.Control; c != "" {
		text += "control " + c + "\n"
	}
	_ = f.Truncate(0)
	_, _ = f.WriteAt([]byte(text), 0)
}

// ownVersion is that of girok in this program.
func ownVersion() string {
	const path = "github.com/girok/girok"
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "(unknown)"
	}
	for _, m := range append(info.Deps, &info.Main) {
		if m.Path == path && m.Version != "" {
			return m.Version
		}
	}
	return "(devel)"
}
