package deliver

import (
	"errors"
	"fmt"
	"time"

	"github.com/girok/girok/spool"
)

// When all rows of a batch are refused alike, either they are bad or the table is.
// From a few rows nobody can tell, and a batch has few where records come now and
// then. So it is left alone for a while: what comes meanwhile is added, and either
// something is taken, or there are enough to say that it is the table.

// errDoubt says that the open batch is to be cut anew, with more rows.
var errDoubt = errors.New("all of a few rows are refused alike")

// doubt is a batch of which it is not known whether its rows are bad or the table.
type doubt struct {
	rows  string // what shapes them
	n     int    // how many there were
	since time.Time
}

// alike are the rows in a row that were set aside for one reason, with none taken
// between them.
type alike struct {
	n      int
	reason string
}

// sure reports whether rows of g that are all refused are to be set aside now:
// somebody waits, no more will come or have room, or it has been long enough.
func (l *lane) sure(g []*cursor) bool {
	return l.state.pending() != nil || l.b.full() || l.hurry(g) || l.doubt.rows == g[0].rows && l.doubtLeft() <= 0
}

func (l *lane) inDoubt(g []*cursor, n int, reason string) {
	if l.doubt.n == 0 || l.doubt.rows != g[0].rows {
		l.doubt = doubt{rows: g[0].rows, since: time.Now()}
	}
	l.doubt.n = n
	l.stats.retries.Add(1)
	l.setState(g, spool.Retrying, fmt.Errorf("%w, which may be their fault or the table's; more rows will tell: %s", errDoubt, reason))
}

func (l *lane) doubtLeft() time.Duration { return time.Until(l.doubt.since.Add(l.dest.d.pace.Doubt)) }

// doubts is how long the open batch of g waits for more rows than it had when all
// of them were refused.
func (l *lane) doubts(g []*cursor) time.Duration {
	if l.doubt.n == 0 || l.doubt.rows != g[0].rows || l.b.len() == 0 || l.b.len() > l.doubt.n {
		return 0
	}
	return l.doubtLeft()
}
