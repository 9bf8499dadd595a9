package deliver

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
	"github.com/girok/girok/spool"
)

const lockName = "lock"

// Holder is the process that delivers to a destination: what it wrote into the
// destination's lock.
type Holder struct {
	PID     int
	Since   time.Time
	Version string         // of girok
	Control string         // its control socket; empty if it has none
	Unread  []record.RunID // runs that it can't read, for a newer girok wrote them
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
		case "unread":
			if id, ok := record.ParseRunID(value); ok {
				h.Unread = append(h.Unread, id)
			}
		}
	}
	return h, nil
}

// Standing is who sees to a handler of a run, and why it does not get on.
type Standing struct {
	Holder *Holder // nil: nobody delivers right now
	Cause  string  // what the last deliverer was told, whole; "" if it delivered
	// State is the path of the two copies of the handler's state, without their .0 and .1.
	State string
}

// StandingOf finds it out. An error says that it can't be, as for a class that is
// not in kinds.
func StandingOf(service string, kinds []sink.Kind, r *spool.Run, h *spool.HandlerConfig) (st Standing, err error) {
	i := slices.IndexFunc(kinds, func(k sink.Kind) bool { return k.Name() == h.Class })
	if i < 0 {
		return st, fmt.Errorf("class %q is not in this program", h.Class)
	}
	_, cfg, err := decodeKeys(kinds[i], h)
	if err != nil {
		return st, err
	}
	env, err := environment(r, h, Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return st, err
	}
	endpoint := cfg.Endpoint(env)
	s, err := openState(destinationDir(service, h.Class, endpoint), h.Name, cfg.Target())
	if err != nil {
		return st, err
	}
	st.Cause, st.State = s.body.Cause, s.path
	st.Holder, err = HolderOf(service, h.Class, endpoint)
	return st, err
}

// sign writes into the lock who holds it, and what it can't read. It is for people,
// for commands and for newer processes; the lock itself decides.
func (dest *destination) sign(f *os.File) {
	more := ""
	if c := dest.d.opts.Control; c != "" {
		more += "control " + c + "\n"
	}
	for _, id := range dest.unread {
		more += "unread " + id.String() + "\n"
	}
	signLock(f, dest.kind, dest.endpoint, more)
}

// signLock is sign for any process.
func signLock(f *os.File, kind, endpoint, more string) {
	text := fmt.Sprintf("pid %d\n%s %s\nsince %s\nversion %s\n%s", os.Getpid(), kind, endpoint, time.Now().Format(time.RFC3339), ownVersion(), more)
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
