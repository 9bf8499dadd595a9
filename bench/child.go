//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// module is this module; its programs are built from wherever the command is
// run.
const module = "github.com/girok/girok/bench"

// build builds one of the module's programs and returns its path.
func (b *bench) build(pkg string, flags ...string) (string, error) {
	return b.buildIn(".", pkg, flags...)
}

// buildGirok builds the program girok, which is of another module.
func (b *bench) buildGirok() (string, error) { return b.buildIn("../cmd/girok", ".") }

// buildIn builds a package of the module in a folder beside this one.
func (b *bench) buildIn(beside, pkg string, flags ...string) (string, error) {
	dir, err := exec.Command("go", "list", "-f", "{{.Dir}}", module).Output()
	if err != nil {
		return "", fmt.Errorf("go list %s: %w: run it from the repository, or from its folder bench", module, err)
	}
	folder, err := b.folder()
	if err != nil {
		return "", err
	}
	out := filepath.Join(folder, filepath.Base(filepath.Join(beside, pkg)))
	cmd := exec.Command("go", append(append([]string{"build", "-o", out}, flags...), "./"+pkg)...)
	cmd.Dir = filepath.Join(strings.TrimSpace(string(dir)), beside)
	if text, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build ./%s: %w\n%s", pkg, err, text)
	}
	return out, nil
}

// took is what a child tells of itself on standard output.
type took struct {
	Wall     time.Duration `json:"wall_ns"`
	CPU      time.Duration `json:"cpu_ns"`
	Switches int           `json:"switches"`
	RssAnon  int64         `json:"rss_anon"`
}

// rate is how often the program woke in a second.
func (t took) rate() float64 { return float64(t.Switches) / t.Wall.Seconds() }

// percent is the part of a CPU that it took.
func (t took) percent() float64 { return 100 * t.CPU.Seconds() / t.Wall.Seconds() }

// child runs a program to its end and reads what it tells.
func child(program string, args ...string) (took, error) {
	var t took
	var out, errs bytes.Buffer
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr, cmd.Env = &out, &errs, append(os.Environ(), "GOMAXPROCS=")
	if err := cmd.Run(); err != nil {
		return t, fmt.Errorf("%s %s: %w\n%s", filepath.Base(program), strings.Join(args, " "), err, errs.Bytes())
	}
	return t, json.Unmarshal(out.Bytes(), &t)
}

// killed runs a program that ends by killing itself.
func killed(program string, args ...string) error {
	var errs bytes.Buffer
	cmd := exec.Command(program, args...)
	cmd.Stderr = &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		if st, ok := exit.Sys().(syscall.WaitStatus); ok && st.Signal() == syscall.SIGKILL {
			return nil
		}
	}
	return fmt.Errorf("%s %s: want it to be killed, got %v\n%s", filepath.Base(program), strings.Join(args, " "), err, errs.Bytes())
}
