package sqlite

import (
	"context"
	"errors"

	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"github.com/girok/girok/sink"
)

// code is SQLite's primary result code; 0 if err is not SQLite's.
func code(err error) int {
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code() & 0xff
	}
	return 0
}

// rejects reports whether a row is at fault.
func rejects(err error) bool {
	switch code(err) {
	case lib.SQLITE_CONSTRAINT, // NOT NULL, UNIQUE, CHECK, a trigger's RAISE, STRICT
		lib.SQLITE_MISMATCH, // a text as rowid
		lib.SQLITE_TOOBIG:   // longer than the database's limit
		return true
	}
	return false
}

// failed gives an error its class, and makes the next call look again at what
// may be the cause. It is where it is decided what is tried again, what rows are
// at fault, and what waits for somebody.
func (s *store) failed(err error) error {
	if err == nil {
		return nil
	}
	var reject *sink.Reject
	var fenced *sink.Fenced
	if errors.As(err, &reject) || errors.As(err, &fenced) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	s.targets.Each((*target).forget)
	var refused *sink.Refused
	if errors.As(err, &refused) {
		return err
	}
	switch code(err) {
	case lib.SQLITE_BUSY, lib.SQLITE_LOCKED: // another writer
		return &sink.Retry{Err: err}
	case lib.SQLITE_CONSTRAINT, lib.SQLITE_MISMATCH, lib.SQLITE_TOOBIG: // a row, but which is not known
		return &sink.Reject{Err: err}
	}
	s.Close() // whatever it is, the next call begins anew
	switch code(err) {
	case lib.SQLITE_ERROR: // no such table, no such column: changed since it was checked
		if now := s.ready(context.Background()); errors.As(now, &refused) {
			return now // which says what is missing
		}
		return &sink.Refused{Err: err, Remedy: "another program changed the table, or a trigger on it; girok looks again at its next try"}
	case lib.SQLITE_READONLY, lib.SQLITE_PERM, lib.SQLITE_AUTH: // rights of the file or its folder, or a read-only disk
		return &sink.Refused{Err: err, Remedy: "give girok the right to write " + s.path + " and its folder"}
	case lib.SQLITE_CANTOPEN: // rights of the folder, or no folder
		return &sink.Refused{Err: err, Remedy: "make the folder of " + s.path + " and give girok the right to write it"}
	case lib.SQLITE_NOTADB: // another kind of file, or an encrypted one
		return &sink.Refused{Err: err, Remedy: s.path + " is not a database of SQLite; move it away or give another path"}
	case lib.SQLITE_CORRUPT: // damaged
		return &sink.Refused{Err: err, Remedy: "repair " + s.path + " (sqlite3 FILE .recover), or move it away"}
	case lib.SQLITE_FULL: // the disk, a quota, or max_page_count
		return &sink.Refused{Err: err, Remedy: "make room on the disk of " + s.path}
	}
	return &sink.Retry{Err: err} // the disk (IOERR), memory, WAL locks, and what is not SQLite's
}
