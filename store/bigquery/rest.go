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

// apiError is what the REST API answers with:
// https://cloud.google.com/bigquery/docs/error-messages
type apiError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
	Errors  []struct {
		Reason string `json:"reason"`
	} `json:"errors"`
}

func (e *apiError) Error() string { return fmt.Sprintf("BigQuery: %s (HTTP %d)", e.Message, e.Code) }

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
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, s.base+"/"+path, body)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "girok")
	if etag != "" {
		req.Header.Set("If-Match", etag)
	}
	resp, err := s.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 32<<20))
	if err != nil {
		return err
	}
	if resp.StatusCode >= 300 {
		var failed struct {
			Error apiError `json:"error"`
		}
		if json.Unmarshal(text, &failed) != nil || failed.Error.Code == 0 {
			failed.Error = apiError{Code: resp.StatusCode, Message: fmt.Sprintf("%.200s", text)}
		}
		return &failed.Error
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(text, out)
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
