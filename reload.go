package girok

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"time"

	"github.com/girok/girok/config"
	"github.com/girok/girok/spool"
	"github.com/girok/girok/tree"
)

// Reload reads the configuration again, from where Open had it, and applies it as
// a whole. Loggers that the program holds follow it at once, slog.Default among
// them; levels that were set by SetLevel are those of the file again. Handlers that
// did not change stay as they are. When a spooled handler changed a new run begins
// in the spool, and what was logged before is delivered as it was configured then.
//
// With any mistake in the file nothing changes, and the error lists all. The same
// for what can't change while a program runs: service and the keys of spool, but
// for durability.
//
// Attributes that With has bound before are hidden by the redact rules of then.
func (l *Logs) Reload() error {
	doc, err := l.document()
	if err != nil {
		return err
	}
	return l.reload(doc)
}

// ReloadBytes is Reload with a configuration in memory.
func (l *Logs) ReloadBytes(name string, yaml []byte) error {
	doc, err := config.Parse(name, yaml)
	if err != nil {
		return err
	}
	return l.reload(doc)
}

// Reopen opens the files anew that handlers write in the call, after logrotate or
// somebody else has moved them away. (Spooled ones notice by themselves.) Records that
// come at the same time are in one of the two. A file that can't be opened is written
// on, and is in the error.
func (l *Logs) Reopen() error {
	var errs []error
	for _, h := range l.blue.Load().sorted() {
		if f, ok := h.tree.Direct.(interface{ Reopen() error }); ok && !h.spooled {
			if err := f.Reopen(); err != nil {
				errs = append(errs, fmt.Errorf("handler %s: %w", h.name, err))
			}
		}
	}
	return errors.Join(errs...)
}

// ReloadOn reloads, and reopens files, whenever one of the signals comes, such as
// SIGHUP, until Close. What came of it is told on standard error, a mistake a line.
func (l *Logs) ReloadOn(signals ...os.Signal) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, signals...)
	go func() {
		defer signal.Stop(c)
		for {
			select {
			case <-l.stop:
				return
			case <-c:
			}
			if err := l.Reopen(); err != nil {
				l.told.answer("error: a file can't be opened anew, and is written on:\n" + err.Error())
			}
			if err := l.Reload(); err != nil {
				l.told.answer("error: the configuration was not applied, nothing has changed:\n" + err.Error())
			} else {
				l.told.answer("the configuration was applied anew")
			}
		}
	}()
}

var errLoggingEnded = errors.New("girok: logging has ended")

func (l *Logs) reload(doc *config.Document) error {
	l.changing.Lock()
	defer l.changing.Unlock()
	b, err := readOver(l.blue.Load(), doc, l.opts)
	if err != nil {
		return err
	}
	if l.ended() {
		return errLoggingEnded
	}
	old := l.blue.Load()
	if err := b.canFollow(old); err != nil {
		return err
	}
	retire, err := l.renewRun(b)
	if err != nil {
		return err
	}
	b.tellStoodIn(l.report.Warn)
	unused := b.openDirect(old, func(msg string, args ...any) { l.report.Error(msg, args...) })
	l.blue.Store(b)
	l.answers.forgetLoans()
	l.tree.Apply(l.treeConfig(b))
	retire()
	if d := l.deliver.Load(); d != nil {
		d.Look()
	}
	l.retire(unused)
	return nil
}

// retire closes handlers that no logger has any more, and none that a logger has
// feeds; those of earlier reloads too.
func (l *Logs) retire(unused []*handlerPlan) {
	all := append(l.kept, unused...)
	l.kept = nil
	lives := map[*handlerPlan]bool{}
	for _, h := range all {
		if l.tree.Uses(h.tree.Direct) {
			h.live(lives)
		}
	}
	for _, h := range all {
		var err error
		if !lives[h] {
			h.ended.Store(h.tree.Ends)
			err = h.retire()
		} else if l.kept = append(l.kept, h); h.feedsEnding() {
			err = h.retire() // what it has for them is written before
		}
		if err != nil {
			l.report.Warn("a handler that is not used any more can't be closed", "error", err)
		}
	}
	for _, h := range l.kept {
		for _, to := range h.feeds {
			to.ended.Store(to.ended.Load() || to.tree.Ends)
		}
	}
}

