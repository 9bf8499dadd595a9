package bigquery

import "time"

// pace is what is learned from how long appends take. A server that is too slow for an
// append of this size would be too slow for it again: so the next ones have half the
// rows, and twice the time.
type pace struct {
	first time.Duration // how long an answer is waited for at first
	late  int           // answers that did not come in time, since the last one that did
	most  int           // rows an append may have; 0: as many as the batch's limits say
	began time.Time     // when the append was sent whose answer is waited for, or the one before it was answered
}

// longest is how often the time for an append is doubled at most.
const longest = 4

// limit is how long the next append waits for its answer.
func (p *pace) limit() time.Duration { return p.first << min(p.late, longest) }

// begin notes that appends are sent.
func (p *pace) begin() { p.began = time.Now() }

// missed notes that the answer to an append of so many rows has not come in time.
func (p *pace) missed(rows int) {
	p.late++
	p.most = max(rows/2, 1)
}

// answered notes that it has. Appends grow again when one of the largest that may be
// took little of the time that it has.
func (p *pace) answered(rows int) {
	took := time.Since(p.began)
	p.late, p.began = 0, p.began.Add(took)
	if p.most > 0 && rows > p.most/2 && took < p.first/4 {
		if p.most *= 2; p.most > maxRows {
			p.most = 0
		}
	}
}

// maxRows is more than a batch has.
const maxRows = 1_000_000
