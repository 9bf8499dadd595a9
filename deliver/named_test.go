package deliver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/girok/girok/sink"
)

// namedSink is a destination of class name: each batch is an object, written if
// there is none of its name.
type namedSink struct {
	s    *store
	name string // what was prepared
}

func namedKind(stores map[string]*store) sink.Kind {
	return sink.Define("named", "objects in memory", sink.Name, fakeDefaults, func(_ context.Context, _ sink.Env, c fakeConfig) (sink.Sink, error) {
		return &namedSink{s: stores[c.At]}, nil
	})
}

func (n *namedSink) Close() error { return nil }

func (n *namedSink) Fit(b *sink.Batch) int { return n.s.fits(b) }

func (n *namedSink) Prepare(_ context.Context, b *sink.Batch, _ sink.Mark) (sink.Mark, error) {
	n.s.mu.Lock()
	defer n.s.mu.Unlock()
	if n.name = ""; n.s.early {
		if _, _, err := n.s.check(b, false); err != nil {
			return nil, err
		}
	}
	n.name = b.Name
	if b.Mark != nil {
		return b.Mark, nil
	}
	return json.Marshal(b.Name)
}

func (n *namedSink) Write(_ context.Context, b *sink.Batch) error {
	s := n.s
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes++
	s.attempts[b.Attempt]++
	if b.Partial {
		s.partial++
	}
	var marked string
	if err := json.Unmarshal(b.Mark, &marked); err != nil || marked != b.Name || n.name != b.Name {
		return fmt.Errorf("batch %s comes with the mark %s after %s was prepared", b.Name, b.Mark, n.name)
	}
	if err := s.before.ask(b); err != nil {
		return err
	}
	if !s.objects[b.Name] {
		msgs, ids, err := s.check(b, false)
		if err != nil {
			return err
		}
		s.objects[b.Name] = true
		s.keep(msgs, ids)
	}
	return s.after.ask(b)
}

func TestJournal(t *testing.T) {
	dir, s := t.TempDir(), newStore()
	p := start(t, dir, 0, one(s), "a#")
	p.d.Start()
	p.appendN(1, 5000)
	p.flush()
	once(t, s, 5000)
	p.appendN(1, 10)
	p.stop()
	once(t, s, 5010)
	if left := runFolders(t, dir); len(left) > 0 {
		t.Errorf("runs are left: %v", left)
	}
	if st := stateOf(t, dir); st.Journal != nil || len(st.Runs) > 0 || len(st.Mark) == 0 {
		t.Errorf("the state holds %+v", st)
	}
}

// stateOf reads the newest state of the one handler that there is.
func stateOf(t *testing.T, dir string) stateBody {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dir, "svc", "to", "named-*", "*.state.0"))
	if err != nil || len(list) != 1 {
		t.Fatalf("states %v, %v", list, err)
	}
	_, a, err := readState(list[0])
	n0, _, _ := readState(list[0])
	n1, b, err1 := readState(strings.TrimSuffix(list[0], "0") + "1")
	if n1 > n0 {
		a, err = b, err1
	}
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// The program dies after the journal and before the sink's answer: before anything
// is in, or after all of it is. Batches hold several runs by then, whose records
// were read in turn.
func TestJournalDies(t *testing.T) {
	for _, in := range []bool{false, true} {
		t.Run(fmt.Sprintf("in=%v", in), func(t *testing.T) {
			dir, s := t.TempDir(), newStore()
			total := 0
			names := map[string]bool{}
			for life := range 12 {
				p := startLife(t, dir, life, one(s), "a#")
				died := make(chan struct{})
				dies := sync.OnceFunc(func() { close(died) })
				s.fails(in, func(b *sink.Batch) error {
					names[b.Name] = true
					dies()
					return errors.New("the answer never came")
				})
				p.d.Start()
				p.appendN(1, 40)
				total += 40
				<-died
				p.die()
			}
			s.heal()
			if len(names) != 1 {
				t.Errorf("%d names before anything was noted: %v", len(names), names)
			}
			drain(t, dir, one(s), "a#")
			once(t, s, total)
			if s.partial > 0 {
				t.Errorf("%d batches came again with other records", s.partial)
			}
		})
	}
}

