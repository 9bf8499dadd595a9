package bigquery

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"golang.org/x/oauth2"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/girok/girok/sink"
)

// What to do where BigQuery refuses.
const (
	rights = "girok's account needs the role BigQuery Data Editor on the dataset, and BigQuery Job User on the project"
	login  = "mend key_file, or the account that the machine runs as; girok reads it again"
	free   = "streaming is refused in the free tier: use mode: load, or enable billing for the project"
)

// How long to wait when a quota is used up: those of jobs are of a day.
const (
	busy    = 10 * time.Second
	jobBusy = 5 * time.Minute
)

// failed gives an error its class: what is tried again, and what waits for somebody.
func (s *store) failed(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ended := ctx.Err(); ended != nil {
		return ended
	}
	var refused *sink.Refused
	var retry *sink.Retry
	var reject *sink.Reject
	var taken *sink.Taken
	if errors.As(err, &taken) || errors.As(err, &refused) || errors.As(err, &retry) || errors.As(err, &reject) {
		return err
	}
	s.there = nil
	var api *apiError
	var token *oauth2.RetrieveError
	var in *appendError
	switch {
	case errors.As(err, &api):
		return s.ofREST(api)
	case errors.As(err, &token):
		s.forget()
		return &sink.Refused{Err: err, Remedy: login}
	case errors.As(err, &in):
		return s.ofCode(in.code, in.message, err)
	}
	if st, ok := status.FromError(err); ok {
		return s.ofCode(st.Code(), st.Message(), err)
	}
	return &sink.Retry{Err: err}
}

// ofREST is what an answer of the REST API means:
// https://cloud.google.com/bigquery/docs/error-messages
func (s *store) ofREST(e *apiError) error {
	switch e.reason() {
	case "rateLimitExceeded", "quotaExceeded", "jobRateLimitExceeded", "resourcesExceeded":
		if s.config.Mode == "load" {
			return &sink.Retry{Err: e, After: jobBusy}
		}
		return &sink.Retry{Err: e, After: busy}
	case "backendError", "internalError", "jobBackendError", "jobInternalError":
		return &sink.Retry{Err: e}
	case "billingNotEnabled":
		return &sink.Refused{Err: e, Remedy: free}
	}
	switch {
	case e.Code == http.StatusUnauthorized:
		s.forget()
		return &sink.Refused{Err: e, Remedy: login}
	case e.Code == http.StatusForbidden && strings.Contains(e.Message, "free tier"):
		return &sink.Refused{Err: e, Remedy: free}
	case e.Code == http.StatusForbidden:
		return &sink.Refused{Err: e, Remedy: rights}
	case e.Code == http.StatusNotFound, e.Code == http.StatusBadRequest, e.Code == http.StatusConflict:
		return &sink.Refused{Err: e, Remedy: "mend project, dataset, table or columns"}
	}
	return &sink.Retry{Err: e}
}

// ofCode is what a status of gRPC means.
func (s *store) ofCode(code codes.Code, message string, err error) error {
	switch code {
	case codes.Unauthenticated:
		s.forget()
		return &sink.Refused{Err: err, Remedy: login}
	case codes.PermissionDenied:
		if strings.Contains(message, "free tier") {
			return &sink.Refused{Err: err, Remedy: free}
		}
		return &sink.Refused{Err: err, Remedy: rights}
	case codes.ResourceExhausted:
		return &sink.Retry{Err: err, After: busy}
	case codes.InvalidArgument, codes.FailedPrecondition, codes.Unimplemented:
		return &sink.Refused{Err: err, Remedy: "mend project, dataset, table or columns"}
	}
	return &sink.Retry{Err: err}
}

// forget makes the next try read the key again.
func (s *store) forget() {
	s.leave()
	if s.grpc != nil {
		s.grpc.Close()
		s.grpc = nil
	}
}

// withoutValues is a message without what it quotes: values may be private.
func withoutValues(text string) string {
	first, last := strings.IndexAny(text, `"'`), strings.LastIndexAny(text, `"'`)
	if first < 0 || first == last {
		return text
	}
	return text[:first+1] + "…" + text[last:]
}
