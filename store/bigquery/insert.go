package bigquery

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/girok/girok/internal/crash"
	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
)

// insertBody makes the rows of a batch as a TableDataInsertAllRequest. A row's insertId
// is its record's id, by which BigQuery knows rows that come again, for a while:
// https://cloud.google.com/bigquery/docs/streaming-data-into-bigquery#dataconsistency
func (s *store) insertBody(ctx context.Context, b *sink.Batch) ([]byte, error) {
	w := s.mapper.NewWriter(newJSONWire(s.wire.columns, true))
	s.room = append(s.room[:0], `{"rows":[`...)
	var v record.View
	err := s.each(ctx, b, func(i int) error {
		at := len(s.room)
		if err := b.At(i, &v); err != nil {
			return err
		}
		dst := append(b.AppendID(append(s.room, `{"insertId":"`...), i, &v), `","json":`...)
		dst, err := appendObject(dst, w, b, i)
		if err == nil && len(dst)-at > maxRequest {
			err = fmt.Errorf("the row has %d bytes, more than one request takes", len(dst)-at)
		}
		if s.room = append(dst, "},"...); err != nil {
			s.room = s.room[:at]
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(s.room) > maxRequest && b.Len() > 1 {
		return nil, &sink.Reject{Err: fmt.Errorf("the batch has %d bytes as rows, more than one request takes", len(s.room))}
	}
	if b.Len() > 0 {
		s.room = s.room[:len(s.room)-1] // the last comma
	}
	s.room = append(s.room, "]}"...)
	return s.room, nil
}

// insertAll sends the rows of a batch in one request: all are in then, or none.
func (s *store) insertAll(ctx context.Context, b *sink.Batch) error {
	limited, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	_, text, err := s.request(limited, http.MethodPost, s.base+"/"+s.ref.path()+"/insertAll", s.payload, "Content-Type", "application/json")
	crash.At(crash.Sent)
	if isCode(err, http.StatusNotFound) {
		if gone := s.gone(ctx); gone != nil {
			return gone
		}
	}
	if err != nil {
		return s.failed(ctx, err)
	}
	var out struct {
		Errors []struct {
			Index  int `json:"index"`
			Errors []struct {
				Reason  string `json:"reason"`
				Message string `json:"message"`
			} `json:"errors"`
		} `json:"insertErrors"`
	}
	if err := json.Unmarshal(text, &out); err != nil {
		return err
	}
	reject := &sink.Reject{Err: errors.New("BigQuery refuses rows without a reason")}
	for _, e := range out.Errors { // of good rows beside bad ones it says "stopped"
		if len(e.Errors) > 0 && e.Errors[0].Reason != "stopped" && e.Index >= 0 && e.Index < b.Len() {
			reject.Rows = append(reject.Rows, sink.RowError{Index: e.Index, Reason: withoutValues(e.Errors[0].Message)})
		}
	}
	if len(out.Errors) == 0 {
		return nil
	}
	if err := s.changed(ctx); err != nil {
		return s.failed(ctx, err)
	}
	return reject
}