// The disk of the spool takes no journal: then nothing is sent, however often it is
// tried, and a program that is killed meanwhile doubles nothing.
func TestJournalCantBeWritten(t *testing.T) {
	dir, s := t.TempDir(), newStore()
	p := start(t, dir, 0, one(s), "a#")
	p.d.Start()
	p.appendN(1, 10)
	p.flush()
	copies, err := filepath.Glob(filepath.Join(dir, "svc", "to", "named-*", "*.state.*"))
	if err != nil || len(copies) != 2 {
		t.Fatal(copies, err)
	}
	for _, c := range copies {
		if err := errors.Join(os.Rename(c, c+".kept"), os.Mkdir(c, 0o700)); err != nil {
			t.Fatal(err)
		}
	}
	sent := 0
	s.set(func() {
		sent = s.writes
		s.after = func(*sink.Batch) error { return errors.New("the answer never came") }
	})
	p.appendN(1, 10)
	eventually(t, "tried three times", func() bool { return p.d.lanes()[0].stats.retries.Load() >= 3 })
	p.die()
	if s.writes != sent {
		t.Errorf("%d batches were sent that the journal has not got", s.writes-sent)
	}
	for _, c := range copies {
		if err := errors.Join(os.Remove(c), os.Rename(c+".kept", c)); err != nil {
			t.Fatal(err)
		}
	}
	s.set(func() { s.after = nil })
	p = start(t, dir, 0, one(s), "a#")
	p.n = 20
	p.appendN(1, 10) // so the batch is cut elsewhere
	p.d.Start()
	p.flush()
	eventually(t, "drained", func() bool { return len(runFolders(t, dir)) == 1 })
	p.stop()
	once(t, s, 30)
}

// Bad rows are found by Prepare, by Write with their indexes, or by Write without;
// and on the way the destination does not answer, and the program dies.
func TestJournalBadRows(t *testing.T) {
	for _, how := range []string{"prepare", "write", "blind"} {
		t.Run(how, func(t *testing.T) {
			dir, s := t.TempDir(), newStore()
			s.early, s.blind = how == "prepare", how == "blind"
			s.reject = badSevens
			total := 0
			for life := range 8 {
				p := startLife(t, dir, life, one(s), "a#")
				died, writes := make(chan struct{}), 0
				dies := sync.OnceFunc(func() { close(died) })
				s.set(func() {
					s.before = func(*sink.Batch) error {
						if writes++; writes%5 == 0 {
							return errors.New("busy")
						}
						return nil
					}
					s.after = func(*sink.Batch) error {
						if writes < 3+2*life {
							return nil
						}
						dies()
						return errors.New("the answer never came")
					}
				})
				p.d.Start()
				total += p.appendUntil(died)
				p.die()
			}
			s.heal()
			drain(t, dir, one(s), "a#")
			once(t, s, total-total/10)
			if s.partial > 0 {
				t.Errorf("%d batches came again with other records", s.partial)
			}
			lettersAre(t, dir, total/10)
			if how == "write" && s.attempts[2] == 0 {
				t.Errorf("no batch was a second attempt: %v", s.attempts)
			}
		})
	}
}

// What is left of a journalled batch when one of its runs is gone, or a segment of
// one, comes under its name, and says so.
func TestJournalWithoutItsFrames(t *testing.T) {
	t.Run("run", func(t *testing.T) { testWithout(t, 20, 10, "*-%s") })
	t.Run("segment", func(t *testing.T) { testWithout(t, 120, 120-first, "*-%s/000001.seg") })
}

// first is how many records of 10 KB the first segment has room for.
const first = 103

