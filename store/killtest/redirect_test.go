//go:build unix

package killtest

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/girok/girok"
	"github.com/girok/girok/deliver"
	"github.com/girok/girok/internal/crash"
	"github.com/girok/girok/sink/files"
	"github.com/girok/girok/spool"
	"github.com/girok/girok/store/duckdb"
	"github.com/girok/girok/store/postgres"
	"github.com/girok/girok/store/sqlite"
)

// elsewhere is a folder with databases for rows, some of which are not there.
type elsewhere struct {
	*testing.T
	dir string
}

// config has a handler whose database is in a folder, and one beside it.
func (e elsewhere) config(place string) spool.RunConfig {
	cfg := runConfig("sqlite", e.keys(place))
	beside := runConfig("sqlite", e.keys("beside")).Handlers[0]
	beside.Name, beside.Bit = "beside", 1
	cfg.Handlers = append(cfg.Handlers, beside)
	cfg.Dir = e.dir
	return cfg
}

func (e elsewhere) keys(place string) map[string]any {
	return map[string]any{
		"path": filepath.Join(place, "a.db"), "table": "rows", "create": true, "rest": "drop", "batch": map[string]any{"age": "20ms"},
		"columns": map[string]any{"n": map[string]any{"from": "attr.n", "type": "int"}, "id": "record_id"},
	}
}

// isMissing lets no database be made.
func (e elsewhere) isMissing(place string) {
	e.Helper()
	if err := os.WriteFile(filepath.Join(e.dir, place), nil, 0o600); err != nil {
		e.Fatal(err)
	}
}

// exists makes room for a database.
func (e elsewhere) exists(place string) {
	e.Helper()
	_ = os.Remove(filepath.Join(e.dir, place)) // a file that was in the way
	if err := os.MkdirAll(filepath.Join(e.dir, place), 0o700); err != nil {
		e.Fatal(err)
	}
}

// rows are the numbers of the rows in a database, and their ids; none if there is none.
func (e elsewhere) rows(place string) (rows [][]string) {
	e.Helper()
	path := filepath.Join(e.dir, place, "a.db")
	if _, err := os.Stat(path); err != nil {
		return nil
	}
	rows, err := sqlite3(path, "select n, id from rows")
	if err != nil && !strings.Contains(err.Error(), "no such table") {
		e.Fatal(err)
	}
	return rows
}

// once wants n rows in all of the databases together, each once.
func (e elsewhere) once(n int, places ...string) {
	e.Helper()
	numbers, ids := map[string]int{}, map[string]int{}
	for _, place := range places {
		for _, row := range e.rows(place) {
			numbers[row[0]]++
			ids[row[1]]++
		}
	}
	for text, times := range numbers {
		if times != 1 {
			e.Errorf("row %s is there %d times", text, times)
		}
	}
	if len(numbers) != n || len(ids) != n {
		e.Errorf("%d rows with %d ids in %v, want %d", len(numbers), len(ids), places, n)
	}
}

// TestRedirect: rows wait for a database in a folder that is not there. A process gives
// them to another database, and is killed at every step of that; then it is done once
// more, or the folder is there after all. Each row is in one of the two, once, whether
// or not another handler still needs the run.
func TestRedirect(t *testing.T) {
	const n = 1000
	aims := []string{""}
	if crash.Enabled {
		for w := crash.RedirectMade; w < crash.NumAll; w++ {
			aims = append(aims, w.String())
		}
		aims = append(aims, crash.ReplayPublished.String(), crash.ReplayEnded.String())
	}
	for _, aim := range aims {
		for _, alone := range []bool{true, false} {
			for _, again := range []bool{true, false} {
				t.Run(fmt.Sprintf("killed=%s/alone=%v/again=%v", aim, alone, again), func(t *testing.T) {
					e := elsewhere{t, t.TempDir()}
					e.isMissing("wrong")
					e.isMissing("beside")
					first := serve(t, e.dir, e.config("wrong"))
					mask := uint64(3)
					if alone {
						mask = 1
					}
					for i := range n {
						first.logFor(mask, "row", slog.Int("n", i))
					}
					first.until("it is refused", func() bool { return strings.Contains(first.told.String(), "wrong") })
					first.stop()
					e.exists("right")
					e.redirect(aim)
					if again {
						e.redirect("")
					} else {
						e.exists("wrong")
					}
					e.exists("beside")
					next := serve(t, e.dir, e.config("right"))
					next.until("all rows are in", func() bool { return len(e.rows("wrong"))+len(e.rows("right")) >= n })
					next.until("the runs are drained", func() bool { return len(next.spool.Runs()) == 1 })
					next.stop()
					e.once(n, "wrong", "right")
					if got := len(e.rows("beside")); !alone && got != n || alone && got != 0 {
						t.Errorf("%d rows beside", got)
					}
					if aim == "" && len(e.rows("wrong")) > 0 || again && len(e.rows("right")) != n {
						t.Errorf("%d rows are in the wrong place, %d in the right one", len(e.rows("wrong")), len(e.rows("right")))
					}
					if left, _ := filepath.Glob(filepath.Join(e.dir, "spool/svc/dead/*.replay")); len(left) > 0 {
						t.Errorf("left: %v", left)
					}
					if left, _ := filepath.Glob(filepath.Join(e.dir, "spool/svc/runs/.made*")); len(left) > 0 {
						t.Errorf("left: %v", left)
					}
				})
			}
		}
	}
}

