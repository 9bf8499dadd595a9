package bigquery

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/girok/girok/internal/crash"
	"github.com/girok/girok/sink"
	"github.com/girok/girok/sink/table"
)

// job is a load job, as the REST API has it:
// https://cloud.google.com/bigquery/docs/reference/rest/v2/Job
type job struct {
	Status struct {
		State string `json:"state"`
		Error *struct {
			Reason  string `json:"reason"`
			Message string `json:"message"`
		} `json:"errorResult"`
	} `json:"status"`
}

func (j *job) done() bool   { return j.Status.State == "DONE" }
func (j *job) failed() bool { return j.done() && j.Status.Error != nil }

// jobID is the name of a batch as that of a job, which may have letters, digits, _ and -.
// No other batch of this project has it, whatever it is called.
func (s *store) jobID(batch string) string {
	sum := sha256.Sum256([]byte(s.env.Service + "\x00" + s.ref.path() + "\x00" + batch))
	plain := strings.Map(func(r rune) rune {
		if r == '-' || r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' {
			return r
		}
		return '_'
	}, batch)
	return "girok_" + plain[:min(len(plain), 200)] + "_" + hex.EncodeToString(sum[:12])
}

// nextJobID is that of the job after one that failed: its id is burnt.
func nextJobID(id string) string {
	head, n, ok := strings.Cut(id, "_try")
	tries := 1
	if ok {
		tries, _ = strconv.Atoi(n)
	}
	return head + "_try" + strconv.Itoa(tries+1)
}

// resumeJob is resume for a batch that was perhaps sent with a job.
func (s *store) resumeJob(ctx context.Context, m mark) (_ mark, stays bool, err error) {
	load := s.config.Mode == "load"
	j, err := s.job(ctx, m.Job)
	switch {
	case isCode(err, http.StatusNotFound): // and if it is on its way all the same, one of the two finds the other there
		return m, load, nil
	case err != nil:
		return m, false, err
	case j.failed():
		m.Job = nextJobID(m.Job)
		return m, load, nil
	case j.done():
		s.in = true
		return m, false, nil
	case !load:
		return m, false, &sink.Retry{Err: fmt.Errorf("BigQuery: the load job %s is under way", m.Job), After: jobPace}
	}
	s.sent = true
	return m, true, nil
}

// job asks what has become of a job.
func (s *store) job(ctx context.Context, id string) (j job, err error) {
	path := "projects/" + s.ref.project + "/jobs/" + url.PathEscape(id)
	if at := s.location(); at != "" {
		path += "?location=" + url.QueryEscape(at)
	}
	return j, s.call(ctx, http.MethodGet, path, nil, &j)
}

// location is where the table is; "" if nobody has said so.
func (s *store) location() string {
	if s.there != nil && s.there.location != "" {
		return s.there.location
	}
	return s.config.Region
}

// jobPace is how often a job is asked whether it is done.
const jobPace = time.Second

// load begins the job of the batch, unless it was begun, and waits for its end.
func (s *store) load(ctx context.Context, b *sink.Batch) error {
	var j job
	err := error(nil)
	if !s.sent {
		j, err = s.submit(ctx, s.mark.Job)
		if crash.At(crash.Sent); isCode(err, http.StatusConflict) {
			j, err = s.job(ctx, s.mark.Job)
		}
	}
	for err == nil && !j.done() {
		t := time.NewTimer(jobPace)
		select {
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		case <-t.C:
			j, err = s.job(ctx, s.mark.Job)
		}
	}
	if err != nil {
		return s.failed(ctx, err)
	}
	if j.failed() {
		return s.ofJob(ctx, &j)
	}
	return nil
}

// ofJob is what it means that a job failed; nothing of it is in.
func (s *store) ofJob(ctx context.Context, j *job) error {
	e := &apiError{Message: withoutValues(j.Status.Error.Message), job: true}
	switch e.Errors = []apiReason{{j.Status.Error.Reason}}; e.reason() {
	case "accessDenied":
		e.Code = http.StatusForbidden
	case "notFound":
		e.Code = http.StatusNotFound
	case "invalid", "invalidQuery":
		if err := s.changed(ctx); err != nil {
			return s.failed(ctx, err)
		}
		return &sink.Reject{Err: e} // of some row, which the parts of the batch will show
	}
	return s.failed(ctx, e)
}

