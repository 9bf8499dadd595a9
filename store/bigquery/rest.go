package bigquery

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

// callTimeout is how long one call of the REST API may take.
const callTimeout = time.Minute

// apiError is what the REST API answers with, or what it says of a job:
// https://cloud.google.com/bigquery/docs/error-messages
type apiError struct {
	Code    int         `json:"code"`
	Message string      `json:"message"`
	Errors  []apiReason `json:"errors"`
	job     bool
}

type apiReason struct {
	Reason string `json:"reason"`
}

func (e *apiError) Error() string {
	if e.job {
		return fmt.Sprintf("BigQuery: the load job failed: %s (%s)", e.Message, e.reason())
	}
	return fmt.Sprintf("BigQuery: %s (HTTP %d)", e.Message, e.Code)
}

func (e *apiError) reason() string {
	if len(e.Errors) == 0 {
		return ""
	}
	return e.Errors[0].Reason
}

// call makes one call of the REST API. in and out may be nil.
func (s *store) call(ctx context.Context, method, path string, in, out any) error {
	return s.callIf(ctx, method, path, "", in, out)
}

// callIf is call on the condition that what it is about still has the etag.
func (s *store) callIf(ctx context.Context, method, path, etag string, in, out any) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return err
		}
	}
	about := []string{"Content-Type", "application/json"}
	if etag != "" {
		about = append(about, "If-Match", etag)
	}
	_, text, err := s.request(ctx, method, s.base+"/"+path, body, about...)
	if err != nil || out == nil {
		return err
	}
	return json.Unmarshal(text, out)
}

// request sends a body, with headers given as names and values in turn, and reads the
// answer.
func (s *store) request(ctx context.Context, method, url string, body []byte, headers ...string) (http.Header, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	req.Header.Set("User-Agent", "girok")
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := s.http.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 32<<20))
	if err != nil {
		return nil, nil, err
	}
	if resp.StatusCode >= 300 {
		var failed struct {
			Error apiError `json:"error"`
		}
		if json.Unmarshal(text, &failed) != nil || failed.Error.Code == 0 {
			failed.Error = apiError{Code: resp.StatusCode, Message: fmt.Sprintf("%.200s", text)}
		}
		return nil, nil, &failed.Error
	}
	return resp.Header, text, nil
}

// isCode reports whether an error is an answer of the REST API with this code.
func isCode(err error, code int) bool {
	e, ok := err.(*apiError)
	return ok && e.Code == code
}

// parameter is one of a query.
type parameter struct {
	Name  string `json:"name"`
	Type  any    `json:"parameterType"`
	Value any    `json:"parameterValue"`
}

// query runs SQL and gives the first column of its first row.
func (s *store) query(ctx context.Context, sql string, params ...parameter) (string, error) {
	in := map[string]any{"query": sql, "useLegacySql": false, "timeoutMs": callTimeout.Milliseconds() / 2}
	if s.config.Region != "" {
		in["location"] = s.config.Region
	}
	if len(params) > 0 {
		in["parameterMode"], in["queryParameters"] = "NAMED", params
	}
	var out struct {
		Complete *bool `json:"jobComplete"`
		Rows     []struct {
			F []struct {
				V any `json:"v"`
			} `json:"f"`
		} `json:"rows"`
	}
	if err := s.call(ctx, http.MethodPost, "projects/"+s.ref.project+"/queries", in, &out); err != nil {
		return "", err
	}
	if out.Complete != nil && !*out.Complete {
		return "", fmt.Errorf("BigQuery: the query was not done after %v", callTimeout/2)
	}
	if len(out.Rows) == 0 || len(out.Rows[0].F) == 0 || out.Rows[0].F[0].V == nil {
		return "", nil
	}
	return fmt.Sprint(out.Rows[0].F[0].V), nil
}
