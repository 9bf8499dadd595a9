package sink

import (
	"time"

	"github.com/girok/girok/record"
)

// Batch is a list of records of one handler. What is in it never changes, and
// it has a name: the handler, the place of its first record, and 16 hex digits
// of the digest of its ranges and frames.
type Batch struct {
	Handler string
	Name    string
	Moves   []Move // one for each run that the batch touches
	items   []Item

	// For Journaled sinks, the others need not look.
	Mark    Mark // what the journal has of it; nil: nothing of it was ever sent
	Attempt int  // 1, or one more for each batch that was refused in its place
	Partial bool // the spool has lost some of what it was prepared with: these are the records that are left
}

// Move is the range of one run that a batch covers: from From up to but not
// including To. It may cover frames that are not for the handler.
type Move struct {
	Run      record.RunID
	From, To record.Place
}

// Origin is what all records of a run share. It never changes.
type Origin struct {
	Run     record.RunID
	Service string
	Version string
	Host    string
	PID     int       // of the process that wrote the run
	Started time.Time // when it began to
}

// Item is one record of a batch.
type Item struct {
	Origin  *Origin
	Place   record.Place
	Payload []byte
}

// NewBatch makes a batch; it keeps the slices.
func NewBatch(handler, name string, moves []Move, items []Item) *Batch {
	return &Batch{Handler: handler, Name: name, Moves: moves, items: items}
}

// Len is the number of records.
func (b *Batch) Len() int { return len(b.items) }

// At parses record i into v. v's slices are good until Write returns.
func (b *Batch) At(i int, v *record.View) error { return v.Parse(b.items[i].Payload) }

// Item is record i as it lies in the spool.
func (b *Batch) Item(i int) Item { return b.items[i] }

// Origin is what record i shares with its run.
func (b *Batch) Origin(i int) *Origin { return b.items[i].Origin }

// AppendID appends the id of record i, which v views.
func (b *Batch) AppendID(dst []byte, i int, v *record.View) []byte {
	return v.AppendID(dst, b.items[i].Origin.Run, b.items[i].Place)
}
