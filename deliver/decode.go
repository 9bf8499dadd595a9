package deliver

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/girok/girok/config"
	"github.com/girok/girok/sink"
	"github.com/girok/girok/spool"
)

// decoded is a handler's configuration as its kind has it.
type decoded struct {
	keys     *config.Node
	rows     string
	kind     sink.Kind
	cfg      sink.Config
	env      sink.Env
	endpoint string
}

// decode decodes a handler's keys. Most runs of a service have the same: those are
// decoded once. Only scan calls it.
func (d *Deliverer) decode(r *spool.Run, h *spool.HandlerConfig) (is decoded, err error) {
	key := h.Name + "\x00" + h.Class + "\x00" + rowsKey(r, h)
	if had, ok := d.decoded[key]; ok {
		return had, nil
	}
	if is, err = decodeHandler(r, h, d.opts); err != nil {
		return is, err
	}
	if len(d.decoded) >= maxDecoded {
		clear(d.decoded)
	}
	d.decoded[key] = is
	return is, nil
}

const maxDecoded = 256

func decodeHandler(r *spool.Run, h *spool.HandlerConfig, opts Options) (is decoded, err error) {
	i := slices.IndexFunc(opts.Kinds, func(k sink.Kind) bool { return k.Name() == h.Class })
	if i < 0 {
		return is, fmt.Errorf("class %q is not in this program", h.Class)
	}
	is.kind, is.rows = opts.Kinds[i], rowsKey(r, h)
	if is.keys, is.cfg, err = decodeKeys(is.kind, h); err != nil {
		return is, err
	}
	if is.env, err = environment(r, h, opts); err != nil {
		return is, err
	}
	is.endpoint = is.cfg.Endpoint(is.env)
	return is, nil
}

// rowsKey is all that shapes a handler's rows.
func rowsKey(r *spool.Run, h *spool.HandlerConfig) string {
	var keys bytes.Buffer
	if json.Compact(&keys, h.Keys) != nil {
		keys.Write(h.Keys)
	}
	return fmt.Sprint(keys.String(), "\x00", r.Config.Dir, "\x00", r.Config.Timezone, "\x00", r.Config.Durable)
}

func decodeKeys(kind sink.Kind, h *spool.HandlerConfig) (*config.Node, sink.Config, error) {
	n, err := config.FromJSON("handlers."+h.Name, h.Keys)
	if err != nil {
		return nil, nil, err
	}
	var ps config.Problems
	var common sink.Common
	cfg := kind.Decode(n, &ps, &common)
	if len(ps) > 0 {
		return nil, nil, ps
	}
	return n, cfg, nil
}

func environment(r *spool.Run, h *spool.HandlerConfig, opts Options) (sink.Env, error) {
	loc := time.Local
	if z := r.Config.Timezone; z != "" {
		l, err := time.LoadLocation(z)
		if err != nil {
			return sink.Env{}, fmt.Errorf("timezone %q: %w", z, err)
		}
		loc = l
	}
	return sink.Env{
		Service: r.Config.Service, Handler: h.Name, Location: loc, Dir: r.Config.Dir,
		Durable: r.Config.Durable, Log: opts.Log.With("handler", h.Name),
	}, nil
}
