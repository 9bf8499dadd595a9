package girok

import (
	"time"

	"github.com/girok/girok/internal/control"
	"github.com/girok/girok/record"
)

// LoggerLevel is how a logger stands. Levels are Python's numbers.
type LoggerLevel struct {
	Logger string // "root" for the root
	Level  record.Level
	Own    record.Level // NotSet: it inherits
	Until  time.Time    // when its own level goes back to Then; zero: it does not
	Then   record.Level
}

// Levels tells how each logger stands that the file names or the program has asked
// for, by name.
func (l *Logs) Levels() []LoggerLevel {
	var all []LoggerLevel
	for _, c := range l.tree.Loggers() {
		all = append(all, l.Level(c.Name))
	}
	return all
}

// Level tells how a logger stands. It makes none.
func (l *Logs) Level(logger string) LoggerLevel { return loggerLevel(l.answers.Level(logger)) }

func loggerLevel(l control.Level) LoggerLevel {
	return LoggerLevel{Logger: l.Logger, Level: l.Level, Own: l.Own, Until: l.Until, Then: l.Then}
}

// LendLevel sets a logger's level as `girok level` does: for a time, after which it
// is what it was before, or with 0 until the program ends or reloads. NotSet
// inherits. A level of slog's is record.FromSlog(level).
func (l *Logs) LendLevel(logger string, level record.Level, d time.Duration) (LoggerLevel, error) {
	set, err := l.answers.SetLevel(logger, level, d)
	return loggerLevel(set), err
}
