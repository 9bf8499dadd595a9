package deliver

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/girok/girok/internal/crash"
	"github.com/girok/girok/record"
	"github.com/girok/girok/spool"
)

// errReplaying says that somebody else gives letters back just now.
var errReplaying = errors.New("deliver: another process gives dead letters of the service back just now; try again")

// note is what stands on the disk while letters, or a loss, become a run: with it
// and the hidden run, the run is published; with it alone, it was, and the letters
// go.
type note struct {
	Run     string   `json:"run"`
	Letters []string `json:"letters"` // files, relative to the folder of the letters
	Gap     *gapNote `json:"gap,omitempty"`

	Redirect *redirectNote `json:"redirect,omitempty"` // what else has to be so, for the run to be published
}

const noteSuffix = ".replay"

// Replay gives dead letters back to their handler, as a run that is drained like
// any other: by whoever delivers for the service. cfg is the configuration of that
// run, with the one handler; all letters are of one service, version and host,
// and of that handler. The records keep their first ids. service is the service's
// folder in the spool. Wherever the process dies, each letter is given back once;
// those that somebody has given back or dropped since they were listed are left out.
func Replay(service string, cfg spool.RunConfig, letters []*Letter) error {
	lock, err := replayLock(service)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := recoverReplays(service); err != nil {
		return err
	}
	if letters, err = stillThere(letters); err != nil || len(letters) == 0 {
		return err
	}
	n, err := makeReplay(service, cfg, letters)
	if err != nil {
		return err
	}
	crash.At(crash.ReplayMade)
	if err := writeNote(service, n); err != nil {
		return err
	}
	crash.At(crash.ReplayNoted)
	return finishReplay(service, n)
}

// stillThere picks the letters whose files are there.
func stillThere(letters []*Letter) (left []*Letter, err error) {
	for _, l := range letters {
		switch _, serr := os.Stat(l.File); {
		case serr == nil:
			left = append(left, l)
		case !errors.Is(serr, fs.ErrNotExist):
			err = errors.Join(err, serr)
		}
	}
	return left, err
}

// makeReplay makes the run, which nobody sees yet.
func makeReplay(service string, cfg spool.RunConfig, letters []*Letter) (*note, error) {
	m, err := spool.Make(service, cfg)
	if err != nil {
		return nil, err
	}
	n := &note{Run: m.ID.String()}
	var v record.View
	var buf []byte
	for _, l := range letters {
		run, ok := record.ParseRunID(l.Run)
		if err = v.Parse(l.Frame); err != nil || !ok {
			m.Discard()
			return nil, fmt.Errorf("%s: the record in it can't be read (%w)", l.File, err)
		}
		buf = v.AppendAgain(buf[:0], l.Frame, cfg.Mask(), run, record.Place{Position: l.Position, Index: l.Index})
		if err = m.Append(buf); err != nil {
			m.Discard()
			return nil, fmt.Errorf("%s: %w", l.File, err)
		}
		name, rerr := filepath.Rel(filepath.Join(service, "dead"), l.File)
		if rerr != nil {
			m.Discard()
			return nil, rerr
		}
		n.Letters = append(n.Letters, name)
	}
	if err := m.Seal(); err != nil {
		m.Discard()
		return nil, err
	}
	return n, nil
}

func notePath(service, run string) string { return filepath.Join(service, "dead", run+noteSuffix) }

func writeNote(service string, n *note) error {
	b, err := json.Marshal(n)
	if err != nil {
		return err
	}
	path := notePath(service, n.Run)
	if err := writeFile(path+newSuffix, b, true); err != nil {
		return err
	}
	if err := os.Rename(path+newSuffix, path); err != nil {
		return err
	}
	return spool.SyncDir(filepath.Dir(path))
}

// finishReplay publishes the run of a note, unless it was, and deletes its letters.
func finishReplay(service string, n *note) error {
	id, ok := record.ParseRunID(n.Run)
	if !ok {
		return fmt.Errorf("deliver: a note of a replay names no run: %q", n.Run)
	}
	if n.Gap != nil {
		if err := n.Gap.settle(service); err != nil {
			return err
		}
	}
	if _, err := spool.PublishMade(service, id); err != nil {
		return err
	}
	crash.At(crash.ReplayPublished)
	for _, name := range n.Letters {
		if !filepath.IsLocal(name) {
			return fmt.Errorf("deliver: a note of a replay names %q, which is no letter", name)
		}
		if err := os.Remove(filepath.Join(service, "dead", name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		crash.At(crash.ReplayLetter)
	}
	crash.At(crash.ReplayEnded)
	return os.Remove(notePath(service, n.Run))
}

// RecoverReplays ends what processes that died had begun to give back.
func RecoverReplays(service string) error {
	lock, err := replayLock(service)
	switch {
	case errors.Is(err, errReplaying), errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	}
	defer lock.Close()
	return recoverReplays(service)
}

func recoverReplays(service string) error {
	entries, err := os.ReadDir(filepath.Join(service, "dead"))
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), noteSuffix) {
			continue
		}
		b, err := os.ReadFile(filepath.Join(service, "dead", e.Name()))
		if err != nil {
			return err
		}
		var n note
		if err := json.Unmarshal(b, &n); err != nil {
			return fmt.Errorf("%s: %w", filepath.Join(service, "dead", e.Name()), err)
		}
		if n.Redirect != nil {
			switch counts, err := n.Redirect.counts(service, n.Run); {
			case err != nil:
				return err
			case !counts: // the records are where they were
				if err := os.Remove(filepath.Join(service, "dead", e.Name())); err != nil {
					return err
				}
				continue
			}
		}
		if err := finishReplay(service, &n); err != nil {
			return err
		}
	}
	return spool.DiscardMade(service)
}

func replayLock(service string) (*os.File, error) {
	f, err := spool.TryLock(filepath.Join(service, "dead", "lock"))
	if f == nil && err == nil {
		err = errReplaying
	}
	return f, err
}
