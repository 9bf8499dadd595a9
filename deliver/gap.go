package deliver

import (
	"fmt"
	"hash/fnv"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/girok/girok/record"
	"github.com/girok/girok/spool"
)

// GapLogger is the logger that tells of records that were lost.
const GapLogger = "girok.gap"

// tellGaps tells what handlers lost of a dead run that did not tell it itself: by
// records of girok.gap, which go where the run's configuration sends those of that
// logger. Handlers that have come to the run's end lose no more.
//
// all: every handler had come there before it looked what is told. told: nothing is
// left to tell, so that with all the run may go. Without a run nobody could tell what
// is not told yet, if who delivers for another handler dies before it does.
func (l *lane) tellGaps(r *spool.Run, end uint64) (all, told bool) {
	all, told = true, true
	for _, h := range r.Config.Handlers {
		all = all && r.Counters().Slot(h.Bit).FreeBelow() >= end
	}
	if !r.SettleLosses() {
		return all, false
	}
	d := l.dest.d
	for _, h := range r.Config.Handlers {
		slot := r.Counters().Slot(h.Bit)
		n, _, _ := slot.Lost()
		if r.Config.GapMask == 0 || slot.FreeBelow() < end || n <= slot.Told() {
			continue
		}
		d.gaps.Lock()
		err := makeGap(d.opts.Spool.Dir(), r, h.Bit)
		d.gaps.Unlock()
		if err != nil {
			told = false
		}
		if err != nil && err != errReplaying { // else it takes a moment
			d.once("gap "+r.ID.String()+h.Name+err.Error(), "no record of "+GapLogger+" tells yet what a run has lost; trying again", "handler", h.Name, "run", r.ID.String(), "records", n, "error", err)
		}
	}
	return all, told
}

// gapNote is the part of a note that says what its run tells: with the note, it is
// told.
type gapNote struct {
	Folder string `json:"folder"` // of the run that has lost them, in runs/
	Bit    int    `json:"bit"`
	Told   uint64 `json:"told"` // how many records the handler has lost
}

// makeGap publishes a run of one record. It is made like that of dead letters that
// are given back: wherever the process dies, it is told once. errReplaying: somebody
// else makes runs just now.
func makeGap(service string, of *spool.Run, bit int) error {
	lock, err := replayLock(service)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := recoverReplays(service); err != nil {
		return err
	}
	if n, _, _ := of.Counters().Slot(bit).Lost(); n <= of.Counters().Slot(bit).Told() {
		return nil // somebody else was quicker
	}
	cfg := of.Config
	cfg.Handlers = slices.DeleteFunc(slices.Clone(cfg.Handlers), func(h spool.HandlerConfig) bool { return cfg.GapMask&(1<<h.Bit) == 0 })
	cfg.GapMask = 0 // that this record is lost is not told again; and as old as the run, or its configuration would be the newest
	m, err := spool.Make(service, cfg)
	if err != nil {
		return err
	}
	if err := m.Append(gapRecord(of, bit, cfg.Mask())); err != nil {
		m.Discard()
		return err
	}
	if err := m.Seal(); err != nil {
		m.Discard()
		return err
	}
	n, _, _ := of.Counters().Slot(bit).Lost()
	note := &note{Run: m.ID.String(), Gap: &gapNote{Folder: filepath.Base(of.Path()), Bit: bit, Told: n}}
	if err := writeNote(service, note); err != nil {
		return err
	}
	if err := finishReplay(service, note); err != nil {
		return err
	}
	of.Counters().Slot(bit).SetTold(n) // also of a run whose folder is gone
	return nil
}

// gapRecord says what a handler has lost of a run. Its id follows from that alone.
func gapRecord(of *spool.Run, bit int, mask uint64) []byte {
	h, slot := of.Handler(bit), of.Counters().Slot(bit)
	n, first, last := slot.Lost()
	sum := fnv.New64a()
	fmt.Fprint(sum, h.Name, "\x00", first, "\x00", last)
	born := of.Config.Created
	v := record.View{Seconds: born.Unix(), Nanos: uint32(born.Nanosecond())}
	e := record.NewEncoder(nil)
	defer e.Release()
	e.Begin(&record.Header{Mask: mask, Level: record.Error, Time: time.Now(), Logger: GapLogger, Message: "records were lost: the spool was full"})
	e.ID(string(v.AppendID(nil, of.ID, record.Place{Position: sum.Sum64()})))
	for _, a := range []slog.Attr{
		slog.Uint64("records", n-min(slot.Told(), n)), slog.String("handler", h.Name), slog.String("run", of.ID.String()),
		slog.Uint64("first", first), slog.Uint64("last", last),
	} {
		e.Attr(a)
	}
	return slices.Clone(e.Finish())
}

// settle notes in the run's page that its losses are told, if it is still there.
func (g *gapNote) settle(service string) error {
	if g.Folder != filepath.Base(g.Folder) || strings.HasPrefix(g.Folder, ".") || g.Bit < 0 || g.Bit >= spool.MaxHandlers {
		return fmt.Errorf("deliver: a note names %q, which is no run", g.Folder)
	}
	if r, err := spool.Look(filepath.Join(service, "runs", g.Folder)); err == nil {
		r.Counters().Slot(g.Bit).SetTold(g.Told)
	}
	return nil
}
