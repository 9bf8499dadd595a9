//go:build unix

package deliver

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/girok/girok/record"
	"github.com/girok/girok/spool"
)

// processEnv makes the test binary a process of TestProcesses.
const processEnv = "GIROK_DELIVER_PROCESS"

func TestMain(m *testing.M) {
	if spec := os.Getenv(processEnv); spec != "" {
		if err := playProcess(spec); err != nil {
			fmt.Fprintln(os.Stderr, "process:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// asked is what a process is started with.
type asked struct {
	Dir             string
	Config          int
	Named           bool
	Want, WriteOnly bool
}

// process is one of TestProcesses, as the test sees it. It is told what to do line by
// line, and says what came of it:
//
//	run N PATH   it has begun a run with configuration N, and goes on when it is told "go"
//	ok N, full N a record was appended to its Nth run, or given back there
//	done         what it was told is done; of appends nothing is said
type process struct {
	m      *processes
	number int
	cmd    *exec.Cmd
	in     io.WriteCloser
	told   *bytes.Buffer // its standard error, when it is gone
	gone   chan struct{} // closed when it has ended, and all that it said is known
	how    string        // it ended, then
	aim    string
	killed atomic.Bool // by the test
	mayEnd atomic.Bool // by itself: in order, or in a window

	mu    sync.Mutex
	runs  []*runSeen
	batch []string // names of the records that it appends right now, and has said nothing of
	done  bool
}

func (p *process) String() string { return fmt.Sprint("p", p.number) }

const inOrder = "in order"

// startAs starts a process and waits until it has begun its run.
func (m *processes) startAs(a asked, aim string) *process {
	m.Helper()
	spec, err := json.Marshal(&a)
	if err != nil {
		m.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		m.Fatal(err)
	}
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		m.Fatal(err)
	}
	for _, fd := range pair {
		syscall.CloseOnExec(fd)
	}
	ours, theirs := os.NewFile(uintptr(pair[0]), "ours"), os.NewFile(uintptr(pair[1]), "theirs")
	p := &process{m: m, number: len(m.all), cmd: exec.Command(exe), told: &bytes.Buffer{}, gone: make(chan struct{}), aim: aim}
	p.mayEnd.Store(aim != "")
	p.cmd.Env = append(os.Environ(), processEnv+"="+string(spec), "GIROK_CRASH="+aim)
	p.cmd.ExtraFiles, p.cmd.Stderr = []*os.File{theirs}, p.told
	out, err := p.cmd.StdoutPipe()
	if err == nil {
		p.in, err = p.cmd.StdinPipe()
	}
	if err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		m.Fatal(err)
	}
	theirs.Close()
	m.all, m.live = append(m.all, p), append(m.live, p)
	m.note("%s starts with %+v, and is to die in %q", p, a, aim)
	go func() {
		m.remotes.serve(ours, p)
		ours.Close()
	}()
	go p.listen(out)
	p.await("it starts", func() bool { return len(p.runs) > 0 })
	return p
}

// say tells it something. One that has ended hears nothing.
func (p *process) say(format string, args ...any) { _, _ = fmt.Fprintf(p.in, format+"\n", args...) }

// do tells it something, and waits until it is done.
func (p *process) do(what, format string, args ...any) {
	p.m.Helper()
	p.mu.Lock()
	p.done = false
	p.mu.Unlock()
	p.say(format, args...)
	p.await(what, func() bool { return p.done })
}

// await waits for what must come of a process, and reports whether it did: false, it
// has ended before. ok is called with p.mu held.
func (p *process) await(what string, ok func() bool) bool {
	p.m.Helper()
	for end := time.Now().Add(4 * patience); ; time.Sleep(time.Millisecond) {
		ended := false
		select {
		case <-p.gone:
			ended = true
		default:
		}
		p.mu.Lock()
		is := ok()
		p.mu.Unlock()
		if is || ended {
			return is
		}
		if time.Now().After(end) {
			p.m.Fatalf("it does not come to that: %s, %s", p, what)
		}
	}
}

// kill kills it, stopped or not, and waits for that.
func (p *process) kill() {
	p.killed.Store(true)
	_ = p.cmd.Process.Kill()
	<-p.gone
}

// end has it end in order within a time, more or less, and waits for that.
func (p *process) end(within time.Duration) {
	p.m.Helper()
	p.mayEnd.Store(true)
	p.say("close %d", within)
	p.await("it ends", func() bool { return false })
}

// listen hears what it says until it ends.
func (p *process) listen(out io.Reader) {
	for lines := bufio.NewScanner(out); lines.Scan(); {
		what, about, _ := strings.Cut(lines.Text(), " ")
		switch what {
		case "run":
			p.began(about)
		case "ok", "full":
			p.answered(what == "full", about)
		case "done":
			p.mu.Lock()
			p.done = true
			p.mu.Unlock()
		default:
			p.m.Errorf("%s says %s", p, lines.Text())
		}
	}
	err := p.cmd.Wait()
	var exit *exec.ExitError
	switch {
	case err == nil && p.mayEnd.Load():
		p.how = inOrder
	case errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL:
		if p.how = "killed"; !p.killed.Load() {
			p.how, _, _ = strings.Cut(p.aim, ":")
		}
	default:
		p.m.Errorf("%s ended by itself: %v", p, err)
	}
	if len(p.batch) > 0 {
		p.m.mu.Lock()
		p.m.sent[p.batch[0]].maybe = true
		p.m.mu.Unlock()
	}
	p.m.remotes.gone(p)
	close(p.gone)
}

// began sees a run that it has begun, before anything is in it.
func (p *process) began(about string) {
	config, path, _ := strings.Cut(about, " ")
	r, err := spool.Look(path)
	if err != nil {
		if !p.mayEnd.Load() && !p.killed.Load() { // else it was gone at once
			p.m.Errorf("%s: %v", p, err)
		}
		return
	}
	run := &runSeen{by: p, id: r.ID, page: r.Counters()}
	run.config, _ = strconv.Atoi(config)
	p.say("go")
	p.mu.Lock()
	defer p.mu.Unlock()
	p.runs = append(p.runs, run)
}

// answered notes what came of the next record.
func (p *process) answered(full bool, at string) {
	n, err := strconv.Atoi(at)
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil || n >= len(p.runs) || len(p.batch) == 0 {
		p.m.Errorf("%s says %q of its record", p, at)
		return
	}
	p.m.mu.Lock()
	defer p.m.mu.Unlock()
	r := p.m.sent[p.batch[0]]
	p.batch = p.batch[1:]
	r.run, r.full = p.runs[n], full
	for h := range modelHandlers {
		if full && r.mask&(1<<h) != 0 {
			r.run.failed[h]++
		}
	}
}

// played is a process of TestProcesses from within.
type played struct {
	asked
	spool *spool.Spool
	d     *Deliverer
	in    *bufio.Scanner
	route atomic.Pointer[route]
	saying,
	appends sync.Mutex
}

// route is where appends go: the run of a configuration.
type route struct {
	to     *spool.Appender
	config int
	number int // of the run
}

// playProcess does what it is told.
func playProcess(spec string) error {
	p := &played{in: bufio.NewScanner(os.Stdin)}
	p.in.Buffer(nil, 1<<20)
	if err := json.Unmarshal([]byte(spec), &p.asked); err != nil {
		return err
	}
	pace := fast
	pace.Doubt = 50 * time.Millisecond
	var made atomic.Pointer[Deliverer] // the spool wakes it from a goroutine of its own
	sp, err := spool.Open(spool.Options{
		Dir: p.Dir, Config: configurationOf(p.Dir, p.Config, p.Named), MaxBytes: 4 << 20, WriteOnly: p.WriteOnly,
		Report: func(e spool.Event) {
			if e.Kind != spool.EventLost && e.Kind != spool.EventMadeRoom {
				fmt.Fprintln(os.Stderr, "spool:", e.Kind, e.Err)
			}
		},
		Wake: func() {
			if d := made.Load(); d != nil {
				d.Wake()
			}
		},
	})
	if err != nil {
		return err
	}
	p.spool = sp
	if !p.WriteOnly {
		p.d = New(Options{
			Spool: sp, Kinds: remoteKinds(newLine(os.NewFile(3, "stores"))), Want: p.Want, Pace: pace,
			Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelInfo})),
		})
		made.Store(p.d)
	}
	if err := p.begin(); err != nil {
		return err
	}
	if p.d != nil {
		p.d.Start()
	}
	for p.in.Scan() {
		words := strings.Fields(p.in.Text())
		if words[0] == "close" {
			return p.close(words[1])
		}
		if err := p.obey(words); err != nil {
			return err
		}
	}
	return errors.New("the test is gone")
}

