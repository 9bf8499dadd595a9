package girok

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"

	"github.com/girok/girok/config"
	"github.com/girok/girok/format"
	"github.com/girok/girok/record"
	"github.com/girok/girok/sink/memory"
	"github.com/girok/girok/sink/queue"
	"github.com/girok/girok/tree"
)

// memoryKeys are the keys of a MemoryHandler.
type memoryKeys struct {
	Capacity     config.Number `yaml:"capacity,required" doc:"pass on when so many records are held"`
	FlushLevel   *config.Node  `yaml:"flushLevel" doc:"or one of this level or above comes; ERROR if absent"`
	Target       *config.Node  `yaml:"target" doc:"name of the handler that takes them; its level is not looked at, its filters are"`
	FlushOnClose *config.Truth `yaml:"flushOnClose" doc:"false: what is held at the end is dropped"`

	flushLevel record.Level
}

func (k *memoryKeys) place() (where, guarantee string) {
	if k.Target.IsZero() {
		return "", "held in memory for ever: it has no target"
	}
	return "memory, then " + k.Target.Raw(), "written in a later call; a kill loses what is held"
}

func (k *memoryKeys) feeds(_ *config.Node, ps *config.Problems) []*config.Node {
	k.flushLevel = record.Error
	if !k.FlushLevel.IsZero() {
		k.flushLevel = levelOf(k.FlushLevel, ps)
	}
	if k.Target.IsZero() {
		return nil
	}
	return []*config.Node{k.Target}
}

func (k *memoryKeys) open(_ *blueprint, h *handlerPlan, _ report) tree.Direct {
	if len(h.feeds) == 0 {
		return nothing{} // nobody can ever see what it holds
	}
	to := h.feeds[0]
	return memory.New(memory.Options{
		Capacity: int(math.Ceil(float64(k.Capacity))), FlushLevel: k.flushLevel,
		Target:      func(v *record.View) error { return to.take(v, false) },
		DropOnClose: k.FlushOnClose != nil && !bool(*k.FlushOnClose),
	})
}

// queueKeys are the keys of a QueueHandler.
type queueKeys struct {
	Handlers     []*config.Node `yaml:"handlers" doc:"names of the handlers that take the records, behind the call; their levels are looked at with respect_handler_level, their filters always"`
	RespectLevel config.Truth   `yaml:"respect_handler_level" doc:"true: their levels count"`
	Queue        *config.Node   `yaml:"queue" doc:"queue.Queue, or {(): queue.Queue, maxsize: 1000}: how many records wait at most; 65536 if absent. What does not fit is lost, counted and told"`
	Listener     *config.Node   `yaml:"listener" doc:"logging.handlers.QueueListener, which it is without this key too; it is started with the program"`

	size int
}

// Validate implements config.Validator.
func (k *queueKeys) Validate(at *config.At) {
	if len(k.Handlers) == 0 {
		at.Problem("handlers", "is missing; want the names of the handlers that write what is in the queue")
	}
	if l := k.Listener; !l.IsZero() && strings.TrimPrefix(l.Raw(), "ext://") != "logging.handlers.QueueListener" {
		at.Problem("listener", "want logging.handlers.QueueListener: another one can't be had here")
	}
	q := k.Queue
	if q.Kind() == config.Map {
		q = q.Get("()")
	}
	known := []string{"queue.Queue", "queue.SimpleQueue", "multiprocessing.Queue"}
	if k.Queue.Kind() > config.Null && !slices.Contains(known, strings.TrimPrefix(q.Raw(), "ext://")) {
		at.Problem("queue", "want queue.Queue, or {(): queue.Queue, maxsize: 1000}")
	}
	if n := k.Queue.Get("maxsize"); !n.IsZero() {
		size, ok := n.PyScalar().(int)
		if !ok {
			at.Problem("queue.maxsize", "want a whole number")
		}
		k.size = max(size, 0)
	}
}

func (k *queueKeys) place() (where, guarantee string) {
	var names []string
	for _, n := range k.Handlers {
		names = append(names, n.Raw())
	}
	return "a queue, then " + strings.Join(names, ", "), "written behind the call, once; a kill loses what is in the queue"
}

func (k *queueKeys) feeds(*config.Node, *config.Problems) []*config.Node { return k.Handlers }

func (k *queueKeys) open(_ *blueprint, h *handlerPlan, report report) tree.Direct {
	o := queue.Options{
		Size: k.size, Append: h.format.Append, Told: format.IsTrouble, Shown: format.Queued{By: h.format},
		Failed: func(err error) {
			report("a handler could not write a record", "handler", h.name, "error", err)
		},
	}
	for _, to := range h.feeds {
		o.Targets = append(o.Targets, func(v *record.View) error { return to.take(v, bool(k.RespectLevel)) })
	}
	q := queue.New(o)
	q.Start()
	return q
}

// Listener is what writes behind a QueueHandler. It runs from the start; Stop
// writes what waits and holds back what comes after it, until Start.
type Listener interface {
	Start()
	Stop()
}

// Listener returns the listener of a handler of Python's class QueueHandler; nil if
// the configuration has none of this name.
func (l *Logs) Listener(handler string) Listener {
	if h := l.blue.Load().handlers[handler]; h != nil {
		if q, ok := h.tree.Direct.(*queue.Handler); ok {
			return q
		}
	}
	return nil
}

// flushDirect passes on what direct handlers hold: those of the names, or all. It
// returns the names that are left for the spool, and whether anything is.
func (l *Logs) flushDirect(ctx context.Context, names []string) (left []string, more bool, err error) {
	b := l.blue.Load()
	for _, h := range b.closing() {
		if len(names) > 0 && !slices.Contains(names, h.name) {
			continue
		}
		switch d := h.tree.Direct.(type) {
		case *memory.Handler:
			err = errors.Join(err, d.Flush())
		case *queue.Handler:
			err = errors.Join(err, d.Flush(ctx))
		}
	}
	for _, name := range names {
		if h := b.handlers[name]; h == nil || h.spooled {
			left = append(left, name)
		}
	}
	return left, len(names) == 0 || len(left) > 0, err
}
