package spool

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/girok/girok/internal/random"
	"github.com/girok/girok/internal/rights"
	"github.com/girok/girok/record"
)

// madePrefix marks a run that is being made whole; nobody delivers it yet.
const madePrefix = ".made-"

// Made is a dead run that somebody makes whole before it is delivered, such as one
// of dead letters that are given back. It is not safe for concurrent use.
type Made struct {
	ID   record.RunID
	runs string
	name string
	cfg  RunConfig
	seg  *segment
	at   uint64
	n    uint64
}

// Make begins a run in a service's folder that nobody sees until Publish. It is the newest
// one, unless cfg says when it was created.
func Make(service string, cfg RunConfig) (*Made, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	runs, err := prepareDirs(service, rights.Group(service))
	if err != nil {
		return nil, err
	}
	m := &Made{ID: record.RunID(random.Uint64()), runs: runs, cfg: cfg}
	if m.cfg.begin(m.ID, runs); !cfg.Created.IsZero() {
		m.cfg.Created, m.cfg.Began = cfg.Created, cfg.Began
	}
	m.name = m.cfg.folder()
	if err := rights.Mkdir(m.hidden()); err != nil {
		return nil, err
	}
	if err := rights.WriteFile(filepath.Join(m.hidden(), lockFileName), nil); err != nil {
		m.Discard()
		return nil, err
	}
	return m, nil
}

func (m *Made) hidden() string { return filepath.Join(m.runs, madePrefix+m.name) }

// Append adds one record's payload, which is the caller's again afterwards.
func (m *Made) Append(payload []byte) error {
	if len(payload) > record.MaxPayload || len(payload) < minPayload {
		return ErrLength
	}
	need := frameSize(len(payload))
	if m.seg == nil || m.at+need > m.seg.size {
		if err := m.roll(); err != nil {
			return err
		}
	}
	pos := m.seg.base + m.at
	if err := m.seg.write(pos, frameWord(m.seg.sum(payload), len(payload), m.seg.salt, pos), payload); err != nil {
		return err
	}
	m.at += need
	return nil
}

func (m *Made) roll() error {
	h := header{seq: m.n + 1, size: fullSegment, run: m.ID}
	if m.seg != nil {
		if m.at < m.seg.size {
			pos := m.seg.base + m.at
			if err := m.seg.write(pos, padWord(m.seg.end()-pos, m.seg.salt, pos), nil); err != nil {
				return err
			}
		}
		if err := m.closeSegment(); err != nil {
			return err
		}
		h.base = m.seg.end()
	}
	m.n++
	seg, err := newPlainSegment(filepath.Join(m.hidden(), segmentName(m.n)), h)
	if err != nil {
		return err
	}
	m.seg, m.at = seg, headerSize
	return nil
}

func (m *Made) closeSegment() error {
	return errors.Join(m.seg.sync(), m.seg.f.Close())
}

// Seal ends the run and puts it on the disk. It is still hidden.
func (m *Made) Seal() error {
	if m.seg != nil {
		if err := m.closeSegment(); err != nil {
			return err
		}
	}
	b, err := json.MarshalIndent(&m.cfg, "", " ")
	if err != nil {
		return err
	}
	f, err := rights.OpenFile(filepath.Join(m.hidden(), configFile), os.O_EXCL|os.O_WRONLY)
	if err != nil {
		return err
	}
	_, err = f.Write(append(b, '\n'))
	return errors.Join(err, f.Sync(), f.Close(), SyncDir(m.hidden()), SyncDir(m.runs))
}

// Publish lets others deliver the run, after Seal.
func (m *Made) Publish() error {
	if err := os.Rename(m.hidden(), filepath.Join(m.runs, m.name)); err != nil {
		return err
	}
	return SyncDir(m.runs)
}

// Discard removes what was made; after Publish it does nothing.
func (m *Made) Discard() { os.RemoveAll(m.hidden()) }

// PublishMade publishes the sealed run of an id that a process left hidden. found
// is false if there is none: it was published, or never sealed.
func PublishMade(service string, id record.RunID) (found bool, err error) {
	runs := filepath.Join(service, "runs")
	names, err := madeIn(runs)
	i := slices.IndexFunc(names, func(name string) bool { return strings.HasSuffix(name, "-"+id.String()) })
	if err != nil || i < 0 {
		return false, err
	}
	m := &Made{runs: runs, name: strings.TrimPrefix(names[i], madePrefix)}
	return true, m.Publish()
}

// DiscardMade removes the runs that processes left hidden. Nobody may be making
// one.
func DiscardMade(service string) error {
	runs := filepath.Join(service, "runs")
	names, err := madeIn(runs)
	for _, name := range names {
		if rerr := os.RemoveAll(filepath.Join(runs, name)); rerr != nil && !errors.Is(rerr, fs.ErrNotExist) {
			err = errors.Join(err, rerr)
		}
	}
	return err
}

// madeIn names the hidden runs in a folder.
func madeIn(runs string) (names []string, err error) {
	entries, err := os.ReadDir(runs)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), madePrefix) {
			names = append(names, e.Name())
		}
	}
	return names, nil
}
