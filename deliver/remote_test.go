package deliver

import (
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
)

// A store of a test is in the memory of one process. Others write to it over a
// connection, as they would to a server: what was asked for when they died may still
// be done.

// request is a call of a sink.
type request struct {
	What                     string // open, or the method
	Sink                     int
	Kind, At, Table, Handler string // of open
	Owner                    string
	Claims                   []sink.Claim
	Runs                     []record.RunID
	Age                      time.Duration
	Batch                    remoteBatch
	Last                     sink.Mark
}

// remoteBatch is a sink.Batch.
type remoteBatch struct {
	Handler, Name string
	Moves         []sink.Move
	Items         []sink.Item
	Mark          sink.Mark
	Attempt       int
	Partial       bool
}

func batchToSend(b *sink.Batch) remoteBatch {
	r := remoteBatch{Handler: b.Handler, Name: b.Name, Moves: b.Moves, Mark: b.Mark, Attempt: b.Attempt, Partial: b.Partial}
	for i := range b.Len() {
		r.Items = append(r.Items, b.Item(i))
	}
	return r
}

func (r *remoteBatch) batch() *sink.Batch {
	b := sink.NewBatch(r.Handler, r.Name, r.Moves, r.Items)
	b.Mark, b.Attempt, b.Partial = r.Mark, r.Attempt, r.Partial
	return b
}

// response is what came of it.
type response struct {
	Sink   int
	Places []record.Place
	Gone   int
	Mark   sink.Mark
	Error  remoteError
}

// remoteError is an error of a sink; without a kind it is none.
type remoteError struct {
	Kind, Text string
	Rows       []sink.RowError
	Fenced     sink.Fenced
}

func errorToSend(err error) (r remoteError) {
	var reject *sink.Reject
	var refused *sink.Refused
	var fenced *sink.Fenced
	switch {
	case err == nil:
	case errors.As(err, &reject):
		r = remoteError{Kind: "reject", Text: err.Error(), Rows: reject.Rows}
	case errors.As(err, &refused):
		r = remoteError{Kind: "refused", Text: err.Error()}
	case errors.As(err, &fenced):
		r = remoteError{Kind: "fenced", Fenced: *fenced}
	default:
		r = remoteError{Kind: "other", Text: err.Error()}
	}
	return r
}

func (r *remoteError) err() error {
	switch r.Kind {
	case "":
		return nil
	case "reject":
		return &sink.Reject{Err: errors.New(r.Text), Rows: r.Rows}
	case "refused":
		return &sink.Refused{Err: errors.New(r.Text)}
	case "fenced":
		return &r.Fenced
	}
	return errors.New(r.Text)
}

// line is a connection to the process that has the stores. One call at a time.
type line struct {
	mu  sync.Mutex
	enc *gob.Encoder
	dec *gob.Decoder
}

func newLine(c io.ReadWriter) *line { return &line{enc: gob.NewEncoder(c), dec: gob.NewDecoder(c)} }

func (l *line) call(q request) (r response, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.enc.Encode(&q); err != nil {
		return r, err
	}
	if err := l.dec.Decode(&r); err != nil {
		return r, err
	}
	return r, r.Error.err()
}

// remoteKinds are the kinds of the fakes whose stores are at the end of a line.
func remoteKinds(l *line) []sink.Kind {
	open := func(kind string) func(ctx context.Context, env sink.Env, c fakeConfig) (sink.Sink, error) {
		return func(_ context.Context, env sink.Env, c fakeConfig) (sink.Sink, error) {
			r, err := l.call(request{What: "open", Kind: kind, At: c.At, Table: c.Table, Handler: env.Handler})
			if err != nil {
				return nil, err
			}
			s := remoteSink{l, r.Sink}
			if kind == "named" {
				return remoteNamed{s}, nil
			}
			return remotePositioned{s}, nil
		}
	}
	return []sink.Kind{
		sink.Define("fake", "a fake elsewhere", sink.Position, fakeDefaults, open("fake")),
		sink.Define("named", "objects elsewhere", sink.Name, fakeDefaults, open("named")),
	}
}

type remoteSink struct {
	l  *line
	id int
}

func (s remoteSink) call(q request) (response, error) {
	q.Sink = s.id
	return s.l.call(q)
}