func testWithout(t *testing.T, records, left int, gone string) {
	dir, s := t.TempDir(), newStore()
	var begun *sink.Batch
	died := make(chan struct{})
	pad := strings.Repeat("x", 10_000)
	for run := range 2 {
		p := start(t, dir, 0, one(s), "a#")
		if records > 20 && run == 0 {
			for i := range records {
				p.append(1, fmt.Sprint(i, pad))
			}
		} else if records <= 20 {
			p.n = 1000 * run
			p.appendN(1, records/2)
		}
		leave(p)
	}
	s.before = func(b *sink.Batch) error {
		if begun == nil {
			begun = b
			close(died)
		}
		return errors.New("down")
	}
	p := startWithRuns(t, dir, one(s), "a#", 3)
	<-died
	p.die()
	if begun.Partial || records <= 20 && begun.Len() != records || begun.Len() <= first && records > 20 {
		t.Fatalf("the first batch has %d records", begun.Len())
	}
	found, err := filepath.Glob(filepath.Join(dir, "svc", "runs", fmt.Sprintf(gone, begun.Moves[0].Run)))
	if err != nil || len(found) != 1 {
		t.Fatal(found, err)
	}
	if err := os.RemoveAll(found[0]); err != nil {
		t.Fatal(err)
	}
	var again *sink.Batch
	s.set(func() {
		s.before = func(b *sink.Batch) error {
			if again == nil {
				again = b
			}
			return nil
		}
	})
	drain(t, dir, one(s), "a#")
	once(t, s, left)
	if again == nil || again.Name != begun.Name || !again.Partial {
		t.Errorf("it came again as %+v", again)
	}
}

// A batch of which one half is in is not written again as a whole when the other
// half meets an error.
func TestHalfOfASplitBatchIsNotDoubled(t *testing.T) {
	for _, class := range []string{"a", "a#"} {
		dir, s := t.TempDir(), newStore()
		s.blind, s.reject = true, badM7
		s.before = nth(4, errors.New("busy"))
		start(t, dir, 0, one(s), class).delivers(16)
		once(t, s, 15)
	}
}

// A sink for which a batch is too much gets less at a time, also when answers are lost,
// rows are bad, and the program dies.
func TestCutter(t *testing.T) {
	for _, class := range []string{"a", "a#"} {
		t.Run(class, func(t *testing.T) {
			dir, s := t.TempDir(), newStore()
			s.fit = 3
			s.reject = func(msg string) (string, bool) { return "bad", msg == "m7" || msg == "m12" }
			most, n := 0, 0
			s.before = func(b *sink.Batch) error {
				most = max(most, b.Len())
				return nil
			}
			died := make(chan struct{})
			s.after = func(*sink.Batch) error {
				if n++; n == 9 {
					close(died)
				}
				if n%3 == 0 || n > 9 {
					return errors.New("connection reset")
				}
				return nil
			}
			p := start(t, dir, 0, one(s), class)
			p.appendN(1, 40)
			p.d.Start()
			<-died
			p.die()
			if len(s.rows) == 0 || len(s.rows) >= 38 {
				t.Errorf("it died when %d rows were in", len(s.rows))
			}
			s.set(func() { s.after = nil })
			p = start(t, dir, 0, one(s), class)
			p.d.Start()
			eventually(t, "drained", func() bool { return len(runFolders(t, dir)) == 1 })
			p.stop()
			once(t, s, 38)
			if most > 3 {
				t.Errorf("a batch had %d records", most)
			}
		})
	}
}

// The answer to some part of a split batch is lost: the part is in, once.
func TestAnswerOfAPartIsLost(t *testing.T) {
	for _, class := range []string{"a", "a#"} {
		for lost := range 12 {
			t.Run(fmt.Sprint(class, " ", lost), func(t *testing.T) {
				dir, s := t.TempDir(), newStore()
				s.blind, s.reject = true, badM7
				s.after = nth(lost+1, errors.New("connection reset"))
				start(t, dir, 0, one(s), class).delivers(16)
				once(t, s, 15)
			})
		}
	}
}

// A row is refused, and would be taken by the time that the rest of its batch is sent
// again: it is in the destination or in the letters, and not in both.
func TestRefusedRowWouldBeTakenLater(t *testing.T) {
	for _, class := range []string{"a", "a#"} {
		for _, in := range []bool{false, true} {
			t.Run(fmt.Sprint(class, " ", in), func(t *testing.T) {
				dir, s := t.TempDir(), newStore()
				s.reject = badM7
				s.fails(in, func(b *sink.Batch) error {
					if b.Len() == 15 && s.reject != nil {
						s.reject = nil
						return errors.New("connection reset")
					}
					return nil
				})
				p := start(t, dir, 0, one(s), class)
				p.delivers(16)
				letters, err := Letters(p.spool.Dir())
				if err != nil || s.reject != nil {
					t.Fatal(err, s.reject != nil)
				}
				once(t, s, 16-len(letters))
			})
		}
	}
}
