//go:build cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64)

package duckdb

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strconv"
	"strings"

	driver "github.com/duckdb/duckdb-go/v2"

	"github.com/girok/girok/sink"
)

// Held says that another process has the file open.
type Held struct {
	Path    string
	PID     int    // 0 if it is not known, as of a process in another container
	Program string // its path; "" if it is not known
}

func (h *Held) Error() string {
	who := "another process"
	if h.PID != 0 {
		who = "process " + strconv.Itoa(h.PID)
	}
	if h.Program != "" {
		who += " (" + h.Program + ")"
	}
	return fmt.Sprintf("%s is open in %s, and DuckDB gives a file to one process at a time: end that one, or, if it is girok's, ask it with girok query -c CONFIG", h.Path, who)
}

// holder is what DuckDB says of who has the lock.
var holder = regexp.MustCompile(`Conflicting lock is held(?: in (.*))? \(PID (\d+)\)`)

// openError is what DuckDB says when it can't open a file.
func openError(path, message string) error {
	if strings.Contains(message, "Could not set lock") || strings.Contains(message, "used by another process") {
		h := &Held{Path: path}
		if m := holder.FindStringSubmatch(message); m != nil {
			h.Program = m[1]
			h.PID, _ = strconv.Atoi(m[2])
		}
		return &sink.Retry{Err: h}
	}
	kind := driver.ErrorTypeInvalid
	if strings.HasPrefix(message, "IO Error: ") {
		kind = driver.ErrorTypeIO
	}
	return &driver.Error{Type: kind, Msg: message}
}

// says returns DuckDB's kind of an error, and its text.
func says(err error) (driver.ErrorType, string) {
	var e *driver.Error
	if errors.As(err, &e) {
		return e.Type, e.Msg
	}
	return driver.ErrorTypeInvalid, ""
}

// errChanged says that the table has other columns than it had.
var errChanged = errors.New("the table was changed by another program")

// isOfSchema reports whether a table or a column is not there.
func isOfSchema(err error) bool {
	kind, _ := says(err)
	return errors.Is(err, errChanged) || kind == driver.ErrorTypeCatalog || kind == driver.ErrorTypeBinder
}

// rejects reports whether a row is at fault: a constraint, or a value that
// DuckDB can't cast to what a column of others is.
func rejects(kind driver.ErrorType, text string) bool {
	switch kind {
	case driver.ErrorTypeConstraint, driver.ErrorTypeConversion, driver.ErrorTypeOutOfRange:
		return true
	}
	return strings.HasPrefix(text, "type mismatch in AppendDataChunk")
}

// failed gives an error its class, and makes the next call look again at what
// may be the cause. It is where it is decided what is tried again, what rows are
// at fault, and what waits for somebody.
func (s *store) failed(err error) error {
	if err == nil || errors.Is(err, errIn) {
		return err
	}
	var reject *sink.Reject
	var fenced *sink.Fenced
	if errors.As(err, &reject) || errors.As(err, &fenced) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	s.forget()
	var refused *sink.Refused
	if errors.As(err, &refused) {
		return err
	}
	if isOfSchema(err) { // changed since it was checked, and again
		return &sink.Refused{Err: err, Remedy: "another program changes the table; girok looks again at its next try"}
	}
	kind, text := says(err)
	if rejects(kind, text) { // but which row is not known
		return &sink.Reject{Err: errors.New(withoutValues(text))}
	}
	classed := s.ofDisk(err, text)
	if kind == driver.ErrorTypeTransaction && !errors.As(classed, &refused) { // another connection of this process changed the same
		return &sink.Retry{Err: err}
	}
	if s.conn != nil { // whatever it is, the next call begins anew
		old := s.conn.database
		s.leave()
		if kind == driver.ErrorTypeFatal || strings.Contains(text, "has been invalidated") {
			old.retire()
		}
	}
	return classed
}

// ofDisk gives a class to what the file or its disk are the cause of.
func (s *store) ofDisk(err error, text string) error {
	has := func(words ...string) bool {
		for _, w := range words {
			if strings.Contains(text, w) {
				return true
			}
		}
		return false
	}
	switch {
	case has("No space left", "disk quota exceeded"):
		return &sink.Refused{Err: err, Remedy: "make room on the disk of " + s.path}
	case has("Permission denied", "Read-only file system", "read-only mode") || errors.Is(err, fs.ErrPermission):
		return &sink.Refused{Err: err, Remedy: "give girok the right to write " + s.path + " and its folder"}
	case has("No such file", "Not a directory", "Is a directory") || errors.Is(err, fs.ErrNotExist):
		return &sink.Refused{Err: err, Remedy: "make the folder of " + s.path + " and give girok the right to write it"}
	case has("not a valid DuckDB database file"): // another kind of file, or a newer one
		return &sink.Refused{Err: err, Remedy: s.path + " is not a database of DuckDB; move it away or give another path"}
	case has("orrupt", "hecksum", "Failed to deserialize", "version number"): // damaged, or newer than this DuckDB
		return &sink.Refused{Err: err, Remedy: s.path + " is damaged, or was written by a newer DuckDB: put a copy back, or move it away with its .wal"}
	}
	return err // tried again
}

// withoutValues is an error of DuckDB's without what it quotes: that may be a
// text of a record, which belongs into no log.
func withoutValues(text string) string {
	first, last := strings.IndexAny(text, `"'`), strings.LastIndexAny(text, `"'`)
	if first < 0 || first == last {
		return text
	}
	return text[:first+1] + "…" + text[last:]
}
