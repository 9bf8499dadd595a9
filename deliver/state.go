package deliver

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/girok/girok/internal/disk"
	"github.com/girok/girok/internal/rights"
	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
	"github.com/girok/girok/spool"
)

// state is what a destination's holder keeps of one handler and target: how far
// each run is, as far as this process knows. Two copies are written in turn,
// numbered and with a checksum: a kill tears at most one of them. For the class
// position it is a memory aid only; the destination decides.
//
// For the classes file and name it is the journal, too.
//
// A copy: magic "girokst1", number (8 bytes), length (4), JSON, CRC-32 IEEE of
// all before (4); little endian. What follows means nothing.
type state struct {
	path   string // without .0 and .1; empty: kept in memory
	root   string // the service's folder
	number uint64
	synced uint64 // the last copy that is on the disk; 0: none is known
	torn   bool   // there were copies, and none could be read

	mu   sync.Mutex
	body stateBody
}

type stateBody struct {
	Handler string                 `json:"handler"`
	Target  string                 `json:"target"`
	Runs    map[string]*stateOfRun `json:"runs"`
	Asked   map[string]bool        `json:"asked,omitempty"`   // runs that the destination perhaps has a row of, and nobody knows
	Cause   string                 `json:"cause,omitempty"`   // why it does not deliver, whole: a run's page has room for the beginning
	Journal *entry                 `json:"journal,omitempty"` // of a batch that may be in, or a part of it
	Mark    sink.Mark              `json:"mark,omitempty"`    // of the last batch that is in
}

type stateOfRun struct {
	Next  uint64      `json:"next"`
	Index uint32      `json:"index,omitempty"`
	Lost  [][2]uint64 `json:"lost,omitempty"` // ranges that went before they were read; the last few
	// Redirected is the run that has what waited in this one: it went to another place.
	Redirected string `json:"redirected,omitempty"`
}

const (
	stateMagic = "girokst1"
	maxLost    = 64
)

func openState(dir, handler, target string) (*state, error) {
	s := &state{body: stateBody{Handler: handler, Target: target, Runs: map[string]*stateOfRun{}}}
	if dir == "" {
		return s, nil
	}
	s.root = filepath.Dir(filepath.Dir(dir)) // …/to/<destination>
	s.path = filepath.Join(dir, safeName(handler)+"-"+hash(handler, target)+".state")
	found := false
	for i := range 2 {
		n, body, err := readState(s.copyPath(uint64(i)))
		if err == nil && (body.Handler != handler || body.Target != target || n >= 1<<63) {
			err = errTorn // of another handler, or a number that nothing counts up to
		}
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case errors.Is(err, errTorn):
			s.torn = true // with both copies bad it begins at the oldest records that there are
		case err != nil:
			return nil, err
		case !found || n > s.number:
			found, s.number, s.body = true, n, body
		}
	}
	s.torn = s.torn && !found
	if s.body.Runs == nil {
		s.body.Runs = map[string]*stateOfRun{}
	}
	return s, nil
}

// safeName makes a handler's name part of a file's name.
func safeName(name string) string {
	b := []byte(name)
	for i, c := range b {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-' {
			continue
		}
		b[i] = '_'
	}
	return string(b[:min(len(b), 64)])
}

func (s *state) copyPath(number uint64) string { return fmt.Sprintf("%s.%d", s.path, number&1) }

var errTorn = errors.New("deliver: a copy of the state is torn")

func readState(path string) (number uint64, body stateBody, err error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0, body, err
	}
	const fixed = 8 + 8 + 4
	if len(b) < fixed+4 || string(b[:8]) != stateMagic {
		return 0, body, errTorn
	}
	n := uint64(binary.LittleEndian.Uint32(b[16:]))
	if uint64(len(b)) < fixed+n+4 {
		return 0, body, errTorn
	}
	if crc32.ChecksumIEEE(b[:fixed+n]) != binary.LittleEndian.Uint32(b[fixed+n:]) {
		return 0, body, errTorn
	}
	if err := json.Unmarshal(b[fixed:fixed+n], &body); err != nil {
		return 0, body, errTorn
	}
	return binary.LittleEndian.Uint64(b[8:]), body, nil
}

