package files

import (
	"bufio"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/girok/girok/internal/crash"
	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
	"github.com/girok/girok/sink/table"
)

// mark is what the journal has of a batch: the name of its file, in each folder that
// it has records for. It keeps that whatever version makes the file in the end.
type mark struct {
	File string `json:"file,omitempty"` // "": the batch has no rows
}

// Fit implements sink.Cutter.
func (s *store) Fit(b *sink.Batch) int { return s.parts.Fit(b) }

// Prepare implements sink.Journaled: it makes the files, unless they are there.
func (s *store) Prepare(ctx context.Context, b *sink.Batch, _ sink.Mark) (sink.Mark, error) {
	s.name, s.made = "", nil
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m, err := s.markOf(b)
	if err != nil {
		return nil, err
	}
	if m.File != "" {
		if err := s.make(ctx, b, m.File); err != nil {
			s.made = nil
			return nil, failed(err)
		}
	}
	s.name = b.Name
	return json.Marshal(m)
}

// make makes the file of each part of a batch.
func (s *store) make(ctx context.Context, b *sink.Batch, name string) error {
	parts, err := s.parts.Cut(b)
	if err != nil {
		return err
	}
	s.folders.Trim()
	for i := range parts {
		if err := s.makePart(ctx, &parts[i], name); err != nil {
			return parts[i].Of(err)
		}
	}
	return nil
}

func (s *store) markOf(b *sink.Batch) (m mark, err error) {
	if b.Mark != nil {
		err = json.Unmarshal(b.Mark, &m)
		if err == nil && m.File != "" && filepath.Base(m.File) != m.File {
			err = fmt.Errorf("the journal names %q, which is no file of the folder", m.File)
		}
		return m, err
	}
	if b.Len() == 0 {
		return m, nil
	}
	var v record.View
	first := time.Time{}
	if b.At(0, &v) == nil { // else the row is rejected, and the batch gets another name
		first = v.Time()
	}
	m.File = fileName(first, b.Name) + s.config.extension()
	return m, nil
}

// maxBatchName is how long a batch's name may be in a file's name, in bytes; most
// file systems allow 255 in all. A longer one, of a handler with a long name, is cut
// at its beginning and gets a hash of the whole.
const maxBatchName = 180

// fileName is the name of a file without what it ends in. Sorted, the names of
// files are in the order of their first records.
func fileName(first time.Time, batch string) string {
	name := url.PathEscape(batch)
	if len(name) > maxBatchName {
		sum := sha256.Sum256([]byte(batch))
		name = hex.EncodeToString(sum[:8]) + name[len(name)-maxBatchName+16:]
	}
	return first.UTC().Format("20060102T150405Z") + "-" + name
}

// makePart makes the file of a part under a name that begins with a dot, unless it is
// in.
func (s *store) makePart(ctx context.Context, p *table.Part, name string) error {
	f := s.folders.At(p.Table)
	if err := s.look(f); err != nil {
		return err
	}
	as := filepath.Join(f.dir, name)
	switch _, err := os.Lstat(as); {
	case err == nil:
		return nil // whatever is in it: the name says which records they are
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	path := filepath.Join(f.dir, hidden+name)
	if err := s.write(ctx, f.mapper, p.Batch, path); err != nil {
		_ = os.Remove(path) // it is made anew; what can't be removed is swept one day
		return err
	}
	s.made = append(s.made, made{path, as})
	return nil
}

// How much is given to one write, and how much of it is made at a time, in bytes.
const (
	writeSize = 256 << 10
	lineSize  = 16 << 10
)

// pieces is n, or few bytes where a kill is to find half a file.
func pieces(n int) int {
	if crash.Enabled {
		return 1 << 10
	}
	return n
}

// write writes all rows of a batch to a file, and puts it on the disk.
func (s *store) write(ctx context.Context, m *table.Mapper, b *sink.Batch, path string) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	out := bufio.NewWriterSize(f, pieces(writeSize))
	if s.config.Compress == "gzip" {
		z := gzip.NewWriter(out)
		if err = s.rows(ctx, m, b, z); err == nil {
			err = z.Close()
		}
	} else {
		err = s.rows(ctx, m, b, out)
	}
	if err == nil {
		err = out.Flush()
	}
	if err == nil {
		err = f.Sync()
	}
	return err
}

// rows writes the rows of a batch. All that are bad are named at once.
func (s *store) rows(ctx context.Context, m *table.Mapper, b *sink.Batch, to io.Writer) error {
	m.Add(m.Discover(b))
	f := formatOf(s.config.Format, m.Columns())
	s.lines = f.begin(s.lines[:0])
	var bad []sink.RowError
	for i := range b.Len() {
		m.Reset()
		values, err := m.Row(b, i, s.values[:0])
		s.values = values
		if errors.Is(err, record.ErrEncoding) {
			return err
		}
		if err != nil {
			bad = append(bad, sink.RowError{Index: i, Reason: err.Error()})
			continue
		}
		if len(bad) > 0 {
			continue // it is not kept
		}
		if s.lines = f.row(s.lines, values); len(s.lines) < pieces(lineSize) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if _, err := to.Write(s.lines); err != nil {
			return err
		}
		s.lines = s.lines[:0]
		crash.At(crash.Torn)
	}
	if len(bad) > 0 {
		return &sink.Reject{Rows: bad}
	}
	_, err := to.Write(s.lines)
	return err
}
