//go:build unix

package killtest

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"testing"

	"github.com/girok/girok/deliver"
	"github.com/girok/girok/internal/crash"
	"github.com/girok/girok/record"
	"github.com/girok/girok/spool"
)

// The table of bad rows: what it does not take is in the sorts below. PostgreSQL has
// types that are narrower than girok's, SQLite has checks.
var badTable = map[string]string{
	"postgres": `create table rows (n bigint not null, name varchar(10), score double precision not null, small smallint check (small < 100), day date, id text)`,
	"sqlite": `create table rows (n integer not null, name text check (length(name) <= 10), score real not null,
		small integer check (small < 100 and small > -32769), day text, id text);`,
}

var badColumns = map[string]any{
	"n": map[string]any{"from": "attr.n", "type": "int"}, "name": map[string]any{"from": "attr.name", "type": "string"},
	"score": map[string]any{"from": "attr.score", "type": "float"}, "small": map[string]any{"from": "attr.small", "type": "int"},
	"day": map[string]any{"from": "attr.day", "type": "date"}, "id": "record_id",
}

// sorts are the sorts of rows that come once in so many; why is in the reason of the
// dead letter, "" if the row fits after all.
var sorts = []struct {
	name string
	attr slog.Attr
	why  map[string]string // by store
}{
	{"another type", slog.String("score", "high"), both("column score")},
	{"too long", slog.String("name", "far too long for it"), map[string]string{"postgres": "too long", "sqlite": "CHECK"}},
	{"too large", slog.Int64("small", 1<<40), map[string]string{"postgres": "small", "sqlite": "CHECK"}},
	{"against a check", slog.Int("small", 100), map[string]string{"postgres": "check", "sqlite": "CHECK"}},
	{"missing", slog.Any("score", nil), map[string]string{"postgres": "null", "sqlite": "NOT NULL"}},
	{"not a number", slog.Any("score", []int{1}), both("column score")},
	{"no day", slog.String("day", "2026-02-30"), both("column day")},
	{"NUL", slog.String("name", "a\x00b"), nil},
	{"not UTF-8", slog.String("name", "a\xffb"), nil},
	{"surrogates", slog.Any("name", json.RawMessage(`"\ud800"`)), nil},
}

func both(why string) map[string]string { return map[string]string{"postgres": why, "sqlite": why} }

// badOnce is how many rows there are for one of each sort.
const badOnce = 1000

// attrs are those of row n; why is that of its letter.
func attrs(store string, n int) (list []slog.Attr, why string) {
	list = []slog.Attr{slog.Int("n", n), slog.String("name", "name"), slog.Float64("score", 0.5), slog.Int("small", 7), slog.String("day", "2026-11-26")}
	if k := n % badOnce; k >= 100 && k%10 == 0 && k/10-10 < len(sorts) {
		sort := sorts[k/10-10]
		for i := range list {
			if list[i].Key == sort.attr.Key {
				list[i] = sort.attr
			}
		}
		why = sort.why[store]
	}
	return list, why
}

// TestBadRows: among many good rows there is one in a thousand of each sort that does
// not fit; then the table is changed so that none fits; then the bad ones are given
// back, by a process that is killed at every step of that.
func TestBadRows(t *testing.T) {
	for name, make := range bases {
		t.Run(name, func(t *testing.T) {
			dir, b := make(t)
			keys := map[string]any{"table": "rows", "create": name == "postgres" || name == "sqlite", "rest": "drop", "columns": badColumns, "batch": map[string]any{"age": "20ms"}}
			maps.Copy(keys, b.keys)
			b.ask(t, badTable[name])
			s := serve(t, dir, runConfig(name, keys))
			good, bad := s.logBad(name, 0, 20*badOnce)
			s.wantRows(b, good, bad)

			b.ask(t, map[string]string{
				"postgres": "alter table rows add constraint must check (n < 0) not valid",
				"sqlite":   "create trigger must before insert on rows begin select raise(abort, 'no more rows'); end;", // it can't add a check
			}[name])
			more, worse := s.logBad(name, 20*badOnce, 22*badOnce)
			s.until("the handler is paused", func() bool { return s.deliver.Stats()[0].State == spool.Refused })
			s.wantRows(b, good, bad) // no letter for want of a table
			b.ask(t, map[string]string{"postgres": "alter table rows drop constraint must", "sqlite": "drop trigger must"}[name])
			s.flush()
			maps.Copy(good, more)
			maps.Copy(bad, worse)
			s.wantRows(b, good, bad)
			s.stop()
			giveBack(t, dir, b, good, bad)
		})
	}
}

// logBad logs rows and says which are good, and why the others are not.
func (s *service) logBad(store string, from, to int) (good map[int]bool, bad map[int]string) {
	good, bad = map[int]bool{}, map[int]string{}
	for n := from; n < to; n++ {
		list, why := attrs(store, n)
		if good[n] = true; why != "" {
			delete(good, n)
			bad[n] = why
		}
		s.log("row", list...)
	}
	return good, bad
}

