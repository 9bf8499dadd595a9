//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// answer is what a process that measures one line gives to the one that asked.
type answer struct {
	Rows     [][7]string
	Sections []string
}

// apart measures the line in a process of its own.
func (l line) apart(b *bench) ([]row, error) {
	dir, err := b.folder()
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "answer")
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, "-only", l.name, "-rounds", fmt.Sprint(b.rounds), fmt.Sprint("-quick=", b.quick), "-dir", b.options.dir, "-answer", file)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		return nil, err
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var a answer
	if err := json.Unmarshal(text, &a); err != nil {
		return nil, err
	}
	b.sections = append(b.sections, a.Sections...)
	var rows []row
	for _, r := range a.Rows {
		rows = append(rows, row{what: r[0], control: r[1], ratio: r[2], absolute: r[3], cpu: r[4], bar: r[5], met: r[6]})
	}
	return rows, nil
}

func writeAnswer(file string, rows []row, sections []string) error {
	a := answer{Sections: sections}
	for _, r := range rows {
		a.Rows = append(a.Rows, [7]string{r.what, r.control, r.ratio, r.absolute, r.cpu, r.bar, r.met})
	}
	text, err := json.Marshal(a)
	if err != nil {
		return err
	}
	return os.WriteFile(file, text, 0o600)
}
