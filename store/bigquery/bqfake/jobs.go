package bqfake

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// job is one that was begun. It is done at once, but for RunningFor.
type job struct {
	failed *JobError
	looks  int
}

// JobError is why a job failed: an ErrorProto,
// https://cloud.google.com/bigquery/docs/reference/rest/v2/ErrorProto
type JobError struct{ Reason, Message string }

func (e *JobError) Error() string { return e.Message }

// upload is one that was begun: the job that its rows are for, and where they go.
type upload struct{ job, table string }

// FailedJobs is how many jobs have failed.
func (s *Server) FailedJobs() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, j := range s.jobs {
		if j.failed != nil {
			n++
		}
	}
	return n
}

// upload answers the two calls of a resumable upload: the first says what job it is,
// the second has the rows.
// https://cloud.google.com/bigquery/docs/reference/api-uploads#resumable
func (s *Server) upload(w http.ResponseWriter, r *http.Request) (int, any) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return 400, "the body is cut off"
	}
	if r.Method == http.MethodPost {
		return s.beginUpload(w, r, body)
	}
	number := r.URL.Query().Get("upload_id")
	s.mu.Lock()
	up, ok := s.uploads[number]
	s.mu.Unlock()
	if want := fmt.Sprintf("bytes 0-%d/%d", len(body)-1, len(body)); !ok || r.Header.Get("Content-Range") != want {
		return 400, "no such upload, or not its bytes"
	}
	lost := false
	var failed *JobError
	if s.OnLoad != nil {
		switch err := s.OnLoad(up.job); {
		case errors.Is(err, ErrBroken):
			panic(http.ErrAbortHandler)
		case errors.Is(err, ErrLost):
			lost = true
		case err != nil && !errors.As(err, &failed):
			return 503, err.Error()
		}
	}
	s.mu.Lock()
	code, out := s.begin(up, body, failed)
	s.mu.Unlock()
	if lost {
		panic(http.ErrAbortHandler)
	}
	return code, out
}

func (s *Server) beginUpload(w http.ResponseWriter, r *http.Request, body []byte) (int, any) {
	var in struct {
		Reference struct {
			Project string `json:"projectId"`
			Job     string `json:"jobId"`
		} `json:"jobReference"`
		Configuration struct {
			Load struct {
				Table  struct{ ProjectID, DatasetID, TableID string } `json:"destinationTable"`
				Format string                                         `json:"sourceFormat"`
				Write  string                                         `json:"writeDisposition"`
				Create string                                         `json:"createDisposition"`
			} `json:"load"`
		} `json:"configuration"`
	}
	load := &in.Configuration.Load
	if json.Unmarshal(body, &in) != nil || r.URL.Query().Get("uploadType") != "resumable" ||
		load.Format != "NEWLINE_DELIMITED_JSON" || load.Write != "WRITE_APPEND" || load.Create != "CREATE_NEVER" {
		return 400, "want a load job of this fake's kind"
	}
	if !isJobID(in.Reference.Job) {
		return 400, "Invalid job ID " + in.Reference.Job
	}
	up := upload{
		job:   "projects/" + in.Reference.Project + "/jobs/" + in.Reference.Job,
		table: "projects/" + load.Table.ProjectID + "/datasets/" + load.Table.DatasetID + "/tables/" + load.Table.TableID,
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.made++
	number := strconv.Itoa(s.made)
	s.uploads[number] = up
	w.Header().Set("Location", "http://"+s.rest+r.URL.Path+"?uploadType=resumable&upload_id="+number)
	return 200, map[string]any{}
}

// isJobID: "The ID must contain only letters (a-z, A-Z), numbers (0-9), underscores (_),
// or dashes (-). The maximum length is 1,024 characters."
// https://cloud.google.com/bigquery/docs/reference/rest/v2/JobReference
func isJobID(id string) bool {
	return id != "" && len(id) <= 1024 && strings.Trim(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == ""
}

// begin begins a job, unless there is one of its id, and ends it.
func (s *Server) begin(up upload, body []byte, failed *JobError) (int, any) {
	if s.jobs[up.job] != nil {
		return 409, "Already Exists: Job " + up.job
	}
	j := &job{failed: failed}
	s.jobs[up.job] = j
	s.Jobs++
	if j.failed == nil {
		j.failed = s.load(up.table, body)
	}
	return s.look(up.job)
}

// look is a job, as jobs.get has it.
func (s *Server) look(name string) (int, any) {
	j := s.jobs[name]
	if j == nil {
		return 404, "Not found: Job " + name
	}
	status := map[string]any{"state": "RUNNING"}
	if j.looks++; j.looks > s.RunningFor {
		status["state"] = "DONE"
		if j.failed != nil {
			status["errorResult"] = map[string]any{"reason": j.failed.Reason, "message": j.failed.Message}
		}
	}
	return 200, map[string]any{"kind": "bigquery#job", "status": status}
}

// load loads rows, all or none.
func (s *Server) load(table string, body []byte) *JobError {
	t := s.tables[table]
	if t == nil {
		return &JobError{"notFound", "Not found: Table " + table}
	}
	var in io.Reader = bytes.NewReader(body)
	if zip, err := gzip.NewReader(bytes.NewReader(body)); err == nil {
		in = zip
	}
	var rows []Row
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			row, bad := jsonRow(line, t.columns(), false)
			if bad != nil {
				return &JobError{"invalid", fmt.Sprintf("Error while reading data, error message: JSON processing encountered too many errors, giving up. Row: %d: %v", len(rows)+1, bad)}
			}
			rows = append(rows, row)
		}
		if err == io.EOF {
			break
		} else if err != nil {
			return &JobError{"invalid", "Error while reading data: " + err.Error()}
		}
	}
	t.Rows = append(t.Rows, rows...)
	t.Count += len(rows)
	return nil
}

