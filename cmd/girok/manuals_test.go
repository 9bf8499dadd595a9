package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestBashCompletion lets bash complete with the script.
func TestBashCompletion(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("bash is not installed")
	}
	script, _, code := here(t, "completion", "bash")
	if code != exitOK {
		t.Fatal(code)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a file.log"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ words, want, not string }{
		{"girok ", "spool", "ls"},
		{"girok que", "query", "run"},
		{"girok spool ", "drain", "query"},
		{"girok spool dr", "drop", "ls"},
		{"girok run --s", "--stay", "--drain"},
		{"girok spool dump --lim", "--limit", "--run"},
		{"girok query -c x.yaml --fo", "--format", "--handler"},
		{"girok check ", "a file.log", "query"},
	} {
		words := strings.Split(c.words, " ")
		ask := script + "\nCOMP_WORDS=("
		for _, w := range words {
			ask += " " + singleQuoted(w)
		}
		ask += " )\nCOMP_CWORD=$(( ${#COMP_WORDS[@]} - 1 ))\n_girok\nprintf '%s\\n' \"${COMPREPLY[@]}\"\n"
		cmd := exec.Command(bash, "--norc", "-c", ask)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		got := strings.Split(strings.TrimSpace(string(out)), "\n")
		if err != nil || !contains(got, c.want) || contains(got, c.not) {
			t.Errorf("%q: %v %q, want %s and not %s", c.words, err, got, c.want, c.not)
		}
	}
}

func contains(list []string, s string) bool {
	return strings.Contains("\n"+strings.Join(list, "\n")+"\n", "\n"+s+"\n") || strings.Contains(s, " ") && strings.Contains(strings.Join(list, " "), s)
}

// TestOtherShells looks whether each command and flag is there, and lets the
// shell read the script where it is installed.
func TestOtherShells(t *testing.T) {
	for shell, flag := range map[string]string{"zsh": "'--patience:", "fish": "-l patience "} {
		script, _, _ := here(t, "completion", shell)
		for _, part := range []string{"query", "drain", "drop", flag} {
			if !strings.Contains(script, part) {
				t.Errorf("%s: %s is missing", shell, part)
			}
		}
		if path, err := exec.LookPath(shell); err == nil {
			cmd := exec.Command(path, "-n")
			cmd.Stdin = strings.NewReader(script)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%s: %v %s", shell, err, out)
			}
		}
	}
	if _, _, code := here(t, "completion", "csh"); code != exitUsage {
		t.Error("csh")
	}
}

// TestManualPage has every command, its flags and examples, and is read by groff
// where that is installed.
func TestManualPage(t *testing.T) {
	page, _, code := here(t, "man")
	if code != exitOK {
		t.Fatal(code)
	}
	p := &program{}
	for _, c := range commands() {
		parts := []string{".SS " + roff("girok "+c.name)}
		for _, f := range p.flagsOf(&c) {
			parts = append(parts, ".B "+roff(f.usage))
		}
		for line := range strings.Lines(c.help) {
			if strings.HasPrefix(line, "  girok ") {
				parts = append(parts, roff(strings.TrimSpace(line)))
			}
		}
		for _, part := range parts {
			if !strings.Contains(page, part) {
				t.Errorf("%s: %s is missing", c.name, part)
			}
		}
		if !strings.Contains(c.help, "exit codes: 0") || !strings.Contains(c.help, "\nexamples:\n  ") {
			t.Errorf("%s: its help has no examples, or no exit codes", c.name)
		}
	}
	groff, err := exec.LookPath("groff")
	if err != nil {
		t.Skip("groff is not installed")
	}
	cmd := exec.Command(groff, "-man", "-Tutf8", "-ww", "-z")
	cmd.Stdin = strings.NewReader(page)
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("groff: %v %s", err, out)
	}
}
