package girok

import (
	"strings"

	"github.com/girok/girok/config"
	"github.com/girok/girok/internal/pattern"
)

// secretKey finds keys whose values are secrets.
var secretKey = pattern.Lazy{Expr: `(?i)^(.*[_.-])?(password|passwd|passphrase|pwd|secret|token|api_?key|apikey|access_?key|secret_?key|private_?key|auth|authorization|credentials?)$`}

// secretValues find values that are secrets, or have one in them, whatever their key.
var secretValues = []struct {
	what    string
	pattern *pattern.Lazy
}{
	{"a password in an address", &pattern.Lazy{Expr: `^[a-z][a-z0-9+.-]*://[^/\s:@]*:[^/\s@]+@`}},
	{"a password in a connection string", &pattern.Lazy{Expr: `(?i)(^|[\s;])(password|pwd)\s*=\s*[^\s;]+`}},
	{"a secret in an address", &pattern.Lazy{Expr: `(?i)[?&]([a-z_]*token|[a-z_]*secret|[a-z_]*password|api_?key|access_?key|sig|signature)=[^&\s]{4,}`}},
	{"a private key", &pattern.Lazy{Expr: `-----BEGIN [A-Z ]*PRIVATE KEY-----`}},
	{"a key of AWS", &pattern.Lazy{Expr: `\b(AKIA|ASIA)[0-9A-Z]{16}\b`}},
	{"a key of Google", &pattern.Lazy{Expr: `\bAIza[0-9A-Za-z_-]{35}\b`}},
	{"a token of GitHub", &pattern.Lazy{Expr: `\b(gh[pousr]_[0-9A-Za-z]{36}|github_pat_[0-9A-Za-z_]{40,})`}},
	{"a token of GitLab", &pattern.Lazy{Expr: `\bglpat-[0-9A-Za-z_-]{20,}`}},
	{"a key of an AI service", &pattern.Lazy{Expr: `\bsk-[0-9A-Za-z_-]{20,}`}},
	{"a token of Slack", &pattern.Lazy{Expr: `\bxox[abprs]-[0-9A-Za-z-]{10,}|hooks\.slack\.com/services/T`}},
	{"a key of a payment service", &pattern.Lazy{Expr: `\b[sr]k_live_[0-9A-Za-z]{16,}`}},
	{"a JSON Web Token", &pattern.Lazy{Expr: `\beyJ[0-9A-Za-z_-]{8,}\.eyJ[0-9A-Za-z_-]{8,}\.`}},
	{"credentials of HTTP", &pattern.Lazy{Expr: `(?i)^(basic|bearer)\s+[0-9A-Za-z._~+/=-]{8,}$`}},
}

// namesOnly are keys whose texts are names, and no values.
var namesOnly = map[string]bool{
	"columns": true, "redact": true, "rename_fields": true, "reserved_attrs": true, "format": true, "fmt": true,
	"loggers": true, "extends": true, "credentials_file": true,
}

// clearSecrets warns of secrets that stand in the file themselves. The warning does
// not show them.
func clearSecrets(n *config.Node, key string, ps *config.Problems) {
	switch n.Kind() {
	case config.Map:
		for _, k := range n.Keys() {
			if !namesOnly[k.Name] {
				clearSecrets(n.Get(k.Name), k.Name, ps)
			}
		}
	case config.List:
		for i, item := range n.Items() {
			inside := ""
			if key == "credentials" && i == 1 { // of a user and a password
				inside = "password"
			}
			clearSecrets(item, inside, ps)
		}
	case config.Scalar:
		clearSecret(n, key, ps)
	}
}

func clearSecret(n *config.Node, key string, ps *config.Problems) {
	text := n.Raw()
	if text == "" || strings.Contains(text, "${") || strings.HasPrefix(text, "ext://") || strings.HasPrefix(text, "cfg://") {
		return
	}
	const hint = "write ${NAME} for an environment variable, or ${file:/run/secrets/name}"
	for _, s := range secretValues {
		if s.pattern.Get().MatchString(text) {
			ps.AddHint(n.Pos(), n.Path(), hint, "holds %s, in clear text", s.what)
			return
		}
	}
	if _, isText := n.PyScalar().(string); isText && secretKey.Get().MatchString(key) {
		ps.AddHint(n.Pos(), n.Path(), hint, "looks like a secret, in clear text")
	}
}
