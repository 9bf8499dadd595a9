package sinktest_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
	"github.com/girok/girok/sink/table"
)

// memory is a store in the test's memory: the suite is tried on it, whole and
// with one thing broken at a time.
var memory = sink.Define("memory", "rows in memory", sink.Position, memoryConfig{Config: table.DefaultConfig()}, openMemory)

type memoryConfig struct {
	Name string `yaml:"name,required" doc:"the name of the place"`
	table.Config
}

func (c memoryConfig) Endpoint(sink.Env) string { return c.Name }
func (c memoryConfig) Target() string           { return c.Table }
func (c memoryConfig) Limits() sink.Limits      { return sink.Limits{} }
func (c memoryConfig) Guarantee() string        { return "until the test ends" }

// memoryPlace is what is in a place.
type memoryPlace struct {
	sync.Mutex
	broken    string
	table     bool
	columns   []table.Column
	required  string
	rows      []map[string]any
	positions map[string]position
}

type position struct {
	next  record.Place
	owner string
}

var places sync.Map // name → *memoryPlace

type memorySink struct {
	config memoryConfig
	env    sink.Env
	place  *memoryPlace
	mapper *table.Mapper
	owner  string
}

func openMemory(_ context.Context, env sink.Env, c memoryConfig) (sink.Sink, error) {
	p, _ := places.Load(c.Name)
	s := &memorySink{config: c, env: env, place: p.(*memoryPlace)}
	s.mapper = table.NewMapper(&s.config.Config, table.Options{Location: c.Location(env.Location)})
	s.place.Lock()
	defer s.place.Unlock()
	return s, s.ready()
}

func (s *memorySink) Close() error { return nil }

func refuse(format string, args ...any) error {
	return &sink.Refused{Err: fmt.Errorf(format, args...), Remedy: "mend the test"}
}

func (s *memorySink) ready() error {
	p := s.place
	if !p.table {
		if !s.config.Create {
			return refuse("no table")
		}
		p.table, p.columns = true, s.config.List()
	}
	for _, c := range s.mapper.Columns() {
		if slices.ContainsFunc(p.columns, func(o table.Column) bool { return strings.EqualFold(o.Name, c.Name) }) {
			continue
		}
		if s.config.NewColumns != "add" {
			return refuse("no column %s", c.Name)
		}
		p.columns = append(p.columns, c)
	}
	s.mapper.Existing(p.columns)
	return nil
}

func (s *memorySink) key(run record.RunID) string {
	if s.place.broken == "one position for all handlers" {
		return run.String()
	}
	return s.env.Service + "/" + s.env.Handler + "/" + run.String()
}

func (s *memorySink) Claim(_ context.Context, owner string, runs []sink.Claim) ([]record.Place, error) {
	s.place.Lock()
	defer s.place.Unlock()
	next := maps.Clone(s.place.positions)
	places := make([]record.Place, len(runs))
	for i, c := range runs {
		at, ok := next[s.key(c.Run)]
		if !ok && c.Known && s.place.broken != "known is not looked at" {
			return nil, refuse("no position of run %s", c.Run)
		}
		if !ok {
			at.next = c.Start
		}
		if places[i] = at.next; s.place.broken != "no owners" {
			at.owner = owner
		}
		next[s.key(c.Run)] = at
		if s.place.broken == "claims one by one" {
			s.place.positions = maps.Clone(next)
		}
	}
	s.place.positions, s.owner = next, owner
	if s.place.broken == "no owners" {
		s.owner = ""
	}
	return places, nil
}

func (s *memorySink) Forget(_ context.Context, runs []record.RunID) error {
	s.place.Lock()
	defer s.place.Unlock()
	if s.place.broken == "forgets all" {
		clear(s.place.positions)
	}
	for _, r := range runs {
		delete(s.place.positions, s.key(r))
	}
	return nil
}

func (s *memorySink) Write(ctx context.Context, b *sink.Batch) error {
	s.place.Lock()
	defer s.place.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.ready(); err != nil {
		return err
	}
	next, in, err := s.moved(b)
	if in || err != nil {
		return err
	}
	cols := s.mapper.Discover(b)
	s.place.columns = append(s.place.columns, cols...)
	s.mapper.Add(cols)
	rows, err := s.mapped(b)
	if err != nil {
		if s.place.broken == "good rows stay" {
			s.place.rows = append(s.place.rows, rows...)
		}
		return err
	}
	s.place.rows = append(s.place.rows, rows...)
	if err := ctx.Err(); err != nil && s.place.broken == "cancelled half way" {
		return err
	}
	s.place.positions = next
	if s.place.broken == "error after commit" {
		return errors.Join(ctx.Err(), errors.New("lost"))
	}
	return nil
}

// moved is where the positions stand after b; in: they do already.
func (s *memorySink) moved(b *sink.Batch) (next map[string]position, in bool, err error) {
	next = maps.Clone(s.place.positions)
	begin := 0
	for _, m := range b.Moves {
		at, ok := next[s.key(m.Run)]
		if !ok {
			return nil, false, refuse("no position of run %s", m.Run)
		}
		fenced := &sink.Fenced{Run: m.Run, Owner: at.owner, Next: at.next}
		switch {
		case at.owner != s.owner:
			return nil, false, fenced
		case at.next == m.To && s.place.broken != "writes again":
			in = true
		case at.next == m.From || s.place.broken == "position is not compared" || s.place.broken == "writes again":
			begin++
		default:
			return nil, false, fenced
		}
		if in && begin > 0 && s.place.broken != "half a batch is in" {
			return nil, false, fenced
		}
		at.next = m.To
		next[s.key(m.Run)] = at
	}
	return next, in, nil
}

func (s *memorySink) mapped(b *sink.Batch) (rows []map[string]any, err error) {
	var bad []sink.RowError
	for i := range b.Len() {
		values, err := s.mapper.Row(b, i, nil)
		if errors.Is(err, record.ErrEncoding) {
			return nil, err
		}
		if err == nil && s.place.required != "" {
			err = fmt.Errorf("column %s must not be NULL", s.place.required)
		}
		if err != nil {
			bad = append(bad, sink.RowError{Index: i, Reason: err.Error()})
			continue
		}
		row := map[string]any{}
		for j, c := range s.mapper.Columns() {
			row[c.Name] = plain(&values[j])
		}
		rows = append(rows, row)
	}
	s.mapper.Reset()
	if s.place.broken == "first bad row only" && len(bad) > 1 {
		bad = bad[:1]
	}
	if bad != nil {
		return rows, &sink.Reject{Rows: bad}
	}
	return rows, nil
}

func plain(v *table.Value) any {
	switch v.Type {
	case table.Null:
		return nil
	case table.Int:
		return v.Num
	case table.Bool:
		return v.Num == 1
	case table.Float:
		return v.Float()
	case table.Timestamp:
		return string(table.AppendTimestamp(nil, v.Num))
	case table.DateTime:
		return string(table.AppendDateTime(nil, v.Num))
	case table.Date:
		return string(table.AppendDate(nil, v.Num))
	}
	return string(v.Raw)
}