func (p *played) say(format string, args ...any) {
	p.saying.Lock()
	defer p.saying.Unlock()
	fmt.Printf(format+"\n", args...)
}

// begin tells of the run that was begun, and lets appends go there once it is seen.
func (p *played) begin() error {
	r := &route{to: p.spool.Appender(), config: p.Config}
	if old := p.route.Load(); old != nil {
		r.number = old.number + 1
	}
	p.say("run %d %s", p.Config, p.spool.Writer().Run().Path())
	if !p.in.Scan() || p.in.Text() != "go" {
		return fmt.Errorf("told %q in the place of go", p.in.Text())
	}
	p.route.Store(r)
	return nil
}

func (p *played) obey(words []string) error {
	numbers := make([]int, 2)
	for i := range numbers {
		if len(words) > i+1 {
			numbers[i], _ = strconv.Atoi(words[i+1])
		}
	}
	switch words[0] {
	case "append":
		p.appends.Lock()
		go func() {
			defer p.appends.Unlock()
			for _, name := range words[3:] {
				p.append(name, uint64(numbers[0]), numbers[1])
			}
		}()
		return nil
	case "reload":
		p.Config = numbers[0]
		retire, err := p.spool.Renew(configurationOf(p.Dir, p.Config, p.Named))
		if err != nil {
			return err
		}
		if err := p.begin(); err != nil {
			return err
		}
		retire()
	case "replay":
		if err := p.replay(numbers[0], numbers[1]); err != nil {
			return err
		}
	}
	p.say("done")
	return nil
}