// redirect starts a process that gives what waits for the wrong place to the right one.
func (e elsewhere) redirect(aim string) {
	e.Helper()
	spec, err := json.Marshal(redirectSpec{filepath.Join(e.dir, "spool/svc"), e.config("right")})
	if err != nil {
		e.Fatal(err)
	}
	plays(e, aim != "", "GIROK_REDIRECT="+string(spec), "GIROK_CRASH="+aim)
}

// redirectSpec is what that process gives to whom.
type redirectSpec struct {
	Service string
	Config  spool.RunConfig
}

// redirects is that process.
func redirects(text string) error {
	var spec redirectSpec
	if err := json.Unmarshal([]byte(text), &spec); err != nil {
		return err
	}
	return redirectAll(spec.Service, spec.Config)
}

// redirectAll gives what waits elsewhere to the handlers of cfg.
func redirectAll(service string, cfg spool.RunConfig) error {
	runs, err := spool.List(service)
	if err != nil {
		return err
	}
	r := &deliver.Redirection{Service: service, Config: cfg, Kinds: kinds, Log: slog.New(slog.DiscardHandler)}
	for _, run := range runs {
		for i := range run.Config.Handlers {
			h := &run.Config.Handlers[i]
			s, err := r.Find(run, h, h.Name)
			if err == nil && !s.Home() && s.Records > 0 {
				err = r.Move(context.Background(), s)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// TestRedirectAfterALostAnswer: a process dies with a batch of which it has no answer,
// and what it left is given to another table. The database is asked what it has, so
// each row is in one of the two tables, once.
func TestRedirectAfterALostAnswer(t *testing.T) {
	lines := strings.SplitAfter(before, "\n")
	alone := strings.Replace(strings.Join(slices.Delete(lines, 4, 5), ""), "first, second", "first", 1)
	for _, class := range classes(t) {
		for answer := 1; answer <= 3; answer++ {
			t.Run(fmt.Sprint(class, "/", answer), func(t *testing.T) {
				r := newRestart(t, class, fmt.Sprint("redirect_", answer))
				config := r.with(alone)
				r.dies(config, answer)
				config = changes["table"].change(config)
				c, err := girok.Check(r.write(config), files.Kind, sqlite.Kind, duckdb.Kind, postgres.Kind)
				if err == nil {
					err = redirectAll(c.SpoolDir, c.Run)
				}
				if err != nil {
					t.Fatal(err)
				}
				r.follows(config)
				want := map[string]int{}
				for n := range 2 * logged {
					want[fmt.Sprint("a or c", n)]++
				}
				r.count("a or c", append(r.rows("a"), r.rows("c")...), want)
				r.nothingIsMissing(want)
				for _, row := range r.rows("a") {
					if n, err := strconv.Atoi(row[0]); err != nil || n >= logged {
						t.Errorf("row %v is in the old table", row)
					}
				}
				if n := len(r.rows("a")); n < min(40*answer, logged) {
					t.Errorf("%d rows are in the old table after %d batches", n, answer)
				}
			})
		}
	}
}
