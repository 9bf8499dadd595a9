package bqfake

import (
	"errors"
	"google.golang.org/grpc/codes"
	"time"
)

// What OnAppend can say beside a status.
var (
	ErrLost   = errors.New("bqfake: applied, and the answer is lost")
	ErrSilent = errors.New("bqfake: applied, and no answer comes from here on")
	ErrBroken = errors.New("bqfake: the connection breaks before anything is applied")
)

// Refusal is an error in the answer to an append, which is not applied. The connection
// goes on.
type Refusal struct {
	Code    codes.Code
	Message string
}

func (e *Refusal) Error() string { return e.Message }

// ForgetStreams makes all streams unknown, as days without an append do.
func (s *Server) ForgetStreams() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.streams)
}

// Running sets RunningFor while the server answers.
func (s *Server) Running(looks int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.RunningFor = looks
}

// AnswerAfter sets how long after it has come an append is answered; those behind it are
// read and applied meanwhile.
func (s *Server) AnswerAfter(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = d
}

// FinalizeAll ends all streams.
func (s *Server) FinalizeAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, st := range s.streams {
		st.finalized = true
	}
}
