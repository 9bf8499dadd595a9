package bigquery

import (
	"fmt"
	"time"

	"github.com/girok/girok/sink"
)

// pace is what is learned from how long appends take. A server that is too slow for a
// batch of this size would be too slow for it again: so the next one has half the rows,
// and twice the time.
type pace struct {
	first time.Duration // how long an answer is waited for at first
	late  int           // answers that did not come in time, since the last one that did
	most  int           // rows an append may have; 0: as many as a batch has
	sent  time.Time     // the append that is under way
	rows  int           // of it
}

// longest is how often the time for an append is doubled at most.
const longest = 4

// limit is how long the next append waits for its answer.
func (p *pace) limit() time.Duration { return p.first << min(p.late, longest) }

// tooMany reports whether a batch has more rows than an append may have: then it is to
// be split.
func (p *pace) tooMany(rows int) error {
	if p.most == 0 || rows <= p.most {
		return nil
	}
	return &sink.Reject{Err: fmt.Errorf("BigQuery gave no answer in time to an append of more than %d rows", p.most)}
}

// begin notes that an append is sent.
func (p *pace) begin(rows int) { p.sent, p.rows = time.Now(), rows }

// missed notes that its answer has not come in time.
func (p *pace) missed() {
	p.late++
	p.most = max(p.rows/2, 1)
}

// answered notes that it has. Appends grow again when one of the largest that may be
// took little of the time that it has.
func (p *pace) answered() {
	p.late = 0
	if p.most > 0 && p.rows > p.most/2 && time.Since(p.sent) < p.first/4 {
		if p.most *= 2; p.most > maxRows {
			p.most = 0
		}
	}
}

// maxRows is more than a batch has.
const maxRows = 1_000_000