// insertAll inserts rows, all or none; but not those whose insertId it has seen.
// https://cloud.google.com/bigquery/docs/reference/rest/v2/tabledata/insertAll
func (s *Server) insertAll(table string, body io.Reader) (int, any) {
	var in struct {
		Rows []struct {
			ID   string          `json:"insertId"`
			JSON json.RawMessage `json:"json"`
		} `json:"rows"`
	}
	if err := json.NewDecoder(body).Decode(&in); err != nil || len(in.Rows) == 0 {
		return 400, "No rows present in the request."
	}
	lost := false
	if s.OnInsert != nil {
		switch err := s.OnInsert(); {
		case errors.Is(err, ErrBroken):
			panic(http.ErrAbortHandler)
		case errors.Is(err, ErrLost):
			lost = true
		case err != nil:
			return 503, err.Error()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.tables[table]
	if t == nil {
		return 404, "Not found: Table " + table
	}
	var rows []Row
	var bad []any
	for i, r := range in.Rows {
		row, err := jsonRow(r.JSON, t.columns(), true)
		if err != nil {
			bad = append(bad, map[string]any{"index": i, "errors": []any{map[string]any{"reason": "invalid", "message": err.Error()}}})
		}
		rows = append(rows, row)
	}
	if len(bad) > 0 {
		for i := range in.Rows {
			if rows[i] != nil {
				bad = append(bad, map[string]any{"index": i, "errors": []any{map[string]any{"reason": "stopped"}}})
			}
		}
		return 200, map[string]any{"insertErrors": bad}
	}
	for i, r := range in.Rows {
		if id := table + " " + r.ID; !s.known[id] {
			s.known[id] = true
			t.Rows = append(t.Rows, rows[i])
			t.Count++
		}
	}
	if lost {
		panic(http.ErrAbortHandler)
	}
	return 200, map[string]any{}
}

// jsonRow reads a row of JSON. quoted: what goes into a column of type JSON is a string.
func jsonRow(text []byte, cols columns, quoted bool) (Row, error) {
	var in map[string]json.RawMessage
	if err := json.Unmarshal(text, &in); err != nil {
		return nil, err
	}
	row := Row{}
	for name, raw := range in {
		c := cols.find(name)
		if c == nil {
			return nil, fmt.Errorf("no such field: %s", name)
		}
		v, err := jsonValue(raw, c, quoted)
		if err != nil {
			return nil, fmt.Errorf("field %s: %w", c.name, err)
		}
		if v != nil {
			row[c.name] = v
		}
	}
	for _, c := range cols {
		if c.mode == "REQUIRED" && row[c.name] == nil {
			return nil, fmt.Errorf("missing required field: %s", c.name)
		}
	}
	return row, nil
}

// jsonValue is a cell, as tabledata.list shows it, of what stands in JSON:
// https://cloud.google.com/bigquery/docs/loading-data-cloud-storage-json#details_of_loading_json_data
func jsonValue(raw json.RawMessage, c *column, quoted bool) (any, error) {
	if string(raw) == "null" {
		return nil, nil
	}
	if c.typ == "JSON" && !quoted {
		return string(raw), nil
	}
	text := string(raw)
	isText := raw[0] == '"'
	if isText {
		if err := json.Unmarshal(raw, &text); err != nil {
			return nil, err
		}
	}
	var err error
	switch c.typ {
	case "INTEGER", "INT64":
		_, err = strconv.ParseInt(text, 10, 64)
		return text, err
	case "FLOAT", "FLOAT64":
		x, err := strconv.ParseFloat(text, 64)
		if isText && (math.IsNaN(x) || math.IsInf(x, 0)) {
			return text, err
		}
		return fmt.Sprint(x), err
	case "BOOLEAN", "BOOL":
		b, err := strconv.ParseBool(text)
		return fmt.Sprint(b), err
	}
	if !isText {
		return nil, fmt.Errorf("cannot convert value to %s", c.typ)
	}
	switch c.typ {
	case "TIMESTAMP":
		at, err := time.Parse(time.RFC3339Nano, text)
		return fmt.Sprint(at.UnixMicro()), err
	case "DATE":
		at, err := time.Parse(time.DateOnly, text)
		return at.Unix() / 86400, err
	case "DATETIME":
		if !dateTime.MatchString(text) {
			err = errors.New("invalid datetime string")
		}
	case "NUMERIC", "BIGNUMERIC":
		if !decimal.MatchString(text) {
			err = fmt.Errorf("invalid %s value", c.typ)
		}
	case "JSON":
		if !json.Valid([]byte(text)) {
			err = errors.New("invalid JSON")
		}
	case "BYTES":
		_, err = base64.StdEncoding.DecodeString(text)
	}
	return text, err
}
