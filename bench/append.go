//go:build linux

package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/girok/girok/spool"
)

const (
	payloadSize = 200
	frameSize   = 208 // with the word before it
	region      = 8 << 20

	// setups is how many spools and mappings the rounds are spread over: how the
	// kernel puts a mapping into memory decides what a copy costs, by a third.
	setups = 5
)

// appendLine measures Append alone. The control copies the same bytes, at the
// same distances, into a mapping of a file of a segment's size on the same disk,
// all of whose pages are resident and writable: what a store costs at least, in pages
// as a program gets them. Segments are made of large ones; a mapping like that takes
// half of the control's time.
//
// burst appends less at a time than the writer keeps ready ahead of its tail and
// lets the background catch up, as a program does that has other work too; flat
// out appends without a pause, so that making pages and segments is part of it.
func appendLine(b *bench) ([]row, error) {
	payload := randomPayload()
	var rows []row
	for _, c := range []struct {
		what          string
		calls, slices int
		limit         float64
	}{
		{"append of 200 B with checksum, bursts of 400 KB", 2000, 20, 5},
		{"append of 200 B with checksum, flat out (for information)", b.amount(100_000), 1, 0},
	} {
		var r results
		for range setups {
			part, err := b.appends(payload, plan{rounds: max(1, b.turns(15)/setups), slices: c.slices, calls: c.calls, chunk: 250, workers: 1})
			if err != nil {
				return nil, err
			}
			r = r.and(part)
		}
		out := r.row(1, c.what, "memcpy into a resident mapping of a file, small pages", c.limit)
		out.absolute = fmt.Sprintf("%s; %.1f page faults in 1,000 calls", r.times(1, 1), r.absolute(1, faults).median)
		rows = append(rows, out)
	}
	return rows, nil
}

func (b *bench) appends(payload []byte, p plan) (results, error) {
	dir, err := b.folder()
	if err != nil {
		return nil, err
	}
	mem, err := residentFile(filepath.Join(dir, "control"))
	if err != nil {
		return nil, err
	}
	defer syscall.Munmap(mem)
	s, err := openBare(dir)
	if err != nil {
		return nil, err
	}
	defer s.Release()
	defer s.Seal()
	w, made, failed := s.Writer(), 0, error(nil)
	ours := arm{name: "append", settle: pause, loop: func(n int) {
		for range n {
			if _, err := w.Append(payload); err != nil {
				failed = err
			}
		}
		made += n
	}}
	at := 0
	control := arm{name: "memcpy", settle: pause, loop: func(n int) {
		for range n {
			if at+frameSize > region {
				at = 0
			}
			copy(mem[at:], payload)
			at += frameSize
		}
	}}
	r, err := compete([]arm{control, ours}, p)
	if err == nil && failed != nil {
		err = failed
	}
	if err == nil {
		err = checkFrames(w.Run(), payload, made)
	}
	return r, err
}

// openBare opens a spool with one handler, which nobody delivers.
func openBare(dir string) (*spool.Spool, error) {
	s, err := spool.Open(spool.Options{Dir: dir, MaxBytes: 2 << 30, Config: spool.RunConfig{
		Service: "bench", Handlers: []spool.HandlerConfig{{Bit: 0, Name: "none", Class: "none", Keys: []byte("{}")}},
	}})
	if err == nil && s.Degraded() {
		s.Release()
		err = fmt.Errorf("no spool can be made in %s", dir)
	}
	return s, err
}

// randomPayload is what is appended: the mask of handler 0 and 192 random bytes.
func randomPayload() []byte {
	payload := make([]byte, payloadSize)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range payload {
		payload[i] = byte(random.Uint32())
	}
	copy(payload, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	return payload
}

// pause lets the background make pages and segments ready.
func pause() error {
	time.Sleep(3 * time.Millisecond)
	return nil
}

// residentFile maps a new file and touches all of its pages.
func residentFile(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := syscall.Fallocate(int(f.Fd()), 0, 0, region); err != nil {
		return nil, err
	}
	mem, err := syscall.Mmap(int(f.Fd()), 0, region, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		return nil, err
	}
	for i := range mem {
		mem[i] = 0xff
	}
	return mem, nil
}

// checkFrames looks whether every append can be read back.
func checkFrames(run *spool.Run, payload []byte, want int) error {
	r := run.Reader(0)
	defer r.Close()
	got, _, err := countFrames(r, payload)
	if err != nil {
		return err
	}
	if got != want {
		return fmt.Errorf("%d frames can be read after %d appends", got, want)
	}
	return nil
}
