package girok

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/girok/girok/config"
	"github.com/girok/girok/record"
)

// Config is a configuration for OpenConfig. It says what a config.yaml says, with
// the same names and defaults; what is empty is absent.
type Config struct {
	Service    string            `json:"service,omitempty"`
	Timezone   string            `json:"timezone,omitempty"`
	Formatters map[string]Keys   `json:"formatters,omitempty"`
	Handlers   map[string]Keys   `json:"handlers,omitempty"`
	Loggers    map[string]Logger `json:"loggers,omitempty"`
	Root       *Logger           `json:"root,omitempty"`
	Stack      string            `json:"stack,omitempty"` // a level's name, as ERROR
	Redact     Keys              `json:"redact,omitempty"`
	Spool      Keys              `json:"spool,omitempty"`
}

// Keys are the keys of one entry, such as a handler's: texts, numbers, booleans,
// lists and maps as in YAML, and time.Duration, and slog.Level for a level. A
// password is given as in YAML, by reference: "${DB_PASSWORD}".
type Keys map[string]any

// Logger is one entry of loggers, or root.
type Logger struct {
	Level     slog.Leveler // nil: the parent's
	Handlers  []string     // names
	Propagate *bool        // nil: true
}

// MarshalJSON writes the logger as its keys.
func (l Logger) MarshalJSON() ([]byte, error) {
	keys := Keys{}
	if l.Level != nil {
		keys["level"] = l.Level.Level()
	}
	if len(l.Handlers) > 0 {
		keys["handlers"] = l.Handlers
	}
	if l.Propagate != nil {
		keys["propagate"] = *l.Propagate
	}
	return json.Marshal(keys)
}

// MarshalJSON writes the keys as YAML has them.
func (k Keys) MarshalJSON() ([]byte, error) {
	out := make(map[string]any, len(k))
	for key, v := range k {
		out[key] = yamlValue(v)
	}
	return json.Marshal(out)
}

// yamlValue is a value as config.yaml writes it.
func yamlValue(v any) any {
	switch v := v.(type) {
	case time.Duration:
		return v.String()
	case slog.Level:
		return int(record.FromSlog(v))
	case map[string]any:
		return Keys(v)
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = yamlValue(v[i])
		}
		return list
	}
	return v
}

// OpenConfig is Open for a configuration that is a value of Go. Mistakes are told
// by the path of their key.
func OpenConfig(c Config, opts ...Option) (*Logs, error) {
	text, err := c.yaml()
	if err != nil {
		return nil, err
	}
	return OpenBytes("girok.Config", text, opts...)
}

// ReloadConfig is Reload with another value.
func (l *Logs) ReloadConfig(c Config) error {
	text, err := c.yaml()
	if err != nil {
		return err
	}
	doc, err := config.Parse("girok.Config", text)
	if err != nil {
		return err
	}
	return l.reload(doc)
}

// yaml is the configuration as a document: JSON is YAML too.
func (c Config) yaml() ([]byte, error) {
	text, err := json.MarshalIndent(struct {
		Version int `json:"version"`
		Config
	}{1, c}, "", " ")
	if err != nil {
		return nil, fmt.Errorf("girok: a value of the configuration can't be written: %w", err)
	}
	return text, nil
}
