package deliver

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/girok/girok/internal/crash"
	"github.com/girok/girok/internal/random"
	"github.com/girok/girok/internal/rights"
	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
	"github.com/girok/girok/spool"
)

// Redirection gives what waits in dead runs for a place that was named wrongly, or is
// no more, to a handler as a configuration has it today.
//
// What waits for one handler of a run is copied into a run of its own, made under a
// hidden name; then the old destination's state says that the old run has nothing for
// the handler any more, and names the new one: from then on the new one counts, and
// until then the old one. A note tells whoever finds them after a kill which run
// belongs to which state. Only the holder of the destination's lock writes its state,
// so nobody delivers the records meanwhile, and whoever does later reads the state.
type Redirection struct {
	Service string          // the service's folder in the spool
	Config  spool.RunConfig // that of today
	Kinds   []sink.Kind
	// Twice: records are given, too, that their destination perhaps has.
	Twice bool
	// Patience is how long whoever delivers to the old place may take to let it go; 0
	// is half a minute.
	Patience time.Duration
	Log      *slog.Logger // what the operator should know
}

// Strays is what waits in a run for one of its handlers.
type Strays struct {
	Run     *spool.Run
	Handler *spool.HandlerConfig // of the run
	To      *spool.HandlerConfig // who is to get them
	Records int
	First   time.Time // of the records' times, the earliest
	Last    time.Time // and the latest

	is, will decoded
}

// Place is where the records are to go by the configuration of their run.
func (s *Strays) Place() string { return s.is.place() }

// NewPlace is where they would go.
func (s *Strays) NewPlace() string { return s.will.place() }

// Home reports whether that is the same: nothing has to be given to anybody.
func (s *Strays) Home() bool {
	return s.is.kind.Name() == s.will.kind.Name() && s.is.endpoint == s.will.endpoint && s.is.cfg.Target() == s.will.cfg.Target()
}

func (is *decoded) place() string {
	text := is.kind.Name() + " " + is.endpoint
	if t := is.cfg.Target(); t != "" {
		text += ", " + t
	}
	return text
}

// Find looks what waits in a run for a handler of it, and where the handler of the
// name to would have it. It reads the records and changes nothing.
func (r *Redirection) Find(run *spool.Run, h *spool.HandlerConfig, to string) (*Strays, error) {
	i := slices.IndexFunc(r.Config.Handlers, func(c spool.HandlerConfig) bool { return c.Name == to })
	if i < 0 {
		return nil, fmt.Errorf("no logger uses a spooled handler %q", to)
	}
	s := &Strays{Run: run, Handler: h, To: &r.Config.Handlers[i]}
	var err error
	if s.is, err = decodeHandler(run, h, r.options()); err != nil {
		// Only the lock of its place keeps a program that does understand it, a newer
		// one or one with a class of its own, from delivering the same records.
		return nil, fmt.Errorf("%v: which place would have to let its records go can't be told; %s, and then give them elsewhere", err, unusableRemedy(run))
	}
	if s.will, err = decodeHandler(&spool.Run{Config: r.Config}, s.To, r.options()); err != nil {
		return nil, err
	}
	st, err := openState(r.dir(s), h.Name, s.is.cfg.Target())
	if err != nil {
		return nil, err
	}
	from, _ := s.rest(st)
	var v record.View
	_, err = s.each(from, func(_ record.Place, payload []byte) error {
		if err := v.Parse(payload); err != nil {
			return err
		}
		s.count(&v)
		return nil
	})
	return s, err
}

func (r *Redirection) options() Options {
	return Options{Kinds: r.Kinds, Log: slog.New(slog.DiscardHandler)}
}

// dir is the folder of the old destination.
func (r *Redirection) dir(s *Strays) string {
	return destinationDir(r.Service, s.Handler.Class, s.is.endpoint)
}

func (s *Strays) count(v *record.View) {
	at := time.Unix(v.Seconds, int64(v.Nanos))
	if s.Records++; s.Records == 1 || at.Before(s.First) {
		s.First = at
	}
	if at.After(s.Last) {
		s.Last = at
	}
}

