package deliver

import (
	"context"
	"fmt"

	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
)

// Query asks the database of a kind at an endpoint, if this process delivers to
// it and has it open.
func (d *Deliverer) Query(ctx context.Context, kind, endpoint, sql string) (sink.Rows, error) {
	d.mu.Lock()
	var q *sink.Queryer
	for _, dest := range d.dests {
		if dest.kind != kind || dest.endpoint != endpoint {
			continue
		}
		for _, l := range dest.lanes {
			if o := l.queryer.Load(); o != nil {
				q = o
			}
		}
	}
	d.mu.Unlock()
	if q == nil {
		return nil, fmt.Errorf("the program has no %s database open at %s just now: it opens it with the first records", kind, endpoint)
	}
	return (*q).Query(record.Quiet(ctx), sql)
}

// offer lets queries reach a sink that can answer them; nil takes it back.
func (l *lane) offer(s sink.Sink) {
	if q, ok := s.(sink.Queryer); ok {
		l.queryer.Store(&q)
	} else {
		l.queryer.Store(nil)
	}
}
