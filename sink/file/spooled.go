package file

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"syscall"
	"time"

	"github.com/girok/girok/format"
	"github.com/girok/girok/internal/crash"
	"github.com/girok/girok/internal/disk"
	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
)

// Spooled writes batches to the end of a file that nobody else writes to. It
// implements sink.Journaled.
//
// The journal knows the file and its length before the batch, and the length and
// checksum of the batch's bytes: so what a kill leaves can be told apart from
// what was there, and completed.
type Spooled struct {
	config Config
	env    sink.Env
	format format.Formatter
	file   *owned

	packing *Packing                          // of files that were put aside; nil: none
	of      map[*sink.Origin]format.Formatter // formatters that show the process
	view    record.View
	lines   []byte // of the batch that was prepared
	crc     uint32 // of lines
	name    string // its name
	left    []byte // what of it is still to be written
}

// mark is what the journal has of a batch.
type mark struct {
	Inode  uint64 `json:"inode"`
	Size   int64  `json:"size"`   // of the file before the batch
	Length int64  `json:"length"` // of what is appended for the batch
	CRC    uint32 `json:"crc"`    // CRC-32C of that
	// Break: it begins with a line end of its own, for the file ended in the middle
	// of a line.
	Break bool `json:"break,omitempty"`
	// Skip is how many bytes of the batch's lines lie elsewhere, before Size.
	Skip  int64 `json:"skip,omitempty"`
	Began int64 `json:"began"` // when the file was begun, seconds since 1970
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func openSpooled(zstd Zstd, env sink.Env, c Config) (sink.Sink, error) {
	f, err := c.formatter(env.Location)
	if err != nil {
		return nil, &sink.Refused{Err: err, Remedy: "mend the handler's formatter"}
	}
	p, err := NewPacking(c.Rotate.Compress, zstd)
	if err != nil {
		return nil, &sink.Refused{Err: err, Remedy: "deliver with a program that has it, as girok does"}
	}
	return &Spooled{config: c, env: env, packing: p, format: format.OfService(f, env.Service), file: own(c.Endpoint(env))}, nil
}

// Close implements sink.Sink. What a batch still lacks is left to whoever has the
// journal.
func (s *Spooled) Close() error {
	f := s.file
	if s.file = nil; f == nil {
		return nil
	}
	return f.release(s)
}

// Prepare implements sink.Journaled.
func (s *Spooled) Prepare(ctx context.Context, b *sink.Batch, last sink.Mark) (sink.Mark, error) {
	s.name, s.left = "", nil
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := s.formatLines(b); err != nil {
		return nil, err
	}
	if len(s.lines) == 0 && !b.Partial {
		s.name = b.Name
		if b.Mark != nil {
			return b.Mark, nil
		}
		return last, nil
	}
	if err := s.file.take(s); err != nil {
		return nil, err
	}
	var m, before mark
	_ = json.Unmarshal(last, &before) // ours; absent, it tells nothing
	var err error
	if b.Mark == nil {
		m, err = s.place(before)
	} else if err = json.Unmarshal(b.Mark, &m); err == nil {
		m, err = s.resume(m, before, b.Partial)
	}
	if err != nil {
		return nil, failed(err)
	}
	s.name = b.Name
	return json.Marshal(m)
}

// formatLines makes the lines of a batch.
func (s *Spooled) formatLines(b *sink.Batch) error {
	var bad []sink.RowError
	var origin *sink.Origin
	f, lines, v := s.format, s.lines[:0], &s.view
	if cap(lines) > writeSize && len(s.lines) < cap(lines)/8 {
		lines = nil // of a burst that is over
	}
	sum, summed := uint32(0), 0
	for i := range b.Len() {
		if err := b.At(i, v); err != nil {
			if errors.Is(err, record.ErrEncoding) {
				return err
			}
			bad = append(bad, sink.RowError{Index: i, Reason: err.Error()})
			continue
		}
		if o := b.Origin(i); o != origin {
			origin, f = o, s.formatterOf(o)
		}
		lines = append(f.Append(lines, v), '\n')
		if len(lines)-summed >= sumAt {
			sum, summed = crc32.Update(sum, castagnoli, lines[summed:]), len(lines)
		}
	}
	s.lines, s.crc = lines, crc32.Update(sum, castagnoli, lines[summed:])
	if len(bad) > 0 {
		return &sink.Reject{Rows: bad}
	}
	return nil
}

// ofProcess is a formatter that shows something of the process.
type ofProcess interface {
	Of(pid int, started time.Time) format.Formatter
}

// formatterOf is the formatter for the records of a run: what it shows of the
// process is that of the one that logged, in whichever process the lines are
// made.
func (s *Spooled) formatterOf(o *sink.Origin) format.Formatter {
	p, ok := s.format.(ofProcess)
	if !ok {
		return s.format
	}
	f := s.of[o]
	if f == nil {
		if len(s.of) >= 64 || s.of == nil { // runs come and go
			s.of = map[*sink.Origin]format.Formatter{}
		}
		f = p.Of(o.PID, o.Started)
		s.of[o] = f
	}
	return f
}

// place finds the place of a batch of which nothing was sent: the end of the
// file, or of a new one.
func (s *Spooled) place(before mark) (mark, error) {
	f := s.file
	if err := f.open(s, before); err != nil {
		return mark{}, err
	}
	size, err := f.size()
	if err != nil {
		return mark{}, err
	}
	if s.due(size, time.Now()) {
		if err := s.rotate(); err != nil {
			return mark{}, err
		}
		size = 0
	}
	torn, err := f.torn(size)
	if err != nil {
		return mark{}, err
	}
	return s.at(size, 0, torn), nil
}

// at is the mark of the batch's lines from skip on, at the end of the file.
func (s *Spooled) at(size, skip int64, torn bool) mark {
	s.left = s.lines[skip:]
	sum := s.crc
	if torn {
		s.left = append([]byte{'\n'}, s.left...)
	}
	if torn || skip > 0 {
		sum = crc32.Checksum(s.left, castagnoli)
	}
	return mark{
		Inode: s.file.inode, Size: size, Skip: skip, Break: torn, Began: s.file.began,
		Length: int64(len(s.left)), CRC: sum,
	}
}

// sumAt is how much of the lines is summed together, in bytes: less than the
// caches that it has just come into.
const sumAt = 16 << 10

// syncData is replaced by a test that counts.
var syncData = disk.SyncData

// writeSize is how much is given to one write, in bytes.
const writeSize = 1 << 20

// Write implements sink.Sink.
func (s *Spooled) Write(ctx context.Context, b *sink.Batch) error {
	if b.Name != s.name {
		return fmt.Errorf("batch %s was not prepared", b.Name)
	}
	if len(s.lines) == 0 {
		return nil
	}
	for len(s.left) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := min(len(s.left), writeSize)
		if crash.Enabled {
			n = (n + 1) / 2
		}
		n, err := s.file.append(s.left[:n])
		s.left = s.left[n:]
		if err != nil {
			return failed(err)
		}
		crash.At(crash.Torn)
	}
	if s.config.Sync || s.env.Durable {
		if err := syncData(s.file.f); err != nil {
			return err
		}
	}
	s.file.done(s)
	return nil
}

// failed decides what waits for somebody: a path that can't be written. All else
// (a full disk, too many open files) is tried again.
func failed(err error) error {
	var refused *sink.Refused
	var retry *sink.Retry
	switch {
	case err == nil, errors.As(err, &refused), errors.As(err, &retry):
		return err
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return &sink.Refused{Err: err, Remedy: "give the user that delivers the right to write, read and rename there"}
	case errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.EISDIR), errors.Is(err, syscall.ELOOP), errors.Is(err, syscall.ENAMETOOLONG):
		return &sink.Refused{Err: err, Remedy: "give the handler the path of a file that can be made"}
	}
	return err
}