// append appends a record for the handlers of mask, to the run that takes it.
func (p *played) append(name string, mask uint64, room int) {
	e := record.NewEncoder(nil)
	defer e.Release()
	for {
		r, bits := p.route.Load(), uint64(0)
		for h := range modelHandlers {
			bits |= mask >> h & 1 << bitOf(h, r.config)
		}
		e.Begin(&record.Header{Mask: bits, Level: record.Info, Time: time.Now(), Message: name + " " + strings.Repeat("x", room)})
		_, err := r.to.Append(e.Finish())
		switch {
		case errors.Is(err, spool.ErrMoved):
			continue
		case errors.Is(err, spool.ErrFull):
			p.say("full %d", r.number)
		case err != nil:
			p.say("%v", err)
		default:
			p.say("ok %d", r.number)
		}
		return
	}
}

// replay gives the letters of a handler and table back.
func (p *played) replay(h, config int) error {
	service := filepath.Join(p.Dir, "svc")
	list, err := Letters(service)
	if err != nil {
		return err
	}
	var given []*Letter
	for i := range list {
		if list[i].Handler == fmt.Sprint("h", h) && list[i].Target == tableOf(config) {
			given = append(given, &list[i])
		}
	}
	if len(given) == 0 {
		return nil
	}
	cfg := spool.RunConfig{Service: "svc", Host: "host", Dir: p.Dir, Handlers: []spool.HandlerConfig{handlerOf(h, config, p.Named)}}
	if err := Replay(service, cfg, given); !errors.Is(err, errReplaying) {
		return err
	}
	return nil
}

// close ends it in order within so many nanoseconds.
func (p *played) close(within string) error {
	n, err := strconv.ParseInt(within, 10, 64)
	if err != nil {
		return err
	}
	p.appends.Lock()
	p.spool.Seal()
	if p.d != nil {
		ctx, cancel := context.WithTimeout(context.Background(), time.Duration(n))
		defer cancel()
		p.d.Close(ctx)
		for _, b := range p.d.Backlog() {
			fmt.Fprintf(os.Stderr, "left: %s of run %s, %d bytes, %s %s\n", b.Handler, b.Run.ID, b.Bytes, b.State, b.Cause)
		}
	}
	p.spool.Release()
	return nil
}
