package tree

import (
	"context"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/girok/girok/record"
)

// model is Python's logging in its simplest form: no caches, no place-holders.
type model map[string]LoggerConfig

func up(name string) (string, bool) {
	if name == "" {
		return "", false
	}
	return name[:max(strings.LastIndexByte(name, '.'), 0)], true
}

func (m model) level(name string) record.Level {
	for ok := true; ok; name, ok = up(name) {
		if l := m[name]; l.Level != record.NotSet {
			return l.Level
		}
	}
	return record.NotSet
}

func (m model) handlers(name string) (list []*Handler) {
	for ok := true; ok; name, ok = up(name) {
		l, is := m[name]
		list = append(list, l.Handlers...)
		if is && !l.Propagate {
			break
		}
	}
	return list
}

// reach counts how often each handler must get a log.
func (m model) reach(name string, level record.Level) map[*Handler]int {
	got := map[*Handler]int{}
	if level < m.level(name) {
		return got
	}
	for _, h := range m.handlers(name) {
		if level >= h.Level && h.Accepts&Takes(record.Log) != 0 {
			if got[h]++; h.Direct == nil {
				got[h] = 1
			}
		}
	}
	return got
}

var (
	someNames  = []string{"", "a", "a.b", "a.b.c", "a.b.c.d", "ab", "a.", "a..b", ".x", "b.c"}
	someLevels = []record.Level{0, 0, 0, 1, 5, 10, 12, 20, 22, 25, 30, 40, 50, 60}
)

func pick[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

// randomTree makes a model and a tree that it must be like.
func randomTree(r *rand.Rand) (model, *Tree, []*Handler, *frames) {
	spool := &frames{}
	hs := make([]*Handler, 6)
	for i := range hs {
		hs[i] = &Handler{Name: "h", Level: pick(r, someLevels), Accepts: pick(r, []uint8{1, 1, 1, 3, 4}), Bit: i}
		if i < 3 {
			hs[i].Direct = &lines{}
		}
	}
	m := model{"": {Level: record.Warning, Propagate: true}}
	for _, name := range someNames {
		if r.IntN(2) == 0 {
			l := LoggerConfig{Name: name, Level: pick(r, someLevels), Propagate: r.IntN(4) > 0}
			for _, i := range r.Perm(len(hs))[:r.IntN(3)] {
				l.Handlers = append(l.Handlers, hs[i])
			}
			m[name] = l
		}
	}
	cfg := Config{Appender: spool, LastResort: &lines{}, Loggers: slices.Collect(maps.Values(m))}
	return m, New(cfg), hs, spool
}

// received takes what each handler has got.
func received(t *testing.T, hs []*Handler, spool *frames) map[*Handler]int {
	got := map[*Handler]int{}
	for _, v := range spool.views(t) {
		for i, h := range hs {
			if v.Mask&(1<<i) != 0 {
				got[h]++
			}
		}
	}
	spool.got = nil
	for _, h := range hs {
		if h.Direct != nil {
			if n := len(h.Direct.(*lines).take()); n > 0 {
				got[h] = n
			}
		}
	}
	return got
}

// Trees with random loggers, whose levels change, route every log as the model
// does; and Enabled says so before.
func TestTreeIsTheModel(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	ctx := context.Background()
	for range 1500 {
		m, tr, hs, spool := randomTree(r)
		for range 12 {
			name := pick(r, someNames)
			if r.IntN(3) == 0 {
				l := m[name]
				if _, is := m[name]; !is {
					l = LoggerConfig{Name: name, Propagate: true}
				}
				l.Level = pick(r, someLevels)
				m[name] = l
				tr.SetLevel(name, l.Level)
			}
			name = pick(r, someNames)
			level := slog.Level(r.IntN(36) - 14)
			want := m.reach(name, record.FromSlog(level))
			found := len(m.handlers(name)) > 0
			h := tr.Node(name).Handler()
			enabled := len(want) > 0 || !found && record.FromSlog(level) >= m.level(name)
			if got := h.Enabled(ctx, level); got != enabled {
				t.Fatalf("%q at %v (%d): Enabled is %v", name, level, record.FromSlog(level), got)
			}
			// Also past Enabled, as handlers that wrap this one may call it.
			if err := h.Handle(ctx, slog.Record{Level: level, Message: "m"}); err != nil {
				t.Fatal(err)
			}
			if got := received(t, hs, spool); !maps.Equal(got, want) {
				t.Fatalf("%q at %v: got %v, want %v", name, level, got, want)
			}
			if got := tr.Node(name).Handlers(); !slices.Equal(got, m.handlers(name)) {
				t.Fatalf("%q: the way has %d handlers, want %d", name, len(got), len(m.handlers(name)))
			}
		}
	}
}
