package main

import (
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// A command that hears of a second signal ends by itself, and dies only of a third; one
// that does not hear dies of the second. Signals that come together are one.
func TestSecondSignal(t *testing.T) {
	for _, hears := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			h := hurry{asked: make(chan struct{})}
			if hears {
				h.hear()
			}
			signals := make(chan os.Signal)
			defer close(signals)
			stopped, died := 0, 0
			go h.heed(signals, func() { stopped++ }, func(os.Signal) { died++ })
			together := func(what string, hurried bool, deaths int) {
				for range 2 {
					signals <- os.Interrupt
					signals <- syscall.SIGTERM
					time.Sleep(oneSignal / 2)
				}
				time.Sleep(oneSignal / 2)
				asked := false
				select {
				case <-h.asked:
					asked = true
				default:
				}
				if stopped != 1 || asked != hurried || died != deaths {
					t.Errorf("%v, after the %s: stopped %d times, hurried %v, died %d times", hears, what, stopped, asked, died)
				}
			}
			together("first", false, 0)
			if hears {
				together("second", true, 0)
				signals <- os.Interrupt
				synctest.Wait()
				if died != 1 {
					t.Error("the third is no death")
				}
				return
			}
			signals <- os.Interrupt
			synctest.Wait()
			if died != 1 {
				t.Error("the second is no death")
			}
		})
	}
}

// A signal is a second one as soon as the first is some while ago, however long what it
// stops takes to stop.
func TestSecondSignalAfterASlowStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := hurry{asked: make(chan struct{})}
		h.hear()
		signals := make(chan os.Signal)
		go h.heed(signals, func() { time.Sleep(2 * oneSignal) }, func(os.Signal) { t.Error("it died") })
		signals <- os.Interrupt
		signals <- os.Interrupt
		close(signals)
		synctest.Wait()
		select {
		case <-h.asked:
		default:
			t.Error("the second signal was taken for the first")
		}
	})
}
