package metrics

import (
	"time"

	"github.com/girok/girok"
	"github.com/girok/girok/spool"
)

// family is one metric: its name, what its samples are, and where they come
// from. docs/metrics.md is made from it.
type family struct {
	name, kind string
	labels     []string
	help       string
	samples    func(s *girok.Stats, add func(v float64, labels ...string))
}

const counter, gauge = "counter", "gauge"

var families = []family{
	ofHandlers("records_total", counter, "Records that the destination has.", func(h *girok.HandlerStats) float64 { return float64(h.Records) }),
	ofHandlers("bytes_total", counter, "Bytes of these records in the spool, without what frames have beside them.", func(h *girok.HandlerStats) float64 { return float64(h.Bytes) }),
	ofHandlers("batches_total", counter, "Batches, and parts of batches, that the destination has.", func(h *girok.HandlerStats) float64 { return float64(h.Batches) }),
	ofHandlers("retries_total", counter, "Tries after the first of a batch, for whatever cause.", func(h *girok.HandlerStats) float64 { return float64(h.Retries) }),
	{
		"girok_handler_errors_total", counter, []string{"handler", "target", "cause"},
		"Answers of the destination that were not success: retry (not now), rejected (rows were at fault), refused (it refuses everything), fenced (somebody else moves the positions).",
		func(s *girok.Stats, add func(float64, ...string)) {
			for i := range s.Handlers {
				h := &s.Handlers[i]
				add(float64(h.Errors.Retry), h.Handler, h.Target, "retry")
				add(float64(h.Errors.Rejected), h.Handler, h.Target, "rejected")
				add(float64(h.Errors.Refused), h.Handler, h.Target, "refused")
				add(float64(h.Errors.Fenced), h.Handler, h.Target, "fenced")
			}
		},
	},
	ofHandlers("dead_letters_total", counter, "Records that the destination refused for good and that are set aside.", func(h *girok.HandlerStats) float64 { return float64(h.Letters) }),
	ofHandlers("lost_records_total", counter, "Records that were gone before the handler had read them.", func(h *girok.HandlerStats) float64 { return float64(h.Lost) }),
	ofHandlers("damaged_bytes_total", counter, "Bytes of the spool that did not check and were stepped over.", func(h *girok.HandlerStats) float64 { return float64(h.Damaged) }),
	{
		"girok_handler_state", gauge, []string{"handler", "target", "state"},
		"1 for the state that the handler is in, 0 for the others; why stands on standard error, and in `girok spool ls`.",
		func(s *girok.Stats, add func(float64, ...string)) {
			for _, h := range s.Handlers {
				for st := spool.Delivering; st <= spool.Fenced; st++ {
					add(truth(h.State == st), h.Handler, h.Target, st.String())
				}
			}
		},
	},
	ofHandlers("holds", gauge, "1 if this process delivers for all programs of the service on the machine, 0 if another does.", func(h *girok.HandlerStats) float64 { return truth(h.Holds) }),
	ofHandlers("waiting_records", gauge, "Records that wait for the handler; reckoned from the first 256 KiB where more waits.", func(h *girok.HandlerStats) float64 { return float64(h.Waiting.Records) }),
	ofHandlers("waiting_bytes", gauge, "Bytes of the spool that the handler has not passed: in all runs where it holds, else in the process's own.", func(h *girok.HandlerStats) float64 { return float64(h.Waiting.Bytes) }),
	ofHandlers("waiting_seconds", gauge, "Age of the oldest record that waits; 0 if none does.", func(h *girok.HandlerStats) float64 {
		if h.Waiting.Since.IsZero() {
			return 0
		}
		return max(time.Since(h.Waiting.Since), 0).Seconds()
	}),
	{
		"girok_handler_last_success_timestamp_seconds", gauge, []string{"handler", "target"},
		"When the destination took something last, in seconds since 1970; there is none before the first time.",
		func(s *girok.Stats, add func(float64, ...string)) {
			for _, h := range s.Handlers {
				if !h.LastSuccess.IsZero() {
					add(float64(h.LastSuccess.UnixMilli())/1e3, h.Handler, h.Target)
				}
			}
		},
	},
	ofSpool("held_bytes", gauge, "Bytes that the segments of the service take.", func(s *girok.SpoolStats) float64 { return float64(s.Held) }),
	{
		"girok_spool_limit_bytes", gauge, nil,
		"Bytes that they may take; beyond it the oldest records go. Of a process that only delivers, what the programs say that run, the least of it; none before one has.",
		func(s *girok.Stats, add func(float64, ...string)) {
			if s.Spool != nil && s.Spool.Limit > 0 {
				add(float64(s.Spool.Limit))
			}
		},
	},
	ofSpool("runs", gauge, "Runs that have a folder, living and dead, without that of a process that only delivers.", func(s *girok.SpoolStats) float64 { return float64(s.Runs) }),
	ofSpool("unreadable_runs", gauge, "Those of them that this program can't read: damaged, or of a newer girok.", func(s *girok.SpoolStats) float64 { return float64(s.Unreadable) }),
	ofSpool("degraded", gauge, "1 if records stay in memory, because the folder can't be used: a kill loses them.", func(s *girok.SpoolStats) float64 { return truth(s.Degraded) }),
	ofWriting("appended_records_total", "Records that came into the spool; up to a tenth of a second old.", func(s *girok.SpoolStats) uint64 { return s.Records }),
	ofWriting("appended_bytes_total", "Bytes that came into the spool, with what frames have beside records.", func(s *girok.SpoolStats) uint64 { return s.Bytes }),
	ofWriting("lost_records_total", "Records of this process that the spool could not keep, or that went to make room.", func(s *girok.SpoolStats) uint64 { return s.Lost }),
	ofWriting("evicted_records_total", "Those of them that went to make room.", func(s *girok.SpoolStats) uint64 { return s.Evicted }),
	ofWriting("refused_appends_total", "Appends that were given back to a source, which makes its sender wait and tries again.", func(s *girok.SpoolStats) uint64 { return s.Refused }),
	ofDirect("records_total", "Records that a handler wrote in the call.", func(h *girok.DirectStats) uint64 { return h.Written }),
	ofDirect("failed_records_total", "Records that it could not write whole.", func(h *girok.DirectStats) uint64 { return h.Failed }),
	ofDirect("dropped_records_total", "Those of them that a console with mode: drop dropped, because the stream took nothing.", func(h *girok.DirectStats) uint64 { return h.Dropped }),
	ofSources("reads_total", "Lines or requests that a source took from senders.", func(r *girok.SourceStats) uint64 { return r.Read }),
	ofSources("records_total", "Records of them that came into the spool.", func(r *girok.SourceStats) uint64 { return r.Spooled }),
	ofSources("waits_total", "Times that a full spool made the sender wait.", func(r *girok.SourceStats) uint64 { return r.Waits }),
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func ofHandlers(name, kind, help string, value func(*girok.HandlerStats) float64) family {
	return family{"girok_handler_" + name, kind, []string{"handler", "target"}, help, func(s *girok.Stats, add func(float64, ...string)) {
		for i := range s.Handlers {
			add(value(&s.Handlers[i]), s.Handlers[i].Handler, s.Handlers[i].Target)
		}
	}}
}

func ofSpool(name, kind, help string, value func(*girok.SpoolStats) float64) family {
	return family{"girok_spool_" + name, kind, nil, help, func(s *girok.Stats, add func(float64, ...string)) {
		if s.Spool != nil {
			add(value(s.Spool))
		}
	}}
}

// ofWriting is a counter of a process that appends. One that only delivers has none of
// them: what others append nobody tells it.
func ofWriting(name, help string, value func(*girok.SpoolStats) uint64) family {
	return family{"girok_spool_" + name, counter, nil, help, func(s *girok.Stats, add func(float64, ...string)) {
		if s.Spool != nil && !s.Spool.OnlyDelivers {
			add(float64(value(s.Spool)))
		}
	}}
}

func ofDirect(name, help string, value func(*girok.DirectStats) uint64) family {
	return family{"girok_direct_" + name, counter, []string{"handler"}, help, func(s *girok.Stats, add func(float64, ...string)) {
		for i := range s.Direct {
			add(float64(value(&s.Direct[i])), s.Direct[i].Handler)
		}
	}}
}

func ofSources(name, help string, value func(*girok.SourceStats) uint64) family {
	return family{"girok_source_" + name, counter, []string{"source"}, help, func(s *girok.Stats, add func(float64, ...string)) {
		for i := range s.Sources {
			add(float64(value(&s.Sources[i])), s.Sources[i].Source)
		}
	}}
}