// span is a range of a run.
type span struct{ from, to record.Place }

// rest is where what the destination has not got begins, as far as the spool knows,
// and what of it the destination perhaps has all the same; nil: nothing. To be sure,
// the caller holds the destination's lock.
func (s *Strays) rest(st *state) (from record.Place, perhaps *span) {
	from, known := st.next(s.Run.ID)
	if at := (record.Place{Position: s.Run.Counters().Slot(s.Handler.Bit).Delivered()}); from.Compare(at) < 0 {
		from = at
	}
	if e := st.pending(); e != nil {
		for _, m := range e.Moves {
			if m.Run == s.Run.ID.String() {
				perhaps = &span{m.From, m.To}
			}
		}
	}
	if s.is.kind.Class().Journaled() && !st.torn {
		return from, perhaps
	}
	// Before a batch is sent its range is pinned, and before that the state knows
	// the run.
	lo, hi, seen := s.Run.Pinned(s.Handler.Bit)
	switch {
	case st.torn, known && !seen:
		return from, &span{from, record.Place{Position: math.MaxUint64}}
	case known && lo != 0:
		return from, &span{record.Place{Position: lo}, record.Place{Position: hi}}
	}
	return from, perhaps
}

// walk is what a reader has come through.
type walk struct {
	pieces  [][2]uint64 // where frames for the handler lie, one after the other; between them something is gone
	end     uint64      // of the run
	damaged bool        // something did not check
}

// each calls do with the handler's records from a place on.
func (s *Strays) each(from record.Place, do func(at record.Place, payload []byte) error) (w walk, err error) {
	rd := s.Run.Reader(from.Position)
	defer rd.Close()
	for whole := false; ; {
		ref, st := rd.Next()
		switch st {
		case spool.Frame:
			if ref.Mask()&(1<<s.Handler.Bit) == 0 {
				continue
			}
			if !whole {
				w.pieces = append(w.pieces, [2]uint64{ref.Position, ref.Next})
			}
			whole, w.pieces[len(w.pieces)-1][1] = true, ref.Next
			if err := s.records(&ref, from, do); err != nil {
				return w, fmt.Errorf("run %s, position %d: %w", s.Run.ID, ref.Position, err)
			}
		case spool.Gap:
			whole = false
		case spool.Newer:
			return w, fmt.Errorf("%w: %s", spool.ErrNewer, s.Run.Path())
		case spool.Wait:
			if rd.Err != nil || !s.Run.Alive() {
				return w, errors.Join(fmt.Errorf("run %s can't be read; try again", s.Run.ID), rd.Err)
			}
			return w, nil // as far as it is written
		default:
			w.end, w.damaged = rd.FramesEnd(), rd.Damaged > 0
			return w, nil
		}
	}
}

// records calls do with the handler's records of a frame.
func (s *Strays) records(ref *spool.Ref, from record.Place, do func(at record.Place, payload []byte) error) error {
	for i, p := range ref.Records() {
		at := record.Place{Position: ref.Position, Index: i}
		switch {
		case binary.LittleEndian.Uint64(p)&(1<<s.Handler.Bit) == 0, at.Compare(from) < 0:
		case !record.Known(p):
			return spool.ErrNewer
		default:
			if err := do(at, p); err != nil {
				return err
			}
		}
	}
	return nil
}

// Move gives them to their new handler, as a run that whoever delivers for the service
// finds. Wherever the process dies, each record waits once: at the old place or at the
// new one. The error says why all of them are where they were; Records, First and Last
// are those that were given.
func (r *Redirection) Move(ctx context.Context, s *Strays) error {
	if s.Run.Alive() {
		return fmt.Errorf("run %s is alive: process %d writes it", s.Run.ID, s.Run.Config.PID)
	}
	s.Records, s.First, s.Last = 0, time.Time{}, time.Time{}
	release, err := r.hold(ctx, s)
	if err != nil {
		return err
	}
	defer release()
	making, err := awaitReplayLock(ctx, r.Service)
	if err != nil {
		return err
	}
	defer making.Close()
	if err := recoverReplays(r.Service); err != nil {
		return err
	}
	st, err := openState(r.dir(s), s.Handler.Name, s.is.cfg.Target())
	if err != nil {
		return err
	}
	if st.redirected(s.Run.ID) != "" { // by a process that died before it was past the run
		return nil // whoever delivers sees to the rest
	}
	from, err := r.surely(ctx, s, st)
	if err != nil {
		return err
	}
	return r.give(s, st, from)
}

