package deliver

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/girok/girok/internal/rights"
	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
	"github.com/girok/girok/spool"
)

// Letter is a record that its destination refused for good: the frame, where it
// was meant to go, and why it is not there. It stays until it is dropped or given back.
type Letter struct {
	Handler  string    `json:"handler"`
	Target   string    `json:"target"`
	Run      string    `json:"run"`
	Position uint64    `json:"position"`
	Index    uint32    `json:"index"`
	Reason   string    `json:"reason"`
	At       time.Time `json:"at"`
	Service  string    `json:"service"`
	Version  string    `json:"version,omitempty"`
	Host     string    `json:"host,omitempty"`
	Frame    []byte    `json:"frame"` // payload, base64
	File     string    `json:"-"`     // where it lies
}

// letters writes the dead letters of one handler and target. A letter is first a
// try: it counts once the destination has moved past its record, and goes if
// the whole batch is taken back. So a record is in the destination or in the
// letters, never both, wherever the process dies.
type letters struct {
	dir     string
	handler string
	target  string
	spool   *spool.Spool
	log     *slog.Logger
	held    int64  // bytes of those that count: nobody could drop the others
	open    []try  // that are not settled
	reason  string // of the last of them
}

type try struct {
	sink.Item
	bytes int64
}

const (
	letterSuffix = ".json"
	trySuffix    = ".try"
	newSuffix    = ".new"
	// letterShare is the part of the spool's limit that letters may take: a tenth. Those
	// of one batch go beyond it: they count together, or none does.
	letterShare = 10
)

// openLetters finds the letters' folder; inMemory: there is none.
func openLetters(sp *spool.Spool, inMemory bool, handler, target string, log *slog.Logger) (*letters, error) {
	l := &letters{handler: handler, target: target, spool: sp, log: log}
	if inMemory {
		return l, nil
	}
	l.dir = letterDir(sp.Dir(), handler, target)
	entries, err := os.ReadDir(l.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), newSuffix) {
			os.Remove(filepath.Join(l.dir, e.Name())) // half written when a process died
		}
	}
	l.measure()
	return l, nil
}

// letterDir is the folder of the letters of a handler and target.
func letterDir(service, handler, target string) string {
	return filepath.Join(service, "dead", safeName(handler)+"-"+hash(target))
}

// measure looks how much the letters take: somebody may have dropped some.
func (l *letters) measure() {
	entries, _ := os.ReadDir(l.dir)
	l.held = 0
	for _, e := range entries {
		if st, err := e.Info(); err == nil && strings.HasSuffix(e.Name(), letterSuffix) {
			l.held += st.Size()
		}
	}
}

func letterName(run record.RunID, at record.Place) string {
	return fmt.Sprintf("%s-%016x-%d", run, at.Position, at.Index)
}

// try writes a letter that does not count yet. durable: it is on the disk before
// the batch goes on without its record.
func (l *letters) try(it sink.Item, reason string, durable bool) error {
	if slices.ContainsFunc(l.open, func(o try) bool { return o.Origin.Run == it.Origin.Run && o.Place == it.Place }) {
		return nil // an earlier try wrote it
	}
	if l.dir == "" {
		l.log.Error("a record is lost: its destination refuses it, and there is no folder for dead letters", "handler", l.handler, "reason", reason)
		l.open = append(l.open, try{Item: sink.Item{Origin: it.Origin, Place: it.Place}})
		return nil
	}
	limit := l.spool.Limit() / letterShare
	if limit > 0 && l.held > limit {
		l.measure()
	}
	if limit > 0 && l.held > limit {
		return &sink.Refused{
			Err:    fmt.Errorf("the dead letters take %d bytes, more than a tenth of the spool; the last: %s", l.held, reason),
			Remedy: "look at them with `girok dead ls`, mend the cause, and remove them with `girok dead drop`: they lie in " + l.dir,
		}
	}
	b, err := json.Marshal(&Letter{
		Handler: l.handler, Target: l.target, Run: it.Origin.Run.String(), Position: it.Place.Position, Index: it.Place.Index,
		Reason: reason, At: time.Now().UTC(), Service: it.Origin.Service, Version: it.Origin.Version, Host: it.Origin.Host, Frame: it.Payload,
	})
	if err != nil {
		return err
	}
	if err := rights.MkdirAll(l.dir); err != nil {
		return err
	}
	name := filepath.Join(l.dir, letterName(it.Origin.Run, it.Place)+trySuffix)
	if err := writeFile(name+newSuffix, b, durable); err != nil {
		return err
	}
	if err := os.Rename(name+newSuffix, name); err != nil {
		return err
	}
	if durable {
		if err := spool.SyncDir(l.dir); err != nil {
			return err
		}
	}
	l.reason = reason
	l.open = append(l.open, try{sink.Item{Origin: it.Origin, Place: it.Place}, int64(len(b))})
	return nil
}