// live adds a handler that a logger keeps, and those that it feeds, but for those that
// end with their configuration.
func (h *handlerPlan) live(lives map[*handlerPlan]bool) {
	if lives[h] {
		return
	}
	lives[h] = true
	for _, to := range h.feeds {
		if !to.tree.Ends {
			to.live(lives)
		}
	}
}

// feedsEnding reports whether one of those that a kept handler feeds ends now, with
// its configuration.
func (h *handlerPlan) feedsEnding() bool {
	return slices.ContainsFunc(h.feeds, func(to *handlerPlan) bool { return to.tree.Ends && !to.ended.Load() })
}

// treeConfig is what the loggers are made of.
func (l *Logs) treeConfig(b *blueprint) tree.Config {
	cfg := tree.Config{Loggers: b.loggers, Redact: b.redact, LastResort: lastResort(), Failed: l.handlerFailed, Moved: spool.ErrMoved, Others: b.others, Stack: b.stack}
	if s := l.spool.Load(); s != nil {
		cfg.Appender = s.Appender()
	}
	return cfg
}

// renewRun begins a run for what the spooled handlers are now, if they changed.
func (l *Logs) renewRun(b *blueprint) (retire func(), err error) {
	nothing := func() {}
	s := l.spool.Load()
	rc, err := b.runConfig()
	switch {
	case err != nil:
		return nil, err
	case len(rc.Handlers) == 0 && !b.delivers:
		return nothing, nil // the run of before waits for another reload, or for the end
	case s == nil:
		if err := l.openSpool(b); err != nil {
			return nil, err
		}
		l.startDelivery()
		return nothing, nil
	case sameRun(rc, s.Writer().Run().Config):
		return nothing, nil
	}
	return s.Renew(rc)
}

// sameRun reports whether a run of one configuration can take the records of the
// other.
func sameRun(a, b spool.RunConfig) bool {
	text := func(c spool.RunConfig) []byte {
		c.Format, c.ID, c.Created, c.Began, c.PID, c.GapMask = 0, "", time.Time{}, time.Time{}, 0, 0
		t, err := json.Marshal(c)
		if err != nil {
			return nil
		}
		return t
	}
	return bytes.Equal(text(a), text(b))
}

// canFollow finds all that keeps b from taking the place of a configuration that
// runs.
func (b *blueprint) canFollow(old *blueprint) error {
	const anew = "can't change while the program runs: start it anew"
	var ps config.Problems
	add := func(key, format string, args ...any) {
		n := b.doc.Root.Get(key)
		if n == nil {
			n = b.doc.Root
		}
		ps.Add(n.Pos(), key, format, args...)
	}
	was, is := old.keys.Spool, b.keys.Spool
	was.Durability = is.Durability
	if b.keys.Service != old.keys.Service {
		add("service", anew+" (from %q to %q)", old.keys.Service, b.keys.Service)
	}
	if was != is || b.writeOnly != old.writeOnly {
		add("spool", "its keys, but for durability, "+anew)
	}
	if !sameNodes(old.keys.Sources, b.keys.Sources) {
		add("sources", anew)
	}
	return ps.Err()
}

func sameNodes(a, b map[string]*config.Node) bool {
	if len(a) != len(b) {
		return false
	}
	for name, n := range a {
		if b[name] == nil || text(n) != text(b[name]) {
			return false
		}
	}
	return true
}

// text is a node as JSON; two that are the same have the same.
func text(n *config.Node) string {
	if n == nil {
		return ""
	}
	b, err := n.JSON(func(string) bool { return false })
	if err != nil {
		return "!" + err.Error()
	}
	return string(b)
}
