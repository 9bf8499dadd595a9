package table

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/girok/girok/config"
	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
)

// A table's name may have placeholders: {service} is the name of the service, and
// {date} the day of a record, in the zone of days. The records of a batch then go
// to several tables, each a part of it.

// How {date} is written.
const (
	DateInName   = "20060102"
	DateInFolder = time.DateOnly
)

// placeholders are those of a table's name, in order.
func placeholders(name string) (list []string, err error) {
	for rest := name; ; {
		i := strings.IndexAny(rest, "{}")
		if i < 0 {
			return list, nil
		}
		end := strings.IndexByte(rest[i:], '}')
		if rest[i] == '}' || end < 0 {
			return nil, errors.New("want {service} or {date}, and no other brace")
		}
		p := rest[i : i+end+1]
		if p != "{service}" && p != "{date}" {
			return nil, fmt.Errorf("there is no placeholder %s; there are {service} and {date}", p)
		}
		list, rest = append(list, p), rest[i+end+1:]
	}
}

// OneTable is a problem of a configuration whose table has a placeholder, for a
// store where all records go to one table. instead says what to write.
func (c *Config) OneTable(at *config.At, instead string) {
	if list, err := placeholders(c.Table); err == nil && len(list) > 0 {
		at.Problem("table", "%s is not possible in the name of this table; %s", list[0], instead)
	}
}

// Named is the configuration with the name of the table that records of a moment go
// to.
func (c Config) Named(env sink.Env, dates string, at time.Time) Config {
	c.Table = c.NewParts(env, dates).name(at)
	return c
}

// Parts cuts batches by the tables that their records go to. It is not safe for
// concurrent use.
type Parts struct {
	name  func(time.Time) string
	one   string // the table of all records
	parts []Part
	view  record.View
}

// Part is the records of a batch that go to one table. It has the batch's name and
// moves.
type Part struct {
	Table string
	*sink.Batch
	rows []int // of each its index in the whole batch; nil: the same
}

// NewParts is how batches of a handler are cut, with {date} as dates says.
func (c Config) NewParts(env sink.Env, dates string) *Parts {
	table := strings.ReplaceAll(c.Table, "{service}", strings.Map(inName, env.Service))
	if !strings.Contains(table, "{date}") {
		return &Parts{one: table, name: func(time.Time) string { return table }}
	}
	loc := c.Location(env.Location)
	type day struct {
		year, day int
		month     time.Month
	}
	var last day
	name := ""
	return &Parts{name: func(at time.Time) string {
		at = at.In(loc)
		d := day{}
		d.year, d.month, d.day = at.Date()
		if name == "" || d != last {
			last, name = d, strings.ReplaceAll(table, "{date}", at.Format(dates))
		}
		return name
	}}
}

// inName keeps of a service's name what every store takes in a table's.
func inName(r rune) rune {
	if r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || r == '_' || r == '-' {
		return r
	}
	return '_'
}

// Now is the table that a record of this moment would go to.
func (p *Parts) Now() string { return p.name(time.Now()) }

// First is the table of the first of parts, or if there are none, Now.
func (p *Parts) First(parts []Part) string {
	if len(parts) > 0 {
		return parts[0].Table
	}
	return p.Now()
}

// Cut cuts a batch: the same records are always cut in the same way. Parts are in
// the order of their first records. A batch without records has none. What is
// returned is good until the next call.
func (p *Parts) Cut(b *sink.Batch) ([]Part, error) {
	p.parts = p.parts[:0]
	switch {
	case b.Len() == 0:
		return nil, nil
	case p.one != "":
		p.parts = append(p.parts, Part{Table: p.one, Batch: b})
		return p.parts, nil
	}
	type cut struct {
		rows  []int
		items []sink.Item
	}
	var cuts []*cut
	known := map[string]*cut{}
	last := ""
	for i := range b.Len() {
		switch err := b.At(i, &p.view); {
		case errors.Is(err, record.ErrEncoding):
			return nil, err
		case err == nil:
			last = p.name(p.view.Time())
		case last == "": // whichever table it goes to, it is rejected there
			last = p.Now()
		}
		c := known[last]
		if c == nil {
			c = &cut{}
			known[last], cuts = c, append(cuts, c)
			p.parts = append(p.parts, Part{Table: last})
		}
		c.rows, c.items = append(c.rows, i), append(c.items, b.Item(i))
	}
	if len(cuts) == 1 {
		p.parts[0].Batch = b
		return p.parts, nil
	}
	for i, c := range cuts {
		part := sink.NewBatch(b.Handler, b.Name, b.Moves, c.items)
		part.Mark, part.Attempt, part.Partial = b.Mark, b.Attempt, b.Partial
		p.parts[i].Batch, p.parts[i].rows = part, c.rows
	}
	return p.parts, nil
}

// maxTables is how many tables a batch has records for at most: each has a part of the
// one transaction, or a file of its own.
const maxTables = 64

// Fit is how many of the first records of a batch go to no more tables than that.
func (p *Parts) Fit(b *sink.Batch) int {
	if p.one != "" {
		return b.Len()
	}
	met := map[string]bool{}
	last := ""
	for i := range b.Len() {
		if b.At(i, &p.view) != nil {
			continue // it stays with the one before
		}
		name := p.name(p.view.Time())
		if name == last {
			continue
		}
		if last, met[name] = name, true; len(met) > maxTables {
			return i
		}
	}
	return b.Len()
}

// Of is an error about the part as one about the whole batch: the rows that a
// *sink.Reject names are those of the batch.
func (p *Part) Of(err error) error {
	var reject *sink.Reject
	if p.rows == nil || !errors.As(err, &reject) || len(reject.Rows) == 0 {
		return err
	}
	whole := &sink.Reject{Err: reject.Err, Rows: slices.Clone(reject.Rows)}
	for i := range whole.Rows {
		whole.Rows[i].Index = p.rows[whole.Rows[i].Index]
	}
	return whole
}

// Set is what a store knows of its tables, by their names. T is what it knows of
// one.
type Set[T any] struct {
	New  func(table string) T
	Drop func(T) // called for each that is forgotten; may be nil
	kept map[string]T
}

// At is what is known of a table.
func (s *Set[T]) At(table string) T {
	t, ok := s.kept[table]
	if !ok {
		if s.kept == nil {
			s.kept = map[string]T{}
		}
		t = s.New(table)
		s.kept[table] = t
	}
	return t
}

// Each calls f for what is known of each table.
func (s *Set[T]) Each(f func(T)) {
	for _, t := range s.kept {
		f(t)
	}
}

// Trim forgets all tables if there are more than one batch has.
func (s *Set[T]) Trim() {
	if len(s.kept) <= maxTables {
		return
	}
	if s.Drop != nil {
		s.Each(s.Drop)
	}
	clear(s.kept)
}
