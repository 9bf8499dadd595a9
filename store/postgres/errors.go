package postgres

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/girok/girok/sink"
)

// errChanged says that the table has other columns than it had.
var errChanged = errors.New("the table was changed by another program")

// code is the SQLSTATE of an error; "" if it is not the server's.
func code(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// of reports whether a code is one of these, or begins with one of two digits.
func of(code string, list ...string) bool {
	for _, c := range list {
		if code == c || len(c) == 2 && strings.HasPrefix(code, c) {
			return true
		}
	}
	return false
}

// isOfSchema reports whether a table or column is not there, or of another type
// than the bytes that were sent.
func isOfSchema(err error) bool {
	var e *pgconn.PgError
	return errors.Is(err, errChanged) ||
		errors.As(err, &e) && (of(e.Code, "42P01", "42703", "22P03") || e.Code == "08P01" && copyLine.MatchString(e.Where)) // a pooler says 08P01 too
}

// rejects reports whether a row is at fault.
func rejects(e *pgconn.PgError) bool {
	return of(e.Code,
		"22",    // a value that its column can't hold: too long, out of range, a byte that the database's encoding lacks
		"23",    // NOT NULL, UNIQUE, CHECK, a foreign key, no partition
		"44",    // a view's check option
		"54",    // too large for a page, too deep for the parser
		"P0001", // RAISE in a trigger
	) && e.Code != "22P03" && e.Code != "54023" && e.Code != "54011"
}

// isOfServer reports whether the same may go well later.
func isOfServer(e *pgconn.PgError) bool {
	return of(e.Code, "08", "40", "53", "55", "57", "58", "25P03", "XX")
}

// failed gives an error its class, and makes the next call look again at what may
// be the cause. It is where it is decided what is tried again, what rows are at
// fault, and what waits for somebody.
func (s *store) failed(ctx context.Context, err error) error {
	if err == nil || errors.Is(err, errIn) {
		return err
	}
	if ended := ctx.Err(); ended != nil {
		return fmt.Errorf("%w: %w", ended, plain(err))
	}
	var reject *sink.Reject
	var fenced *sink.Fenced
	if errors.As(err, &reject) || errors.As(err, &fenced) {
		return err
	}
	s.forget()
	var refused *sink.Refused
	if errors.As(err, &refused) {
		return err
	}
	if isOfSchema(err) { // changed since it was looked at, and again
		return &sink.Refused{Err: plain(err), Remedy: "another program changes the table, or a trigger on it does not find what it needs; girok looks again at its next try"}
	}
	var e *pgconn.PgError
	if !errors.As(err, &e) { // the network, TLS, a name that is not found; or the answer to COMMIT was lost
		s.leave()
		if remedy := ofTLS(err); remedy != "" {
			return &sink.Refused{Err: plain(err), Remedy: remedy}
		}
		return &sink.Retry{Err: plain(err)}
	}
	if rejects(e) { // but which row is not known: at a commit, in a statement's trigger, in another language
		return &sink.Reject{Err: errors.New(reason(e))}
	}
	s.leave() // whatever it is, the next call begins anew
	err = plain(err)
	switch {
	case e.Code == "08P01" && strings.Contains(e.Message, "statement pooling mode"): // PgBouncer's; girok has nothing without transactions
		return &sink.Refused{Err: err, Remedy: "set pool_mode of the pooler to transaction or session, or go round it"}
	case of(e.Code, "28"): // no such user, a wrong password, no line in pg_hba.conf
		return &sink.Refused{Err: err, Remedy: "mend user and password (girok reads them again), or the server's pg_hba.conf"}
	case of(e.Code, "3D"): // no such database
		return &sink.Refused{Err: err, Remedy: "create the database, or give another one: girok makes schemas and tables, and no databases"}
	case of(e.Code, "42501"): // rights
		return &sink.Refused{Err: err, Remedy: "girok's user needs INSERT on the table, and SELECT, INSERT, UPDATE and DELETE on " + positionTable + "; with create: true also CREATE in the schema"}
	case of(e.Code, "25006"): // a standby
		return &sink.Refused{Err: err, Remedy: "this server is a standby or takes no writes: give the primary, or several hosts in dsn with target_session_attrs=read-write"}
	case of(e.Code, "53100"): // the server's disk
		return &sink.Refused{Err: err, Remedy: "make room on the server's disk"}
	case of(e.Code, "0A", "2B", "3F", "42", "P0"): // what can't be written into, or a trigger's mistake
		return &sink.Refused{Err: err, Remedy: "mend the table, or what a trigger on it does; girok looks again at its next try"}
	}
	return &sink.Retry{Err: err} // connections, locks, deadlocks, limits of time, shutdown, a server that starts
}

// ofTLS is what to do where client and server do not agree on TLS, or on who the
// server is; "" if that is not it.
func ofTLS(err error) string {
	var verify *tls.CertificateVerificationError
	var unknown x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &verify), errors.As(err, &unknown), errors.As(err, &host), errors.As(err, &invalid):
		return "name the authority that signed the server's certificate in PGSSLROOTCERT, or sslrootcert in dsn, and the host as the certificate has it; sslmode: verify-ca does not look at the host"
	case strings.Contains(err.Error(), "server refused TLS connection"):
		return "switch TLS on at the server, or write sslmode: prefer, which goes on without it"
	}
	return ""
}

