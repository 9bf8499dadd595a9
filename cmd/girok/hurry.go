package main

import (
	"os"
	"os/signal"
	"sync/atomic"
	"time"
)

// hurry is what a second signal asks for. The zero value is asked for nothing.
type hurry struct {
	asked chan struct{} // closed by it
	heard atomic.Bool   // the command ends by itself then
}

// oneSignal is within what several signals are one: whoever signals a group, or a shell
// and its child, does it twice.
const oneSignal = 100 * time.Millisecond

// hear gives the channel that is closed when the command is to say how things stand and
// to end. For a command that does not call it a second signal is the end.
func (h *hurry) hear() <-chan struct{} {
	h.heard.Store(true)
	return h.asked
}

// heed has the first signal stop the command, and a second one hurry it; one that does not
// hear, or that a third one has to come for, dies.
func (h *hurry) heed(signals <-chan os.Signal, stop func(), die func(os.Signal)) {
	<-signals
	last, hurried := time.Now(), false // before stop tells of it: who then signals once more means it
	stop()
	for s := range signals {
		switch {
		case time.Since(last) < oneSignal:
			continue
		case hurried || !h.heard.Load():
			die(s)
		default:
			close(h.asked)
			last, hurried = time.Now(), true
		}
	}
}

// die ends the program as a signal does that nobody heeds.
func die(s os.Signal) {
	signal.Reset(s)
	if self, err := os.FindProcess(os.Getpid()); err == nil && self.Signal(s) == nil {
		time.Sleep(oneSignal) // another thread may get it
	}
	os.Exit(exitMistake)
}