// wantRows waits until the good rows are in, each once, and each bad one is in a
// letter, once, with its reason.
func (s *service) wantRows(b *base, good map[int]bool, bad map[int]string) {
	s.Helper()
	s.until(fmt.Sprint(len(good), " rows, ", len(bad), " letters"), func() bool {
		letters := len(s.letters())
		return letters >= len(bad) && b.number(s.T, "select count(*) from rows")+letters >= len(good)+len(bad)
	})
	letters := s.letters()
	defer b.wantOnce(s.T, good)
	for i := range letters {
		l := &letters[i]
		n := numberOf(s.T, l)
		if why := bad[n]; why == "" || !strings.Contains(l.Reason, why) {
			s.Errorf("row %d is in a letter, for: %s; want %q", n, l.Reason, why)
		}
	}
	if len(letters) != len(bad) {
		s.Errorf("%d letters, want %d", len(letters), len(bad))
	}
}

// wantOnce wants each of the rows in the table, once, and no others.
func (b *base) wantOnce(t *testing.T, good map[int]bool) {
	t.Helper()
	rows := b.ask(t, "select count(*), count(distinct n), count(distinct id), min(n) from rows")
	if want := fmt.Sprint(len(good)); rows[0][0] != want || rows[0][1] != want || rows[0][2] != want {
		t.Fatalf("rows, numbers, ids: %v, want %s of each", rows[0], want)
	}
	for _, row := range b.ask(t, "select n from rows") {
		var n int
		if _, err := fmt.Sscan(row[0], &n); err != nil || !good[n] {
			t.Fatalf("row %q is in (%v)", row[0], err)
		}
	}
}

func numberOf(t *testing.T, l *deliver.Letter) int {
	t.Helper()
	var v record.View
	if err := v.Parse(l.Frame); err != nil {
		t.Fatal(err)
	}
	var attrs struct{ N int }
	if err := json.Unmarshal(v.Attrs().AppendJSON(nil), &attrs); err != nil {
		t.Fatal(err)
	}
	return attrs.N
}

// giveBack makes room for the bad rows and gives their letters back, some by a process
// that dies in each window, and the rest by one that does not.
func giveBack(t *testing.T, dir string, b *base, good map[int]bool, bad map[int]string) {
	t.Helper()
	b.ask(t, map[string]string{
		"postgres": "drop table rows; create table rows_new (n bigint, name text, score text, small bigint, day text, id text); alter table rows_new rename to rows",
		"sqlite":   "alter table rows rename to rows_old; create table rows (n integer, name text, score text, small integer, day text, id text);",
	}[b.class])
	columns := maps.Clone(badColumns)
	columns["score"], columns["day"] = "attr.score", "attr.day"
	keys := map[string]any{"table": "rows", "create": true, "rest": "drop", "columns": columns, "batch": map[string]any{"age": "20ms"}}
	maps.Copy(keys, b.keys)
	cfg := runConfig(b.class, keys)
	aims := []string{""}
	if crash.Enabled {
		for w := crash.ReplayMade; w < crash.NumReplay; w++ {
			aims = append([]string{w.String()}, aims...)
		}
	}
	in := map[int]bool{}
	for i, aim := range aims {
		letters, err := deliver.Letters(dir + "/spool/svc")
		if err != nil {
			t.Fatal(err)
		}
		some := len(letters) / (len(aims) - i)
		text, err := json.Marshal(again{Service: dir + "/spool/svc", Config: cfg, Some: some})
		if err != nil {
			t.Fatal(err)
		}
		plays(t, aim != "", "GIROK_REPLAY="+string(text), "GIROK_CRASH="+aim)
		if aim != crash.ReplayMade.String() {
			for k := range letters[:some] {
				in[numberOf(t, &letters[k])] = true
			}
		}
		s := serve(t, dir, cfg)
		s.until("what was given back is in", func() bool { return b.number(t, "select count(*) from rows") >= len(in) })
		b.wantOnce(t, in)
		s.stop()
		if left, err := deliver.Letters(dir + "/spool/svc"); err != nil || len(left)+len(in) != len(bad) {
			t.Fatalf("%s: %d letters are left, %d rows are in, of %d (%v)", aim, len(left), len(in), len(bad), err)
		}
	}
	if len(in) != len(bad) {
		t.Errorf("%d of %d were given back", len(in), len(bad))
	}
	for n := range in {
		if good[n] || bad[n] == "" {
			t.Errorf("%d was no bad row", n)
		}
	}
}

// again is what a process gives back.
type again struct {
	Service string
	Config  spool.RunConfig
	Some    int // of the letters, the first ones
}

// replays is that process.
func replays(text string) error {
	var a again
	if err := json.Unmarshal([]byte(text), &a); err != nil {
		return err
	}
	letters, err := deliver.Letters(a.Service)
	if err != nil {
		return err
	}
	var list []*deliver.Letter
	for i := range letters[:a.Some] {
		list = append(list, &letters[i])
	}
	return deliver.Replay(a.Service, a.Config, list)
}
