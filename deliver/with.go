package deliver

import (
	"slices"

	"github.com/girok/girok/spool"
)

// with is how Options.With wants the rows of a handler; nil if it says nothing of it.
// It may change what rows look like and how to connect, never where they go: what is
// in is known by that.
func (d *Deliverer) with(r *spool.Run, h *spool.HandlerConfig, own decoded) *cursor {
	if d.opts.With == nil {
		return nil
	}
	i := slices.IndexFunc(d.opts.With.Handlers, func(w spool.HandlerConfig) bool { return w.Name == h.Name })
	if i < 0 {
		return nil
	}
	w := &d.opts.With.Handlers[i]
	as := &spool.Run{Config: *d.opts.With}
	is, err := d.decode(as, w)
	switch {
	case err != nil:
		d.once("with "+h.Name, "the configuration that rows are to be written with can't be used", "handler", h.Name, "error", err)
		return nil
	case w.Class != h.Class || is.endpoint != own.endpoint || is.cfg.Target() != own.cfg.Target():
		d.once("with "+h.Name+own.endpoint+own.cfg.Target(), "records that were written for one place are not delivered to another: the configuration that rows are to be written with is not used for them",
			"handler", h.Name, "place", own.endpoint+" "+own.cfg.Target(), "other", is.endpoint+" "+is.cfg.Target())
		return nil
	}
	env := is.env
	env.Service = r.Config.Service
	return &cursor{run: r, bit: h.Bit, rows: is.rows, kind: is.kind, cfg: is.cfg, env: env}
}
