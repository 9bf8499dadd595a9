package sinktest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
)

// model is what must be in the place after random operations: each record whose
// batch was written, once.
type model struct {
	*fixture
	rng   *rand.Rand
	runs  []*Spool
	sink  sink.Sink
	owner int
	want  map[string]int
	last  *sink.Batch // the batch that was written last
	steps []string
	n     int // records so far
}

// testModel does what deliver does, in random order: writes, writes again,
// cancels, restarts, lets a predecessor come back late.
func testModel(f *fixture) {
	seed := uint64(time.Now().UnixNano())
	m := &model{fixture: f, rng: rand.New(rand.NewPCG(seed, 0)), want: map[string]int{}}
	defer func() {
		if f.Failed() {
			f.Logf("seed %d, steps: %v", seed, m.steps)
		}
	}()
	for i := range 3 {
		m.runs = append(m.runs, NewRun(record.RunID(0x5000+i)))
	}
	m.restart()
	ops := map[string]func(){"write": m.write, "again": m.again, "cancel": m.cancel, "restart": m.restart, "late": m.late}
	names := []string{"write", "write", "write", "again", "cancel", "restart", "late"}
	for range 60 {
		name := names[m.rng.IntN(len(names))]
		m.steps = append(m.steps, name)
		if ops[name](); f.Failed() {
			return
		}
	}
	f.wantMessages("each record is there once, whatever happened on the way", m.want)
}

func (m *model) batch() (*sink.Batch, []string) {
	var parts []Part
	var messages []string
	for _, i := range m.rng.Perm(len(m.runs))[:1+m.rng.IntN(len(m.runs))] {
		var records []Record
		for range m.rng.IntN(40) {
			m.n++
			messages = append(messages, fmt.Sprint("r", m.n))
			records = append(records, Log(fmt.Sprint("r", m.n), slog.Int("n", m.n)))
		}
		parts = append(parts, m.runs[i].Part(records...))
	}
	return Batch(m.env.Handler, parts...), messages
}

func (m *model) landed(b *sink.Batch, messages []string) {
	m.last = b
	for _, text := range messages {
		m.want[text] = 1
	}
}

func (m *model) write() {
	b, messages := m.batch()
	if err := m.sink.Write(context.Background(), b); err != nil {
		m.Fatalf("Write: %v", err)
	}
	m.landed(b, messages)
}

func (m *model) again() {
	if m.last == nil {
		return
	}
	if err := m.sink.Write(context.Background(), m.last); err != nil {
		m.breach("Write of a batch that is in returns nil", "%v", err)
	}
}

// cancel cancels a batch somewhere, and sends it again as often as it takes.
func (m *model) cancel() {
	b, messages := m.batch()
	for {
		err := m.sink.Write(&countdown{Context: context.Background(), left: m.rng.IntN(12)}, b)
		if err == nil {
			break
		}
		if !errors.Is(err, context.Canceled) {
			m.Fatalf("Write: %v", err)
		}
		if m.rng.IntN(4) == 0 {
			m.restart()
		}
	}
	m.landed(b, messages)
}

// restart is a new process that takes over; the old one is closed or just left.
func (m *model) restart() {
	if m.sink != nil && m.rng.IntN(2) == 0 {
		if err := m.sink.Close(); err != nil {
			m.Fatalf("Close: %v", err)
		}
	}
	m.owner++
	m.sink = m.open("")
	m.claim(m.sink, fmt.Sprint("owner-", m.owner), m.runs...)
}

// late is a predecessor that writes after its successor has taken over.
func (m *model) late() {
	old := m.sink
	m.owner++
	m.sink = m.open("")
	m.claim(m.sink, fmt.Sprint("owner-", m.owner), m.runs...)
	starts := make([]Spool, len(m.runs))
	for i, r := range m.runs {
		starts[i] = *r
	}
	b, _ := m.batch()
	for i, r := range m.runs {
		r.Seek(starts[i].next)
	}
	m.wantFenced("a predecessor that comes back late is fenced", old.Write(context.Background(), b))
}
