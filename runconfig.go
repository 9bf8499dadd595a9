package girok

import (
	"encoding/json"
	"maps"
	"os"
	"runtime/debug"
	"strings"

	"github.com/girok/girok/config"
	"github.com/girok/girok/deliver"
	"github.com/girok/girok/internal/pattern"
	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
	"github.com/girok/girok/sink/file"
	"github.com/girok/girok/spool"
	"github.com/girok/girok/tree"
)

// runConfig is what a run of the spool keeps.
func (b *blueprint) runConfig() (spool.RunConfig, error) {
	host, _ := os.Hostname()
	c := spool.RunConfig{
		Service: b.keys.Service, Version: buildVersion(), Host: host,
		Timezone: b.keys.Timezone, Dir: b.dir(), Durable: b.keys.Spool.Durability == "disk",
	}
	for _, h := range b.sorted() {
		if !h.spooled || !h.used {
			continue
		}
		keys, err := b.keysOf(h)
		if err != nil {
			return c, err
		}
		c.Handlers = append(c.Handlers, spool.HandlerConfig{Bit: h.tree.Bit, Name: h.name, Class: h.kindName(), Keys: keys})
	}
	if len(c.Handlers) > 0 {
		c.GapMask = tree.New(tree.Config{Loggers: b.loggers}).Node(deliver.GapLogger).Takers(record.Error) & c.Mask()
	}
	return c, nil
}

// keys is a spooled handler's keys as the run keeps them.
func (b *blueprint) keysOf(h *handlerPlan) (json.RawMessage, error) {
	keys, err := h.node.JSON(h.keepsSecret)
	if err != nil {
		return nil, err
	}
	put := map[string]any{}
	formatter := (*config.Node)(nil)
	switch c := h.cfg.(type) {
	case file.Config:
		put["filename"], formatter = c.Filename, c.Formatter
	case sink.Behind:
		formatter = c.Formatter
	default:
		if h.foreign {
			formatter = b.keys.Formatters[h.node.Get("formatter").Raw()]
		}
	}
	if formatter != nil {
		f, err := formatter.JSON(nil)
		if err != nil {
			return nil, err
		}
		put["formatter"] = json.RawMessage(f)
	}
	if len(put) == 0 {
		return keys, nil
	}
	var all map[string]any
	if err := json.Unmarshal(keys, &all); err != nil {
		return nil, err
	}
	maps.Copy(all, put)
	return json.Marshal(all)
}

// kindName is the kind of a spooled handler.
func (h *handlerPlan) kindName() string {
	if h.foreign {
		return h.class
	}
	return h.kind.Name()
}

// looksSecret finds keys that may hold a secret of a kind that is not known.
var looksSecret = pattern.Lazy{Expr: `(?i)pass|secret|token|key|credential|dsn|auth|ur[il]$`}

// keepsSecret reports whether a key holds a secret: it stays a reference.
func (h *handlerPlan) keepsSecret(path string) bool {
	if h.foreign {
		return looksSecret.Get().MatchString(path[strings.LastIndexByte(path, '.')+1:])
	}
	for _, o := range config.Reference(h.node.Path(), h.kind.Defaults()) {
		if o.Secret && o.Key == path {
			return true
		}
	}
	return false
}

// buildVersion is the version of the main module, or its commit.
func buildVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value[:min(len(s.Value), 12)]
		}
	}
	return ""
}
