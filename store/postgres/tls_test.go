//go:build unix

package postgres

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/girok/girok/internal/pgtest"
	"github.com/girok/girok/sink"
	"github.com/girok/girok/sink/sinktest"
)

// authority signs certificates of its own making.
type authority struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	file string // of its own certificate
	pem  []byte
}

func newAuthority(t testing.TB, name string) *authority {
	t.Helper()
	a := &authority{file: filepath.Join(t.TempDir(), name+".crt")}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	a.pem, _, a.key = a.sign(t, template)
	var err error
	if a.cert, err = x509.ParseCertificate(first(a.pem)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(a.file, a.pem, 0o600); err != nil {
		t.Fatal(err)
	}
	return a
}

// sign makes a certificate; an authority without a key signs its own.
func (a *authority) sign(t testing.TB, template *x509.Certificate) (cert, key []byte, _ *ecdsa.PrivateKey) {
	t.Helper()
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	by, parent := a.key, a.cert
	if by == nil {
		by, parent = k, template
	}
	der, err1 := x509.CreateCertificate(rand.Reader, template, parent, &k.PublicKey, by)
	private, err2 := x509.MarshalPKCS8PrivateKey(k)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), k
}

func first(text []byte) []byte {
	b, _ := pem.Decode(text)
	return b.Bytes
}

// TestTLS goes through the modes of sslmode with a server whose certificate is for
// localhost and not for 127.0.0.1, and which takes no connection without TLS from
// the user closed and none without a certificate from the user shown.
func TestTLS(t *testing.T) {
	s := pgtest.Own(t)
	mine, others := newAuthority(t, "mine"), newAuthority(t, "others")
	s.Run(t, "postgres", "create role closed login superuser password 'quite secret'; create role shown login superuser")
	cert, key, _ := mine.sign(t, &x509.Certificate{SerialNumber: big.NewInt(2), DNSNames: []string{"localhost"}})
	if err := s.TLS(cert, key, mine.pem, "hostnossl all closed all reject", "hostssl all shown all cert"); err != nil {
		t.Fatal(err)
	}
	shown, shownKey, _ := mine.sign(t, &x509.Certificate{SerialNumber: big.NewInt(3), Subject: pkix.Name{CommonName: "shown"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	dir := t.TempDir()
	if err := errors.Join(os.WriteFile(filepath.Join(dir, "shown.crt"), shown, 0o600), os.WriteFile(filepath.Join(dir, "shown.key"), shownKey, 0o600)); err != nil {
		t.Fatal(err)
	}
	schemas := 0
	for _, c := range []struct {
		mode, host, user, more string
		how                    string // of the connection
		remedy                 string // if it is refused
	}{
		{mode: "disable", how: "without TLS"},
		{mode: "disable", user: "closed", remedy: "pg_hba.conf"},
		{mode: "allow", how: "without TLS"},
		{mode: "allow", user: "closed", how: "TLS 1.3 with a certificate that nobody checked"},
		{mode: "prefer", how: "TLS 1.3 with a certificate that nobody checked"},
		{mode: "require", how: "TLS 1.3 with a certificate that nobody checked"},
		{mode: "require", more: "sslrootcert=" + mine.file, how: "TLS 1.3"},
		{mode: "require", more: "sslrootcert=" + others.file, remedy: "sslrootcert"},
		{mode: "verify-ca", more: "sslrootcert=" + mine.file, how: "TLS 1.3"},
		{mode: "verify-ca", more: "sslrootcert=" + others.file, remedy: "sslrootcert"},
		{mode: "verify-full", host: "localhost", more: "sslrootcert=" + mine.file, how: "TLS 1.3"},
		{mode: "verify-full", more: "sslrootcert=" + mine.file, remedy: "sslrootcert"},
		{mode: "verify-full", host: "localhost", more: "sslrootcert=" + others.file, remedy: "sslrootcert"},
		{mode: "verify-full", host: "localhost", remedy: "sslrootcert"}, // the system's authorities do not know it
		{mode: "verify-full", host: "localhost", user: "shown", more: fmt.Sprintf("sslrootcert=%s sslcert=%[2]s/shown.crt sslkey=%[2]s/shown.key", mine.file, dir), how: "TLS 1.3"},
		{mode: "verify-full", host: "localhost", user: "shown", more: "sslrootcert=" + mine.file, remedy: "pg_hba.conf"},
	} {
		if c.host == "" {
			c.host = "127.0.0.1"
		}
		if c.user == "" {
			c.user = pgtest.User
		}
		schemas++
		dsn := fmt.Sprintf("host=%s port=%d user=%s password='%s' dbname=postgres sslmode=%s %s", c.host, s.Port, c.user, pgtest.Password, c.mode, c.more)
		config := sinktest.Decode(t, Kind, fmt.Sprintf("dsn: \"%s\"\ntable: tls%d.logs\ncreate: true\n", dsn, schemas)).(Config)
		opened, err := Kind.Open(ctx, testEnv(), config)
		if c.remedy != "" {
			var refused *sink.Refused
			if !errors.As(err, &refused) || !strings.Contains(refused.Remedy, c.remedy) {
				t.Errorf("%+v: want it to be refused, got %v", c, err)
			}
			if err == nil {
				opened.Close()
			}
			continue
		}
		if err != nil {
			t.Errorf("%+v: %v", c, err)
			continue
		}
		opened.Close()
		found, err := config.Look(ctx, testEnv())
		if err != nil || len(found) == 0 || !strings.HasSuffix(found[0].Text, "as "+c.user+", "+c.how) {
			t.Errorf("%+v: got %v, %v", c, found, err)
		}
	}
}

// TestServerWithoutTLS: who asks for TLS does not go on without it.
func TestServerWithoutTLS(t *testing.T) {
	p := newPlace(t)
	c := sinktest.Decode(t, Kind, strings.Replace(p.keys(), "sslmode: disable", "sslmode: require", 1)+"create: true")
	_, err := Kind.Open(ctx, testEnv(), c)
	var refused *sink.Refused
	if !errors.As(err, &refused) || !strings.Contains(refused.Remedy, "sslmode") {
		t.Errorf("got %v", err)
	}
}
