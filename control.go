package girok

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/girok/girok/config"
	"github.com/girok/girok/internal/control"
	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
	"github.com/girok/girok/tree"
)

// openControl makes the program's control socket. Without one the program runs
// as well: only the commands that ask it can't.
func (l *Logs) openControl() (socket string) {
	s, err := control.Listen()
	switch {
	case errors.Is(err, control.ErrUnsupported):
		return ""
	case err != nil:
		l.report.Warn("there is no control socket: `girok level`, and `girok query` where only this program may open the database, can't ask it", "error", err)
		return ""
	}
	l.control = s
	return s.Path()
}

// serveControl begins to answer, once everything is there that can be asked.
func (l *Logs) serveControl() {
	if l.control != nil {
		l.control.Serve(l.answers)
	}
}

func (l *Logs) closeControl() {
	if l.control != nil {
		_ = l.control.Close() // a socket that stays is swept by the next program
		l.control = nil
	}
}

// answers is what the program answers with at its control socket.
type answers struct {
	logs *Logs

	mu    sync.Mutex
	loans map[string]*loan // by logger
}

// loan is a level that goes back.
type loan struct {
	set, then record.Level
	until     time.Time
	timer     *time.Timer
}

// Query asks a database that this program delivers to.
func (a *answers) Query(ctx context.Context, kind, endpoint, sql string) (sink.Rows, error) {
	d := a.logs.deliver.Load()
	if d == nil {
		return nil, errors.New("the program only writes its spool: ask the one that delivers")
	}
	return d.Query(ctx, kind, endpoint, sql)
}

// Level tells how a logger stands; it makes none.
func (a *answers) Level(logger string) control.Level {
	a.mu.Lock()
	defer a.mu.Unlock()
	logger = loggerName(logger)
	l := a.level(logger)
	l.Unknown, l.Near = a.unknown(logger)
	return l
}

// unknown reports whether neither a logger nor one below it is known, and which one
// was perhaps meant.
func (a *answers) unknown(logger string) (unknown bool, near string) {
	if logger == "" {
		return false, ""
	}
	var names []string
	for _, l := range a.logs.tree.Loggers() {
		if l.Name == logger || strings.HasPrefix(l.Name, logger+".") {
			return false, ""
		}
		names = append(names, shownName(l.Name))
	}
	return true, config.Suggest(logger, names)
}

func (a *answers) level(logger string) control.Level {
	own, level := levelsOf(a.logs.tree, logger)
	l := control.Level{Logger: logger, Level: level, Own: own}
	if l.Logger == "" {
		l.Logger = "root"
	}
	if b := a.loan(logger, own); b != nil {
		l.Until, l.Then = b.until, b.then
	}
	return l
}

// loan is that of a logger whose own level is own; nil if there is none, or if
// the program or a reload has set the level since.
func (a *answers) loan(logger string, own record.Level) *loan {
	b := a.loans[logger]
	if b != nil && own != b.set {
		b.timer.Stop()
		delete(a.loans, logger)
		return nil
	}
	return b
}

// longestLoan is far more than anybody looks at DEBUG for.
const longestLoan = 30 * 24 * time.Hour

// SetLevel sets a logger's level, for d if that is above 0.
func (a *answers) SetLevel(logger string, level record.Level, d time.Duration) (control.Level, error) {
	switch {
	case d < 0 || d > longestLoan:
		return control.Level{}, fmt.Errorf("want a time of at most %s, got %s", longestLoan, d)
	case level < -1<<20 || level > 1<<20:
		return control.Level{}, fmt.Errorf("want a level from %d to %d, got %d", -1<<20, 1<<20, level)
	case len(logger) > maxLoggerName:
		return control.Level{}, fmt.Errorf("want a logger's name of at most %d bytes", maxLoggerName)
	}
	logger = loggerName(logger)
	a.mu.Lock()
	defer a.mu.Unlock()
	unknown, near := a.unknown(logger)
	then, _ := levelsOf(a.logs.tree, logger)
	if old := a.loan(logger, then); old != nil {
		old.timer.Stop()
		delete(a.loans, logger)
		then = old.then // that of the configuration, not the one that was lent
	}
	a.logs.tree.SetLevel(logger, level)
	if d > 0 {
		b := &loan{set: level, then: then, until: time.Now().Add(d)}
		b.timer = time.AfterFunc(d, func() { a.back(logger, b) })
		a.loans[logger] = b
	}
	l := a.level(logger)
	l.Unknown, l.Near = unknown, near
	return l, nil
}

// maxLoggerName is that of a name in a frame, and more than anybody has.
const maxLoggerName = 1024

// forgetLoans ends all loans: the levels are those of another configuration now.
func (a *answers) forgetLoans() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for logger, b := range a.loans {
		b.timer.Stop()
		delete(a.loans, logger)
	}
}

// back ends a loan, unless somebody else has set the level meanwhile.
func (a *answers) back(logger string, b *loan) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.loans[logger] != b {
		return
	}
	delete(a.loans, logger)
	if own, _ := levelsOf(a.logs.tree, logger); own == b.set {
		a.logs.tree.SetLevel(logger, b.then)
	}
}

func loggerName(name string) string {
	if name == "root" {
		return ""
	}
	return name
}

// levelsOf is a logger's own level and the one in effect, without making a logger
// that was only asked for.
func levelsOf(t *tree.Tree, name string) (own, level record.Level) {
	at := map[string]record.Level{}
	for _, l := range t.Loggers() {
		at[l.Name] = l.Level
	}
	own = at[name]
	for level = own; level == record.NotSet && name != ""; level = at[name] {
		name = name[:max(strings.LastIndexByte(name, '.'), 0)]
	}
	return own, level
}
