package deliver

import (
	"fmt"
	"hash/crc32"
	"slices"
	"sort"
	"time"

	"github.com/girok/girok/config"
	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
	"github.com/girok/girok/spool"
)

// builder collects the records of one batch. It copies the frames, so that the
// readers may go on; its memory is used again for the next batch.
type builder struct {
	handler string
	limits  sink.Limits
	first   time.Time // when the first record was read
	data    []byte
	items   []sink.Item
	offsets []int // of the items' payloads in data
	moves   []move
	sum     digest // of all items
	resum   bool   // sum is not that of the items in their order
	cut     bool   // take no more
}

// move is the range of one run that the batch covers.
type move struct {
	c        *cursor
	from, to record.Place
	lo       uint64 // where its first record lies: what is needed of the spool begins here
}

// burst is how much memory is kept in any case, in bytes: more is let go when a batch
// needs only a small part of it.
const burst = 1 << 20

func (b *builder) reset(handler string, limits sink.Limits) {
	used := len(b.data)
	b.handler, b.limits = handler, limits
	b.data, b.items, b.offsets, b.moves, b.cut = b.data[:0], b.items[:0], b.offsets[:0], b.moves[:0], false
	b.sum, b.resum = 0, false
	if cap(b.data) > 2*int(limits.Bytes)+record.MaxPayload || cap(b.data) > burst && used > 0 && used < cap(b.data)/8 {
		b.data = nil
	}
}

// forget lets go of the runs that the last batches were of. A batch that is being
// sent stays: a run may go while its destination refuses.
func (b *builder) forget() {
	clear(b.items[len(b.items):cap(b.items)])
	clear(b.moves[len(b.moves):cap(b.moves)])
}

// done says that the batch is not needed any more.
func (b *builder) done() { b.items, b.moves = b.items[:0], b.moves[:0] }

func (b *builder) len() int { return len(b.items) }

func (b *builder) full() bool {
	return b.cut || len(b.items) >= b.limits.Records || len(b.data) >= int(b.limits.Bytes)
}

// crowds reports whether the open batch holds back as much of the spool as it may: also
// of what is for other handlers, since that goes with the rest.
func (b *builder) crowds() bool {
	var held, share uint64
	for i := range b.moves {
		m := &b.moves[i]
		held += m.c.reader.Position() - m.lo
		if s := m.c.run.Share(); s > 0 && (share == 0 || s < share) {
			share = s
		}
	}
	return share > 0 && held >= share
}

// left is how long the open batch may still wait for more.
func (b *builder) left() time.Duration {
	return time.Until(b.first.Add(time.Duration(b.limits.Age)))
}

// add takes one record of a frame. sum is the CRC-32C of its payload.
func (b *builder) add(c *cursor, ref *spool.Ref, index uint32, payload []byte, sum uint32) {
	if len(b.items) == 0 {
		b.first = time.Now()
	}
	m := b.find(c)
	if m == nil {
		b.moves = append(b.moves, move{c: c, from: c.stored, lo: ref.Position})
		m = &b.moves[len(b.moves)-1]
		if share := c.run.Share(); share > 0 {
			b.limits.Bytes = min(b.limits.Bytes, config.Size(share))
		}
	}
	m.to = record.Place{Position: ref.Next}
	b.offsets = append(b.offsets, len(b.data))
	b.data = append(b.data, payload...)
	b.sum.add(uint64(sum))
	n := len(b.items)
	if n == cap(b.items) {
		b.items = slices.Grow(b.items, 1)
	}
	b.items = b.items[:n+1]
	it := &b.items[n] // made where it lies: to copy one takes as long as all the rest
	it.Origin, it.Place.Position, it.Place.Index = &c.origin, ref.Position, index
}

func (b *builder) find(c *cursor) *move {
	for i := len(b.moves) - 1; i >= 0; i-- {
		if b.moves[i].c == c {
			return &b.moves[i]
		}
	}
	return nil
}

// cutAt takes back the records of the last run from to on.
func (b *builder) cutAt(to record.Place) {
	n := len(b.items)
	for n > 0 && b.items[n-1].Origin == &b.moves[len(b.moves)-1].c.origin && b.items[n-1].Place.Compare(to) >= 0 {
		n--
	}
	if n < len(b.items) {
		b.data = b.data[:b.offsets[n]]
		b.resum = true
		b.items, b.offsets = b.items[:n], b.offsets[:n]
	}
}

// durable reports whether a run of the batch must survive a power cut.
func (b *builder) durable() bool {
	return slices.ContainsFunc(b.moves, func(m move) bool { return m.c.run.Config.Durable })
}

// moveOf is the range that a record of the batch lies in.
func (b *builder) moveOf(it *sink.Item) *move {
	for i := range b.moves {
		if it.Origin == &b.moves[i].c.origin {
			return &b.moves[i]
		}
	}
	panic("deliver: a record of no run of its batch")
}

// sortRuns puts the records in the order of the runs. seal was called.
func (b *builder) sortRuns() {
	if len(b.moves) < 2 {
		return
	}
	index := map[*sink.Origin]int{}
	for i := range b.moves {
		index[&b.moves[i].c.origin] = i
	}
	b.resum = true
	sort.SliceStable(b.items, func(i, j int) bool { return index[b.items[i].Origin] < index[b.items[j].Origin] })
}

// seal points the items at their payloads, once no more are added.
func (b *builder) seal() []sink.Item {
	for i := range b.items {
		end := len(b.data)
		if i+1 < len(b.offsets) {
			end = b.offsets[i+1]
		}
		b.items[i].Payload = b.data[b.offsets[i]:end:end]
	}
	return b.items
}

// digest is that of a batch: of the checksums of its frames, in their order, and its
// ranges.
type digest uint64

func (d *digest) add(v uint64) {
	h := (uint64(*d) ^ v) * 0x9E3779B97F4A7C15
	*d = digest(h ^ h>>32)
}

// name is the name of a part of the batch: the handler, where the part begins, and
// 16 hex digits of the digest of its frames and ranges.
func (b *builder) name(moves []sink.Move, items []sink.Item) string {
	sum := b.sum
	if len(items) != len(b.items) || b.resum {
		sum = 0
		for i := range items {
			sum.add(uint64(crc32.Checksum(items[i].Payload, castagnoli)))
		}
	}
	for _, m := range moves {
		sum.add(uint64(m.Run))
		sum.add(m.From.Position)
		sum.add(uint64(m.From.Index))
		sum.add(m.To.Position)
		sum.add(uint64(m.To.Index))
	}
	return fmt.Sprintf("%s-%s-%d-%016x", b.handler, moves[0].Run, moves[0].From.Position, uint64(sum))
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)