// changed looks whether the table is another one than the rows were made for.
func (s *store) changed(ctx context.Context) error {
	t, err := s.get(ctx)
	switch {
	case isCode(err, http.StatusNotFound):
		return s.gone(ctx)
	case err != nil:
		return err
	case s.there != nil && reflect.DeepEqual(t.fields, s.there.fields):
		return nil
	}
	s.there = nil
	return &sink.Retry{Err: errors.New("BigQuery: the table has other columns than before")}
}

// submit sends the rows with the job that loads them, in two calls: what the job is,
// and where that was answered to, the rows.
// https://cloud.google.com/bigquery/docs/reference/api-uploads#resumable
func (s *store) submit(ctx context.Context, id string) (j job, err error) {
	about := map[string]any{"projectId": s.ref.project, "jobId": id}
	if at := s.location(); at != "" {
		about["location"] = at
	}
	in := map[string]any{"jobReference": about, "configuration": map[string]any{"load": map[string]any{
		"destinationTable":  map[string]string{"projectId": s.ref.project, "datasetId": s.ref.dataset, "tableId": s.ref.table},
		"sourceFormat":      "NEWLINE_DELIMITED_JSON",
		"writeDisposition":  "WRITE_APPEND",
		"createDisposition": "CREATE_NEVER",
	}}}
	text, err := json.Marshal(in)
	if err != nil {
		return j, err
	}
	ctx, cancel := context.WithTimeout(ctx, uploadTimeout)
	defer cancel()
	head, _, err := s.request(ctx, http.MethodPost, s.upload()+"/projects/"+s.ref.project+"/jobs?uploadType=resumable", text,
		"X-Upload-Content-Type", "application/octet-stream", "X-Upload-Content-Length", strconv.Itoa(len(s.payload)))
	if err != nil {
		return j, err
	}
	to := head.Get("Location")
	if to == "" {
		return j, errors.New("BigQuery: no address to send the rows to")
	}
	_, out, err := s.request(ctx, http.MethodPut, to, s.payload, "Content-Type", "application/octet-stream",
		"Content-Range", fmt.Sprintf("bytes 0-%d/%d", len(s.payload)-1, len(s.payload)))
	if err != nil {
		return j, err
	}
	return j, json.Unmarshal(out, &j)
}

// uploadTimeout is how long the rows of a batch may take on their way.
const uploadTimeout = 15 * time.Minute

// upload is the base address for what comes with a body.
func (s *store) upload() string {
	u, err := url.Parse(s.base)
	if err != nil {
		return s.base // and the call says so
	}
	u.Path = "/upload" + u.Path
	return u.String()
}

// ndjson makes the rows of a batch: a line each, compressed.
func (s *store) ndjson(ctx context.Context, b *sink.Batch) ([]byte, error) {
	out := bytes.NewBuffer(s.room[:0])
	zip, err := gzip.NewWriterLevel(out, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	w := s.mapper.NewWriter(newJSONWire(s.wire.columns, false))
	var line []byte
	err = s.each(ctx, b, func(i int) error {
		line, err := appendObject(line[:0], w, b, i)
		if err == nil {
			_, err = zip.Write(append(line, '\n'))
		}
		return err
	})
	if err == nil {
		err = zip.Close()
	}
	s.room = out.Bytes()
	return s.room, err
}

// appendObject appends a row as a JSON object.
func appendObject(dst []byte, w *table.Writer, b *sink.Batch, i int) ([]byte, error) {
	start := len(dst)
	dst, err := w.Append(append(dst, '{'), b, i)
	if err != nil {
		return dst, err
	}
	if len(dst) == start+1 {
		return append(dst, '}'), nil
	}
	dst[len(dst)-1] = '}' // in the place of the last comma
	return dst, nil
}
