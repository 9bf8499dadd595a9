package admin

import (
	"time"

	"github.com/girok/girok"
)

// stats is girok.Stats as JSON.
type stats struct {
	Handlers []handler `json:"handlers"`
	Direct   []direct  `json:"direct"`
	Spool    *store    `json:"spool,omitempty"`
	Sources  []source  `json:"sources"`
}

type handler struct {
	Handler        string    `json:"handler"`
	Target         string    `json:"target,omitempty"`
	Holds          bool      `json:"holds"`
	State          string    `json:"state"`
	Cause          string    `json:"cause,omitempty"`
	Records        uint64    `json:"records"`
	Batches        uint64    `json:"batches"`
	Retries        uint64    `json:"retries"`
	DeadLetters    uint64    `json:"dead_letters"`
	Lost           uint64    `json:"lost"`
	WaitingRecords uint64    `json:"waiting_records"`
	WaitingBytes   uint64    `json:"waiting_bytes"`
	WaitingSince   time.Time `json:"waiting_since,omitzero"`
	LastSuccess    time.Time `json:"last_success,omitzero"`
}

type direct struct {
	Handler string `json:"handler"`
	Written uint64 `json:"written"`
	Failed  uint64 `json:"failed"`
	Dropped uint64 `json:"dropped"`
}

type store struct {
	Degraded bool   `json:"degraded"`
	Held     uint64 `json:"held_bytes"`
	Limit    uint64 `json:"limit_bytes"`
	Records  uint64 `json:"records"`
	Lost     uint64 `json:"lost"`
}

type source struct {
	Source  string `json:"source"`
	Read    uint64 `json:"read"`
	Spooled uint64 `json:"spooled"`
	Waits   uint64 `json:"waits"`
}

func statsOf(s girok.Stats) stats {
	out := stats{Handlers: []handler{}, Direct: []direct{}, Sources: []source{}}
	for _, h := range s.Handlers {
		out.Handlers = append(out.Handlers, handler{
			Handler: h.Handler, Target: h.Target, Holds: h.Holds, State: h.State.String(), Cause: h.Cause, Records: h.Records,
			Batches: h.Batches, Retries: h.Retries, DeadLetters: h.Letters, Lost: h.Lost, WaitingRecords: h.Waiting.Records,
			WaitingBytes: h.Waiting.Bytes, WaitingSince: h.Waiting.Since, LastSuccess: h.LastSuccess,
		})
	}
	for _, d := range s.Direct {
		out.Direct = append(out.Direct, direct(d))
	}
	if s.Spool != nil {
		out.Spool = &store{Degraded: s.Spool.Degraded, Held: uint64(s.Spool.Held), Limit: uint64(s.Spool.Limit), Records: s.Spool.Records, Lost: s.Spool.Lost}
	}
	for _, r := range s.Sources {
		out.Sources = append(out.Sources, source(r))
	}
	return out
}