// hold takes the lock of the old destination. Whoever has it lets it go for the moment
// if it can.
func (r *Redirection) hold(ctx context.Context, s *Strays) (release func(), err error) {
	dir := r.dir(s)
	if err := rights.MkdirAll(dir); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, lockName)
	lock, err := spool.TryLock(path)
	if err != nil {
		return nil, err
	}
	release = func() {
		lock.Close()
	}
	if lock == nil {
		want, err := spool.TryLock(filepath.Join(dir, wantName))
		if err != nil {
			return nil, err
		}
		patience := r.Patience
		if patience == 0 {
			patience = holderPatience
		}
		for end := time.Now().Add(patience); want != nil && lock == nil && time.Now().Before(end) && ctx.Err() == nil; {
			time.Sleep(20 * time.Millisecond)
			if lock, err = spool.TryLock(path); err != nil {
				break
			}
		}
		if lock == nil {
			if want != nil {
				want.Close()
			}
			return nil, errors.Join(r.heldBy(s), err, ctx.Err())
		}
		release = func() {
			lock.Close()
			want.Close()
		}
	}
	signLock(lock, s.Handler.Class, s.is.endpoint, "")
	return release, nil
}

// holderPatience is how long a holder may take to end its batch.
const holderPatience = 30 * time.Second

// heldBy says who keeps the destination.
func (r *Redirection) heldBy(s *Strays) error {
	who := "another process"
	if h, err := HolderOf(r.Service, s.Handler.Class, s.is.endpoint); err == nil && h != nil {
		who = fmt.Sprint("process ", h.PID)
	}
	return fmt.Errorf("%s delivers to %s and does not let it go: end it, and try again", who, s.Place())
}

// awaitReplayLock waits for others that make runs.
func awaitReplayLock(ctx context.Context, service string) (*os.File, error) {
	for end := time.Now().Add(makersPatience); ; {
		lock, err := replayLock(service)
		if err != errReplaying || ctx.Err() != nil || time.Now().After(end) {
			return lock, err
		}
		time.Sleep(20 * time.Millisecond)
	}
}

const makersPatience = 30 * time.Second

// surely is where what the old destination has not got begins. What nobody knows it is
// asked, where it is one that can tell.
func (r *Redirection) surely(ctx context.Context, s *Strays, st *state) (record.Place, error) {
	from, perhaps := s.rest(st)
	if perhaps == nil {
		return from, nil
	}
	at, err := r.ask(ctx, s, st)
	if err == nil {
		return at, nil
	}
	n := 0
	if _, cerr := s.each(from, func(at record.Place, _ []byte) error {
		if at.Compare(perhaps.from) >= 0 && at.Compare(perhaps.to) < 0 {
			n++
		}
		return nil
	}); cerr != nil {
		return from, cerr
	}
	if n == 0 || r.Twice {
		return from, nil
	}
	return from, &Perhaps{Strays: s, Records: n, Err: err}
}

// Perhaps says that the old place may have records already, and can't be asked.
type Perhaps struct {
	*Strays
	Records int
	Err     error // why it can't be asked
}

func (e *Perhaps) Error() string {
	return fmt.Sprintf("run %s: %d of the records for %s were sent to %s, and nobody knows whether they are in (%v)", e.Run.ID, e.Records, e.Handler.Name, e.Place(), e.Err)
}

func (e *Perhaps) Unwrap() error { return e.Err }

// askPatience is how long the old destination may take to answer.
const askPatience = 10 * time.Second

