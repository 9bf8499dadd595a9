package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/girok/girok/record"
	"github.com/girok/girok/spool"
)

// writer opens a run as a program does.
func writer(t *testing.T, dir string) *spool.Spool {
	t.Helper()
	s, err := spool.Open(spool.Options{Dir: dir, WriteOnly: true, Config: spool.RunConfig{Service: "s", Handlers: []spool.HandlerConfig{{Name: "a"}}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { end(s) })
	return s
}

func end(s *spool.Spool) {
	s.Seal()
	s.Release()
}

func say(t *testing.T, s *spool.Spool, message string) {
	t.Helper()
	e := record.NewEncoder(nil)
	defer e.Release()
	e.Begin(&record.Header{Mask: 1, Time: time.Now(), Message: message})
	if _, err := s.Appender().Append(e.Finish()); err != nil {
		t.Fatal(err)
	}
}

// shown is what a follower shows, one after the other.
type shown struct {
	*testing.T
	messages chan string
	rests    atomic.Int64 // for how long it waits, in nanoseconds
}

// following follows the service of a folder until the test ends. Where all is heard it
// looks never.
func following(t *testing.T, dir string) *shown {
	t.Helper()
	f := newFollower([]string{filepath.Join(dir, "s")}, io.Discard)
	s := &shown{T: t, messages: make(chan string)}
	f.after = func(d time.Duration) <-chan time.Time {
		if s.rests.Store(int64(d)); d == lookFar {
			return nil
		}
		return time.After(d)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- f.follow(ctx, func(it *item) bool {
			s.rests.Store(0)
			var v record.View
			_ = v.Parse(it.payload) // else the message is none that is wanted
			select {
			case s.messages <- string(v.Message):
			case <-ctx.Done():
			}
			return true
		})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return s
}

// await wants a message, and then that the follower rests so.
func (s *shown) await(want string, rest time.Duration) {
	s.Helper()
	select {
	case got := <-s.messages:
		if got != want {
			s.Fatalf("%q is shown, want %q", got, want)
		}
	case <-time.After(patience):
		s.Fatalf("%q is not shown", want)
	}
	s.restsFor(rest)
}

func (s *shown) restsFor(d time.Duration) {
	s.Helper()
	until(s.T, fmt.Sprint("it rests for ", d), func() bool { return s.rests.Load() == int64(d) })
}

// Nobody looks, and what comes is shown when it comes: records, and those of programs
// that start.
func TestWhatComesIsHeard(t *testing.T) {
	dir := t.TempDir()
	first := writer(t, dir)
	s := following(t, dir)
	s.restsFor(lookFar)
	for _, message := range []string{"a", "b", "c"} {
		say(t, first, message)
		s.await(message, lookFar)
	}
	second := writer(t, dir)
	say(t, second, "of another")
	s.await("of another", lookFar)
	say(t, first, "d")
	s.await("d", lookFar)
	say(t, second, "e")
	s.await("e", lookFar)
}

// What nobody tells of is looked for: a service that is not there so far, and runs of
// writers that do not ring.
func TestWhatIsNotHeardIsLookedFor(t *testing.T) {
	dir := t.TempDir()
	s := following(t, dir)
	s.restsFor(lookNear)
	say(t, writer(t, dir), "the first of a service")
	s.await("the first of a service", lookFar)
	mute := writer(t, dir)
	if err := os.Remove(filepath.Join(mute.Writer().Run().Path(), "counters")); err != nil {
		t.Fatal(err)
	}
	other := following(t, dir)
	other.await("the first of a service", lookNear)
	for _, message := range []string{"a", "b", "c"} {
		say(t, mute, message)
		other.await(message, lookNear)
	}
}

// A run that ends is read to its end, and nothing of it stays open: its space is free
// when it is removed.
func TestEndOfARunIsHeard(t *testing.T) {
	dir := t.TempDir()
	first, second := writer(t, dir), writer(t, dir)
	s := following(t, dir)
	s.restsFor(lookFar)
	say(t, first, "the last")
	end(first)
	s.await("the last", lookFar)
	path := first.Writer().Run().Path()
	until(t, "nothing of it is open", func() bool {
		open, err := filepath.Glob("/proc/self/fd/*")
		if err != nil || len(open) == 0 {
			t.Fatal(open, err)
		}
		return !slices.ContainsFunc(open, func(fd string) bool {
			file, _ := os.Readlink(fd)
			return strings.HasPrefix(file, path)
		})
	})
	say(t, second, "goes on")
	s.await("goes on", lookFar)
}

// A folder that becomes no run is what a program left that died: it is looked at often
// only while it is new.
func TestUnborn(t *testing.T) {
	dir := t.TempDir()
	writer(t, dir)
	if err := os.Mkdir(filepath.Join(dir, "s/runs/20261126T000000Z-0000000000000001"), 0o700); err != nil {
		t.Fatal(err)
	}
	following(t, dir).restsFor(lookFar)
}
