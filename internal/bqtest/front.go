package bqtest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// project is that of the key.
const project = "p"

// Front is a proxy with TLS before an emulator or a fake. It lets in who has a token,
// and gives tokens for what the key of a service account has signed, as
// https://developers.google.com/identity/protocols/oauth2/service-account says.
type Front struct {
	REST    string // address of the REST interface, with its scheme
	GRPC    string // host and port of gRPC: the same
	CAFile  string // the authority that signed its certificate
	KeyFile string // of the service account

	mu     sync.Mutex
	public *rsa.PublicKey
	token  string
	given  int // tokens
}

// grant is what the form of a request for a token says.
const grant = "urn:ietf:params:oauth:grant-type:jwt-bearer"

// NewFront starts a proxy before a REST interface, an address with its scheme, and
// gRPC without TLS at host and port. It ends with the test.
func NewFront(t testing.TB, rest, grpc string) *Front {
	t.Helper()
	f := &Front{}
	dir := t.TempDir()
	cert, authority, err := certificate()
	if err != nil {
		t.Fatal(err)
	}
	tokens := httptest.NewServer(http.HandlerFunc(f.exchange))
	t.Cleanup(tokens.Close)
	f.CAFile, f.KeyFile = filepath.Join(dir, "ca.pem"), filepath.Join(dir, "key.json")
	if err := errors.Join(os.WriteFile(f.CAFile, authority, 0o600), f.NewKey(tokens.URL)); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(f.guarded(proxyTo(t, rest, false), proxyTo(t, "http://"+grpc, true)))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	f.REST, f.GRPC = server.URL, strings.TrimPrefix(server.URL, "https://")
	return f
}

// NewKey makes another key, whose tokens are given at an address. The one before is
// refused from then on, and so are its tokens.
func (f *Front) NewKey(tokens string) error {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	text, err := json.Marshal(map[string]string{
		"type": "service_account", "project_id": project, "private_key_id": "1", "client_id": "1", "client_email": "girok@" + project + ".test",
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), "token_uri": tokens,
	})
	if err != nil {
		return err
	}
	f.mu.Lock()
	f.public, f.token = &key.PublicKey, rand.Text()
	f.mu.Unlock()
	return os.WriteFile(f.KeyFile, text, 0o600)
}

// Expire makes the tokens that were given worth nothing.
func (f *Front) Expire() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.token = rand.Text()
}

// Given is how many tokens were given.
func (f *Front) Given() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.given
}

// exchange gives a token for a signed claim.
func (f *Front) exchange(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	err := r.ParseForm()
	if err == nil && r.Form.Get("grant_type") != grant {
		err = fmt.Errorf("grant_type %q", r.Form.Get("grant_type"))
	}
	if err == nil {
		err = f.verify(r.Form.Get("assertion"), "http://"+r.Host)
	}
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(map[string]string{"error": "invalid_grant", "error_description": err.Error()})
		return
	}
	f.given++
	_ = json.NewEncoder(w).Encode(map[string]any{"access_token": f.token, "token_type": "Bearer", "expires_in": 3600})
}

// verify looks at the signature, and at what is claimed.
func (f *Front) verify(jwt, audience string) error {
	parts := strings.Split(jwt, ".")
	if len(parts) != 3 {
		return errors.New("no JWT")
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if err := rsa.VerifyPKCS1v15(f.public, crypto.SHA256, sum[:], signature); err != nil {
		return errors.New("the signature is not the key's")
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return err
	}
	var claim struct {
		Issuer   string `json:"iss"`
		Scope    string `json:"scope"`
		Audience string `json:"aud"`
		Until    int64  `json:"exp"`
	}
	if err := json.Unmarshal(text, &claim); err != nil {
		return err
	}
	if claim.Issuer == "" || !strings.Contains(claim.Scope, "/auth/bigquery") || claim.Audience != audience || claim.Until < time.Now().Unix() {
		return fmt.Errorf("the claim %s", text)
	}
	return nil
}

// guarded lets in who has the token.
func (f *Front) guarded(rest, grpc http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		known := r.Header.Get("Authorization") == "Bearer "+f.token
		f.mu.Unlock()
		rpc := strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc")
		switch {
		case known && rpc:
			grpc.ServeHTTP(w, r)
		case known:
			rest.ServeHTTP(w, r)
		case rpc:
			const unauthenticated = "16"
			w.Header().Set("Content-Type", "application/grpc")
			w.Header().Set("Grpc-Status", unauthenticated)
			w.Header().Set("Grpc-Message", "Request had invalid authentication credentials.")
		default:
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, `{"error":{"code":401,"message":"Request had invalid authentication credentials.","errors":[{"reason":"authError"}]}}`)
		}
	})
}

// proxyTo passes requests on, as HTTP/2 without TLS where rpc.
func proxyTo(t testing.TB, address string, rpc bool) http.Handler {
	to, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	p := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: to.Scheme, Host: to.Host})
	transport := &http.Transport{}
	if rpc {
		transport.Protocols = new(http.Protocols)
		transport.Protocols.SetUnencryptedHTTP2(true)
	}
	p.Transport, p.FlushInterval, p.ErrorLog = transport, -1, log.New(io.Discard, "", 0) // clients leave as they like
	t.Cleanup(transport.CloseIdleConnections)
	return p
}

// certificate is one for 127.0.0.1 that has signed itself, and the same as PEM.
func certificate() (c tls.Certificate, authority []byte, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return c, nil, err
	}
	about := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "girok's tests"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, about, about, &key.PublicKey, key)
	if err != nil {
		return c, nil, err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), nil
}