// plain is a server's error in words that hold no text of a record.
func plain(err error) error {
	var e *pgconn.PgError
	var connecting *pgconn.ConnectError
	switch {
	case errors.As(err, &connecting):
		return &said{"PostgreSQL: " + onceEach(err.Error()) + unreached(err), err}
	case errors.As(err, &e) && of(e.Code, "22", "P0"):
		return &said{fmt.Sprintf("PostgreSQL: %s (SQLSTATE %s)", withoutValues(e.Message), e.Code), err}
	case errors.As(err, &e):
		return &said{fmt.Sprintf("PostgreSQL: %s (SQLSTATE %s)", e.Message, e.Code), err}
	}
	return err
}

// onceEach writes what was tried, a line each, in one line: what failed with TLS and
// failed in the same way without stands there once.
func onceEach(text string) string {
	var parts []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); !slices.Contains(parts, line) {
			parts = append(parts, line)
		}
	}
	return strings.Join(parts, " ")
}

// unreached is what to look at where nobody answers; "" if that is not it.
func unreached(err error) string {
	var dial *net.OpError
	var name *net.DNSError
	switch {
	case errors.As(err, &name) && name.IsNotFound:
		return "; is the host right?"
	case errors.As(err, &dial) && dial.Op == "dial" && (errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ENOENT)):
		return "; is the server running, and are host and port right?"
	}
	return ""
}

// said is what is told of an error, which stays what it was.
type said struct {
	text string
	of   error
}

func (s *said) Error() string { return s.text }
func (s *said) Unwrap() error { return s.of }

// reason is why a row is at fault. Names of columns and constraints are told, values
// are not: they may be private.
func reason(e *pgconn.PgError) string {
	text := e.Message
	if !of(e.Code, "23") { // those quote names only; the values stand in the detail
		text = withoutValues(text)
	}
	if i := strings.LastIndex(e.Where, ", column "); i >= 0 {
		column, _, _ := strings.Cut(e.Where[i+len(", column "):], ":")
		column, _, _ = strings.Cut(column, "\n")
		text = "column " + column + ": " + text
	}
	return text + " (SQLSTATE " + e.Code + ")"
}

// withoutValues is a message without what it quotes.
func withoutValues(text string) string {
	first, last := strings.IndexAny(text, `"'`), strings.LastIndexAny(text, `"'`)
	if first < 0 || first == last {
		return text
	}
	return text[:first+1] + "…" + text[last:]
}
