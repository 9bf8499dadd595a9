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
)

// mark is what the journal has of a batch: its file's name. It keeps that whatever
// version makes the file in the end.
type mark struct {
	File string `json:"file,omitempty"` // "": the batch has no rows
}

// Prepare implements sink.Journaled: it makes the file, unless it is there.
func (s *store) Prepare(ctx context.Context, b *sink.Batch, _ sink.Mark) (sink.Mark, error) {
	s.name, s.made = "", ""
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m, err := s.markOf(b)
	if err != nil {
		return nil, err
	}
	if m.File != "" && b.Len() > 0 {
		if err := s.make(ctx, b, m.File); err != nil {
			return nil, failed(err)
		}
	}
	s.name = b.Name
	return json.Marshal(m)
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

// make makes the file of a batch under a name that begins with a dot, unless the
// batch is in.
func (s *store) make(ctx context.Context, b *sink.Batch, name string) error {
	if err := s.look(); err != nil {
		return err
	}
	as := filepath.Join(s.dir, name)
	switch _, err := os.Lstat(as); {
	case err == nil:
		return nil // whatever is in it: the name says which records they are
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	made := filepath.Join(s.dir, hidden+name)
	if err := s.write(ctx, b, made); err != nil {
		_ = os.Remove(made) // it is made anew; what can't be removed is swept one day
		return err
	}
	s.made, s.as = made, as
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
func (s *store) write(ctx context.Context, b *sink.Batch, path string) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	out := bufio.NewWriterSize(f, pieces(writeSize))
	if s.config.Compress == "gzip" {
		z := gzip.NewWriter(out)
		if err = s.rows(ctx, b, z); err == nil {
			err = z.Close()
		}
	} else {
		err = s.rows(ctx, b, out)
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
func (s *store) rows(ctx context.Context, b *sink.Batch, to io.Writer) error {
	s.mapper.Add(s.mapper.Discover(b))
	f := formatOf(s.config.Format, s.mapper.Columns())
	s.lines = f.begin(s.lines[:0])
	var bad []sink.RowError
	for i := range b.Len() {
		s.mapper.Reset()
		values, err := s.mapper.Row(b, i, s.values[:0])
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