// write makes the next copy.
func (s *state) write() error { return s.save(false) }

// save makes the next copy. synced: it is on the disk when save returns.
//
// Copies are written in turn; but one that is on the disk for sure stays until
// another is, so that a power cut can't take both.
func (s *state) save(synced bool) error {
	if s.path == "" {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	body, err := json.Marshal(&s.body)
	if err != nil {
		return err
	}
	n := s.number + 1
	if s.synced != 0 && n&1 == s.synced&1 {
		n++
	}
	b := append([]byte(stateMagic), make([]byte, 12)...)
	binary.LittleEndian.PutUint64(b[8:], n)
	binary.LittleEndian.PutUint32(b[16:], uint32(len(body)))
	b = append(b, body...)
	b = binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
	b = append(b, make([]byte, -len(b)&(statePage-1))...)
	if err := s.writeCopy(n, b, synced); err != nil {
		return err
	}
	if s.number = n; synced {
		s.synced = n
	}
	return nil
}

// statePage is what a copy is filled up to: the sync of a file that does not grow
// need not write more than its data.
const statePage = 4096

func (s *state) writeCopy(number uint64, b []byte, synced bool) error {
	path, made := s.copyPath(number), false
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if errors.Is(err, fs.ErrNotExist) { // the first time; or somebody has removed the folder
		made = true
		if err = rights.MkdirAll(filepath.Dir(path)); err == nil {
			f, err = rights.OpenFile(path, os.O_WRONLY)
		}
	}
	if err != nil {
		return err
	}
	_, err = f.WriteAt(b, 0)
	if err == nil && synced {
		err = disk.SyncData(f)
	}
	for dir := filepath.Dir(path); err == nil && synced && made && dir != filepath.Dir(s.root); dir = filepath.Dir(dir) {
		err = spool.SyncDir(dir)
	}
	return errors.Join(err, f.Close())
}

func (s *state) next(id record.RunID) (record.Place, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.body.Runs[id.String()]
	if r == nil {
		return record.Place{}, false
	}
	return record.Place{Position: r.Next, Index: r.Index}, true
}

func (s *state) run(id record.RunID) *stateOfRun {
	r := s.body.Runs[id.String()]
	if r == nil {
		r = &stateOfRun{}
		s.body.Runs[id.String()] = r
	}
	return r
}

func (s *state) set(id record.RunID, at record.Place) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.run(id)
	r.Next, r.Index = at.Position, at.Index
	delete(s.body.Asked, id.String())
}

// ask notes that the destination is asked for a run, of which it makes a row then.
// known: it has one for sure.
func (s *state) ask(id record.RunID) (known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.body.Runs[id.String()] != nil {
		return true
	}
	if s.body.Asked == nil {
		s.body.Asked = map[string]bool{}
	}
	s.body.Asked[id.String()] = true
	return false
}

// because notes why the handler does not deliver.
func (s *state) because(why string) error {
	s.mu.Lock()
	s.body.Cause = why
	s.mu.Unlock()
	return s.write()
}

// lost notes a range that was gone when the handler came to it.
func (s *state) lost(id record.RunID, from, to uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.body.Runs[id.String()]; r != nil {
		r.Lost = append(r.Lost, [2]uint64{from, to})
		r.Lost = r.Lost[max(0, len(r.Lost)-maxLost):]
	}
}

func (s *state) forget(ids []record.RunID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range ids {
		delete(s.body.Runs, id.String())
		delete(s.body.Asked, id.String())
	}
}

// runs are those that the destination may have a row of.
func (s *state) runs() (ids []record.RunID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range slices.AppendSeq(slices.Collect(maps.Keys(s.body.Runs)), maps.Keys(s.body.Asked)) {
		if id, ok := record.ParseRunID(name); ok {
			ids = append(ids, id)
		}
	}
	return ids
}
