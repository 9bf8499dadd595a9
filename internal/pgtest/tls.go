//go:build unix

package pgtest

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
)

// TLS gives the server a certificate, and the authority that it asks clients'
// certificates of; all in PEM. Lines of pg_hba.conf go before those that are there.
// The server is started anew.
func (s *Server) TLS(cert, key, clients []byte, hba ...string) error {
	s.Shutdown()
	for name, text := range map[string][]byte{"server.crt": cert, "server.key": key, "clients.crt": clients} {
		if err := s.give(name, text); err != nil {
			return err
		}
	}
	before, err1 := os.ReadFile(filepath.Join(s.data(), "pg_hba.conf"))
	settings, err2 := os.ReadFile(filepath.Join(s.data(), "postgresql.conf"))
	err := errors.Join(err1, err2,
		s.give("pg_hba.conf", []byte(strings.Join(hba, "\n")+"\n"+string(before))),
		s.give("postgresql.conf", append(settings, "\nssl = on\nssl_ca_file = 'clients.crt'\n"...)))
	if err != nil {
		return err
	}
	return s.Start()
}

// give writes a file that the server may read and nobody else.
func (s *Server) give(name string, text []byte) error {
	path := filepath.Join(s.data(), name)
	if err := os.WriteFile(path, text, 0o600); err != nil || s.cred == nil {
		return err
	}
	return os.Chown(path, int(s.cred.Uid), int(s.cred.Gid))
}
