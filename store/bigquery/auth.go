package bigquery

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/credentials/oauth"
	"google.golang.org/grpc/keepalive"

	"github.com/girok/girok/sink"
)

const (
	defaultREST = "https://bigquery.googleapis.com/bigquery/v2"
	defaultGRPC = "bigquerystorage.googleapis.com:443"
	scope       = "https://www.googleapis.com/auth/bigquery"
)

// connect finds the credentials and makes both clients. Nothing is sent yet, but for
// what the cloud's own chain asks.
func (s *store) connect(ctx context.Context) error {
	c := &s.config
	roots, err := c.roots(s.env)
	if err != nil {
		return err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	options := []grpc.DialOption{
		grpc.WithUserAgent("girok"),
		// A connection that is silently dropped is noticed.
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: time.Minute, Timeout: 20 * time.Second}),
	}
	ref := c.reference()
	if c.Insecure {
		s.http = &http.Client{Transport: transport}
		options = append(options, grpc.WithTransportCredentials(insecure.NewCredentials()))
	} else {
		// Tokens are fetched long after this call.
		found, err := c.credentials(context.WithValue(context.Background(), oauth2.HTTPClient, &http.Client{Transport: transport, Timeout: callTimeout}), s.env)
		if err != nil {
			return err
		}
		if ref.project == "" {
			ref.project = found.ProjectID
		}
		s.http = &http.Client{Transport: &oauth2.Transport{Source: found.TokenSource, Base: transport}}
		options = append(options,
			grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12})),
			grpc.WithPerRPCCredentials(oauth.TokenSource{TokenSource: found.TokenSource}))
	}
	if ref.project == "" {
		return &sink.Refused{Err: errors.New("no project is known"), Remedy: "write table: project.dataset.table, or the key project"}
	}
	s.base = strings.TrimSuffix(orDefault(c.REST, defaultREST), "/")
	s.ref = ref
	s.grpc, err = grpc.NewClient(orDefault(c.GRPCEndpoint, defaultGRPC), options...)
	return err
}

func orDefault(s, byDefault string) string {
	if s == "" {
		return byDefault
	}
	return s
}

// roots is what ca_file adds to the system's; nil for the system's alone.
func (c *Config) roots(env sink.Env) (*x509.CertPool, error) {
	if c.CAFile == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(env.Path(c.CAFile))
	if err != nil {
		return nil, &sink.Refused{Err: err, Remedy: "mend ca_file"}
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, &sink.Refused{Err: fmt.Errorf("%s holds no certificate", c.CAFile), Remedy: "mend ca_file"}
	}
	return pool, nil
}

// credentials are those of the key, or of the cloud's own chain.
func (c *Config) credentials(ctx context.Context, env sink.Env) (*google.Credentials, error) {
	if c.KeyFile == "" {
		found, err := google.FindDefaultCredentials(ctx, scope)
		if err != nil {
			return nil, &sink.Refused{Err: err, Remedy: "give key_file, or run gcloud auth application-default login"}
		}
		return found, nil
	}
	text, err := os.ReadFile(env.Path(c.KeyFile))
	if err != nil {
		return nil, &sink.Refused{Err: err, Remedy: "mend key_file; girok reads it again"}
	}
	var key struct {
		Type    string `json:"type"`
		Project string `json:"project_id"`
	}
	if err := json.Unmarshal(text, &key); err != nil || key.Type != "service_account" {
		return nil, &sink.Refused{Err: fmt.Errorf("%s is no key of a service account", c.KeyFile), Remedy: "make one in the console under IAM, Service Accounts, Keys: JSON"}
	}
	config, err := google.JWTConfigFromJSON(text, scope)
	if err != nil {
		return nil, &sink.Refused{Err: fmt.Errorf("%s: %w", c.KeyFile, err), Remedy: "mend key_file; girok reads it again"}
	}
	return &google.Credentials{ProjectID: key.Project, TokenSource: config.TokenSource(ctx)}, nil
}