// ask asks the old destination where it stands.
func (r *Redirection) ask(ctx context.Context, s *Strays, st *state) (at record.Place, err error) {
	if s.is.kind.Class() != sink.Position {
		return at, errors.New("it can't be asked")
	}
	if err := s.is.keys.Revealed(); err != nil {
		return at, err
	}
	ctx, cancel := context.WithTimeout(record.Quiet(ctx), askPatience)
	defer cancel()
	env := s.is.env
	env.Service = s.Run.Config.Service
	to, err := s.is.kind.Open(ctx, env, s.is.cfg)
	if err != nil {
		return at, err
	}
	defer to.Close()
	_, known := st.next(s.Run.ID)
	places, err := to.(sink.Positioned).Claim(ctx, fmt.Sprintf("%016x", random.Uint64()), []sink.Claim{{Run: s.Run.ID, Known: known}})
	if err != nil {
		return at, err
	}
	return places[0], nil
}

// give copies the records from a place on and makes the copy count.
func (r *Redirection) give(s *Strays, st *state, from record.Place) error {
	cfg := r.Config
	cfg.Handlers, cfg.GapMask = []spool.HandlerConfig{*s.To}, 0
	cfg.Version, cfg.Host = s.Run.Config.Version, s.Run.Config.Host
	made, err := spool.Make(r.Service, cfg)
	if err != nil {
		return err
	}
	w, err := s.copyTo(made, from, cfg.Mask())
	if err != nil || s.Records == 0 {
		made.Discard()
		return err
	}
	crash.At(crash.RedirectMade)
	n, err := r.prepare(made, s, from, &w)
	if err != nil {
		made.Discard()
		return err
	}
	crash.At(crash.RedirectNoted)
	if err := st.redirect(s.Run.ID, w.end, made.ID); err != nil {
		return errors.Join(err, recoverReplays(r.Service)) // the state tells whether it is written all the same
	}
	crash.At(crash.RedirectMarked)
	if err := finishReplay(r.Service, n); err != nil {
		return err
	}
	crash.At(crash.RedirectGiven)
	return s.pass(&w)
}

// copyTo copies the records; they keep their first ids.
func (s *Strays) copyTo(made *spool.Made, from record.Place, mask uint64) (walk, error) {
	var v record.View
	var buf []byte
	w, err := s.each(from, func(at record.Place, payload []byte) error {
		if err := v.Parse(payload); err != nil {
			return err
		}
		buf = v.AppendAgain(buf[:0], payload, mask, s.Run.ID, at)
		s.count(&v)
		return made.Append(buf)
	})
	if err == nil {
		err = made.Seal()
	}
	return w, err
}

// prepare does what comes before the copy counts: what was copied is held, tries of
// dead letters are settled or go, for their records are in the copy, and the note is
// written.
func (r *Redirection) prepare(made *spool.Made, s *Strays, from record.Place, w *walk) (*note, error) {
	unpin, err := s.pin(w)
	if err != nil {
		return nil, err
	}
	handler, target := s.Handler.Name, s.is.cfg.Target()
	n := &note{Run: made.ID.String(), Redirect: &redirectNote{filepath.Base(r.dir(s)), handler, target, s.Run.ID.String()}}
	tries := letters{dir: letterDir(r.Service, handler, target), handler: handler, log: r.Log}
	err = tries.resume(s.Run.ID, from)
	if err == nil {
		err = writeNote(r.Service, n)
	}
	if err != nil {
		unpin()
	}
	return n, err
}

// pin holds what was copied: what goes to make room counts as lost, and must not be
// given too.
func (s *Strays) pin(w *walk) (unpin func(), err error) {
	slot := s.Run.Counters().Slot(s.Handler.Bit)
	lo, hi, _ := s.Run.Pinned(s.Handler.Bit)
	slot.Pin(w.pieces[0][0], w.pieces[len(w.pieces)-1][1])
	unpin = func() {
		if slot.Unpin(); lo != 0 {
			slot.Pin(lo, hi)
		}
	}
	if slices.ContainsFunc(w.pieces, func(p [2]uint64) bool { return !s.Run.StillThere(p[0], p[1]) }) {
		unpin()
		return nil, fmt.Errorf("run %s: records went to make room while they were copied; try again", s.Run.ID)
	}
	return unpin, nil
}
