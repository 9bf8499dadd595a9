package collector

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/girok/girok"
	"github.com/girok/girok/internal/rights"
	"github.com/girok/girok/metrics"
)

// lookForServices is how often services are looked for that have come.
const lookForServices = 2 * time.Second

// services are those that are delivered for.
type services struct {
	mu   sync.Mutex // of what changes the map, and of who reads it elsewhere
	open map[string]*girok.Logs
}

func (s *services) add(name string, logs *girok.Logs) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open[name] = logs
}

// stats may be called at any time.
func (s *services) stats() map[string]girok.Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := map[string]girok.Stats{}
	for name, logs := range s.open {
		all[name] = logs.Stats()
	}
	return all
}

// close ends delivery for all at once.
func (s *services) close(ctx context.Context) error {
	var all sync.WaitGroup
	var mu sync.Mutex
	var errs error
	for _, logs := range s.open {
		all.Go(func() {
			err := logs.Shutdown(ctx)
			mu.Lock()
			defer mu.Unlock()
			errs = errors.Join(errs, err)
		})
	}
	all.Wait()
	return errs
}

// mark marks where the runs of each service end now.
func (s *services) mark() (marks []*girok.Mark) {
	for _, service := range slices.Sorted(maps.Keys(s.open)) {
		marks = append(marks, s.open[service].Mark())
	}
	return marks
}

// summary is what came of delivery, and what still waits of what was there.
func (s *services) summary(dir, service string, marks []*girok.Mark) *Summary {
	sum := &Summary{Spool: dir, Service: service}
	for _, service := range slices.Sorted(maps.Keys(s.open)) {
		stats := s.open[service].Stats()
		sum.Lost += s.open[service].Lost()
		sum.Unreadable += stats.Spool.Unreadable
		for _, h := range stats.Handlers {
			sum.Lost += h.Earlier
			sum.Damaged += h.Damaged
			h.Handler = service + "/" + h.Handler
			sum.Handlers = append(sum.Handlers, h)
		}
	}
	sum.Left, sum.Elsewhere = leftOf(marks)
	return sum
}

// leftOf is what still waits, and what of it another process delivers.
func leftOf(marks []*girok.Mark) (left, elsewhere []girok.Backlog) {
	for _, m := range marks {
		for _, b := range m.Backlog() {
			if b.Holder != "" {
				elsewhere = append(elsewhere, b)
			} else {
				left = append(left, b)
			}
		}
	}
	return left, elsewhere
}

// runSpool delivers what the programs of a spool write, until ctx ends. Each
// service is opened by itself: what it needs to know stands in its runs.
func runSpool(ctx context.Context, opts Options, listener net.Listener) (*Summary, error) {
	dir, err := filepath.Abs(opts.Spool)
	if err != nil {
		return nil, err
	}
	if hasRuns(dir) && !hasRuns(filepath.Join(dir, "runs")) { // which would be a service of that name
		return nil, fmt.Errorf("--spool %s is the folder of one service; want --spool %s --service %s", opts.Spool, filepath.Dir(dir), filepath.Base(dir))
	}
	out := newStatus(opts.Stderr)
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	all := &services{open: map[string]*girok.Logs{}}
	if listener != nil {
		defer serveMetrics(listener, metrics.Services(all.stats), out)()
	}
	begun := time.Now()
	out.say("delivering what programs write to " + dir + ", until it is stopped")
	said := ""
	for last := false; ; {
		missing, err := missingIn(dir, opts.Service)
		if err != nil && len(all.open) == 0 {
			return nil, err
		}
		if missing != "" && missing != said {
			out.say(missing)
		}
		said = missing
		if err := all.find(dir, &opts, out); err != nil {
			closing, cancel := opts.within(closeAfter)
			defer cancel()
			return nil, errors.Join(err, all.close(closing))
		}
		if last {
			break
		}
		select {
		case <-ctx.Done():
			last = true // one look more, for what came just now
		case <-time.After(lookForServices):
		case <-hup:
			out.say("there is no configuration to read again: what a program wrote is delivered as its own says")
		}
	}
	marks := all.mark()
	all.drain(&opts, marks, out)
	closing, cancel := opts.within(closeAfter)
	defer cancel()
	err = all.close(closing)
	out.clear()
	s := all.summary(dir, opts.Service, marks)
	s.Took = time.Since(begun)
	return s, err
}

// find begins to deliver for services that have come.
func (s *services) find(dir string, opts *Options, out *status) error {
	for _, service := range servicesIn(dir, opts.Service) {
		if s.open[service] != nil {
			continue
		}
		logs, err := girok.OpenBytes("--spool", configOf(dir, service), append(slices.Clone(opts.Kinds), girok.Deliver())...)
		if err != nil {
			return err
		}
		s.add(service, logs)
		out.say("service " + service)
	}
	return nil
}

// drain waits until what there was when marks were taken is delivered, as far as the
// limit allows. What another process delivers is not waited for.
func (s *services) drain(opts *Options, marks []*girok.Mark, out *status) {
	ctx, cancel := opts.within(opts.StopDrain)
	defer cancel()
	var still standstill
	for told := false; ; {
		left, _ := leftOf(marks)
		if len(left) == 0 || ctx.Err() != nil || still.over(left) {
			return
		}
		if !told {
			told = true
			out.stopped(left, opts.StopDrain)
		}
		out.set("waiting " + Bytes(waiting(left)))
		wait(ctx, lookEvery)
	}
}

// missingIn says what is waited for; "" if it is there. A folder that is not there is
// left to the programs that log: its rights are those of whoever makes it.
func missingIn(dir, service string) (string, error) {
	switch _, err := os.ReadDir(dir); {
	case errors.Is(err, fs.ErrNotExist):
		return "waiting for " + dir + ": a program that logs makes it", nil
	case err != nil:
		return "", err
	case service == "" || len(servicesIn(dir, service)) > 0:
		return "", nil
	}
	there := "there is none so far"
	if names := servicesIn(dir, ""); len(names) > 0 {
		there = "there is " + strings.Join(names, ", ")
	}
	return fmt.Sprintf("waiting for the service %s; in %s %s", service, dir, there), nil
}

// configOf is all that delivery for a service needs of a configuration. A folder that
// is shared with a group of this process is used as it is: whoever names it knows it.
func configOf(dir, service string) []byte {
	shared := ""
	if g := rights.Group(filepath.Join(dir, service)); g != 0 && rights.Member(g) {
		shared = fmt.Sprintf(", group: %d", g)
	}
	return fmt.Appendf(nil, "version: 1\nservice: %q\nspool: {dir: %q%s}\n", service, dir, shared)
}

// servicesIn lists the services of a spool: the folders with runs.
func servicesIn(dir, only string) (names []string) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		name := e.Name()
		if strings.HasPrefix(name, ".") || only != "" && name != only {
			continue
		}
		if hasRuns(filepath.Join(dir, name)) {
			names = append(names, name)
		}
	}
	return names
}

func hasRuns(service string) bool {
	st, err := os.Stat(filepath.Join(service, "runs"))
	return err == nil && st.IsDir()
}