func (s remoteSink) Write(_ context.Context, b *sink.Batch) error {
	_, err := s.call(request{What: "write", Batch: batchToSend(b)})
	return err
}

func (s remoteSink) Close() error {
	_, err := s.call(request{What: "close"})
	return err
}

type remotePositioned struct{ remoteSink }

func (s remotePositioned) Claim(_ context.Context, owner string, runs []sink.Claim) ([]record.Place, error) {
	r, err := s.call(request{What: "claim", Owner: owner, Claims: runs})
	return r.Places, err
}

func (s remotePositioned) Forget(_ context.Context, runs []record.RunID) error {
	_, err := s.call(request{What: "forget", Runs: runs})
	return err
}

func (s remotePositioned) Sweep(_ context.Context, living []record.RunID, age time.Duration) (int, error) {
	r, err := s.call(request{What: "sweep", Runs: living, Age: age})
	return r.Gone, err
}

type remoteNamed struct{ remoteSink }

func (s remoteNamed) Prepare(_ context.Context, b *sink.Batch, last sink.Mark) (sink.Mark, error) {
	r, err := s.call(request{What: "prepare", Batch: batchToSend(b), Last: last})
	return r.Mark, err
}

// remotes has the stores, and the sinks that processes have opened.
type remotes struct {
	stores map[string]*store // by At and Table: a/rows

	mu    sync.Mutex
	sinks map[int]*remoteOpen
	made  int
	clash func(at string, holder, by any) // two have one destination
}

// remoteOpen is a sink that a process has opened.
type remoteOpen struct {
	sink.Sink
	at string
	by any
}

func newRemotes(clash func(at string, holder, by any), names ...string) *remotes {
	r := &remotes{stores: map[string]*store{}, sinks: map[int]*remoteOpen{}, clash: clash}
	for _, name := range names {
		r.stores[name] = newStore()
	}
	return r
}

// serve answers a process until its connection ends. Its sinks stay open: that it is
// gone is for others to find out.
func (r *remotes) serve(c io.ReadWriter, by any) {
	enc, dec := gob.NewEncoder(c), gob.NewDecoder(c)
	for {
		var q request
		if dec.Decode(&q) != nil {
			return
		}
		out := r.answer(&q, by)
		if enc.Encode(&out) != nil {
			return
		}
	}
}

// gone closes what a process had opened, which has ended.
func (r *remotes) gone(by any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, o := range r.sinks {
		if o.by == by {
			delete(r.sinks, id)
		}
	}
}

func (r *remotes) answer(q *request, by any) (out response) {
	ctx := context.Background()
	if q.What == "open" {
		out.Sink = r.open(q, by)
		return out
	}
	r.mu.Lock()
	o := r.sinks[q.Sink]
	if q.What == "close" {
		delete(r.sinks, q.Sink)
	}
	r.mu.Unlock()
	if o == nil || o.by != by {
		out.Error = errorToSend(fmt.Errorf("no sink %d", q.Sink))
		return out
	}
	var err error
	switch q.What {
	case "write":
		err = o.Write(ctx, q.Batch.batch())
	case "prepare":
		out.Mark, err = o.Sink.(sink.Journaled).Prepare(ctx, q.Batch.batch(), q.Last)
	case "claim":
		out.Places, err = o.Sink.(sink.Positioned).Claim(ctx, q.Owner, q.Claims)
	case "forget":
		err = o.Sink.(sink.Positioned).Forget(ctx, q.Runs)
	case "sweep":
		out.Gone, err = o.Sink.(sink.Sweeper).Sweep(ctx, q.Runs, q.Age)
	}
	out.Error = errorToSend(err)
	return out
}

// open opens a sink. Whoever has one of the same destination open then is a clash,
// unless it is dead.
func (r *remotes) open(q *request, by any) int {
	r.mu.Lock()
	var others []any
	for _, o := range r.sinks {
		if o.at == q.At && o.by != by && !slices.Contains(others, o.by) {
			others = append(others, o.by)
		}
	}
	r.mu.Unlock()
	for _, other := range others {
		r.clash(q.At, other, by)
	}
	s := r.stores[q.At+"/"+q.Table]
	o := &remoteOpen{at: q.At, by: by, Sink: &fakeSink{s: s, handler: q.Handler}}
	if q.Kind == "named" {
		o.Sink = &namedSink{s: s}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.made++
	r.sinks[r.made] = o
	return r.made
}