// writeFile is os.WriteFile, with the bytes on the disk if durable.
func writeFile(name string, b []byte, durable bool) error {
	f, err := rights.OpenFile(name, os.O_WRONLY|os.O_TRUNC)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil && durable {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// settle makes the tries count that the destination has moved past, and returns
// how many there were of each run.
func (l *letters) settle(moves []sink.Move) (settled map[record.RunID]int, err error) {
	if len(l.open) == 0 {
		return nil, nil
	}
	settled = map[record.RunID]int{}
	n := 0
	keep := l.open[:0]
	for _, it := range l.open {
		i := slices.IndexFunc(moves, func(m sink.Move) bool { return m.Run == it.Origin.Run && it.Place.Compare(m.To) < 0 })
		if i < 0 {
			keep = append(keep, it)
			continue
		}
		name := filepath.Join(l.dir, letterName(it.Origin.Run, it.Place))
		if l.dir == "" {
			settled[it.Origin.Run]++
			continue
		}
		if rerr := os.Rename(name+trySuffix, name+letterSuffix); rerr != nil && !errors.Is(rerr, fs.ErrNotExist) {
			err = errors.Join(err, rerr)
			keep = append(keep, it)
			continue
		}
		settled[it.Origin.Run]++
		l.held += it.bytes
		n++
	}
	l.open = keep
	l.tell(n)
	return settled, err
}

// tell tells of n letters that count now.
func (l *letters) tell(n int) {
	if n == 0 {
		return
	}
	args := []any{"handler", l.handler, "records", n}
	if l.reason != "" { // not of those that an earlier process wrote
		args = append(args, "reason", l.reason)
	}
	l.log.Warn("records that their destination does not take went to the dead letters; `girok dead ls` shows them", args...)
}

// dropTries takes the tries back.
func (l *letters) dropTries() { l.keepTries(nil) }

// keepTries takes back the tries that a batch was not sent without; nil: all.
func (l *letters) keepTries(e *entry) {
	keep := l.open[:0]
	for _, it := range l.open {
		switch {
		case e != nil && e.out(&it.Item) != nil:
			keep = append(keep, it)
		case l.dir != "":
			os.Remove(filepath.Join(l.dir, letterName(it.Origin.Run, it.Place)+trySuffix))
		}
	}
	l.open = keep
}

// resume settles the tries of a run that an earlier process left: those that the
// destination has passed count, the others go.
func (l *letters) resume(run record.RunID, next record.Place) error {
	if l.dir == "" {
		return nil
	}
	entries, err := os.ReadDir(l.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	n := 0
	for _, e := range entries {
		name, isTry := strings.CutSuffix(e.Name(), trySuffix)
		if !isTry || !strings.HasPrefix(name, run.String()+"-") {
			continue
		}
		position, index, _ := strings.Cut(name[len(run.String())+1:], "-")
		pos, perr := strconv.ParseUint(position, 16, 64)
		idx, ierr := strconv.ParseUint(index, 10, 32)
		if perr != nil || ierr != nil {
			continue
		}
		at := record.Place{Position: pos, Index: uint32(idx)}
		path := filepath.Join(l.dir, name)
		if at.Compare(next) < 0 {
			err = errors.Join(err, os.Rename(path+trySuffix, path+letterSuffix))
			n++
		} else {
			err = errors.Join(err, os.Remove(path+trySuffix))
		}
	}
	if n > 0 {
		l.measure()
		l.tell(n)
	}
	return err
}

// letterFiles lists the files of the letters in the folders of dead. It does without
// filepath.Glob: the path of a spool may hold brackets.
func letterFiles(dead string) (files []string, err error) {
	folders, err := os.ReadDir(dead)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, folder := range folders {
		if !folder.IsDir() {
			continue
		}
		entries, err := os.ReadDir(filepath.Join(dead, folder.Name()))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		for _, e := range entries {
			if strings.HasSuffix(e.Name(), letterSuffix) {
				files = append(files, filepath.Join(dead, folder.Name(), e.Name()))
			}
		}
	}
	return files, nil
}

// Letters lists a service's dead letters, oldest first. dir is the service's
// folder in the spool.
func Letters(dir string) (list []Letter, err error) {
	files, err := letterFiles(filepath.Join(dir, "dead"))
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		b, rerr := os.ReadFile(f)
		if errors.Is(rerr, fs.ErrNotExist) {
			continue
		}
		var l Letter
		if rerr == nil {
			rerr = json.Unmarshal(b, &l)
		}
		if rerr != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", f, rerr))
			continue
		}
		l.File = f
		list = append(list, l)
	}
	sort.SliceStable(list, func(i, j int) bool {
		a, b := &list[i], &list[j]
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.File, b.File)) < 0
	})
	return list, err
}
