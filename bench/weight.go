//go:build linux

package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// weightLine builds two programs that log one line: through girok.Open with a
// file and no store, and through log/slog alone. Modules are those that the
// binary says are in it, but for girok itself.
func weightLine(b *bench) ([]row, error) {
	ours, err := b.weigh("weight/girok")
	if err != nil {
		return nil, err
	}
	control, err := b.weigh("weight/slog")
	if err != nil {
		return nil, err
	}
	const what, name = "hello world with the library and no store", "with log/slog alone"
	size := func(what string, a, b int64, limit float64) row {
		r := row{what: what, control: name, ratio: fmt.Sprintf("%.2f", float64(a)/float64(b)), absolute: fmt.Sprintf("%.2f MB (control %.2f)", float64(a)/1e6, float64(b)/1e6)}
		if limit > 0 {
			r.bar, r.met = fmt.Sprintf("≤ %.0f MB", limit), met(float64(a)/1e6 <= limit)
		}
		return r
	}
	return []row{
		{
			what: what + ": modules of others", control: name, absolute: fmt.Sprintf("%d: %s", len(ours.modules), strings.Join(ours.modules, ", ")),
			bar: "≤ 6", met: met(len(ours.modules) <= 6),
		},
		size(what+": binary, -s -w", ours.stripped, control.stripped, 6),
		size(what+": binary as go build makes it (for information)", ours.plain, control.plain, 0),
	}, nil
}

type weight struct {
	modules         []string
	stripped, plain int64
}

func (b *bench) weigh(pkg string) (w weight, err error) {
	plain, err := b.build(pkg)
	if err != nil {
		return w, err
	}
	stripped, err := b.build(pkg, "-ldflags=-s -w")
	if err != nil {
		return w, err
	}
	if w.plain, err = sizeOf(plain); err != nil {
		return w, err
	}
	if w.stripped, err = sizeOf(stripped); err != nil {
		return w, err
	}
	info, err := exec.Command("go", "version", "-m", plain).Output()
	if err != nil {
		return w, err
	}
	s := bufio.NewScanner(bytes.NewReader(info))
	for s.Scan() {
		f := strings.Fields(s.Text())
		if len(f) > 2 && f[0] == "dep" && !strings.HasPrefix(f[1], "github.com/girok/") {
			w.modules = append(w.modules, f[1])
		}
	}
	return w, b.tryHello(plain)
}

func sizeOf(path string) (int64, error) {
	st, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	return st.Size(), nil
}

// tryHello looks whether the program works.
func (b *bench) tryHello(program string) error {
	cmd := exec.Command(program)
	cmd.Dir = b.dir
	out, err := cmd.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("hello world")) {
		return fmt.Errorf("%s: %w: %q", program, err, out)
	}
	return nil
}
