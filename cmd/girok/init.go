package main

import (
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/girok/girok/store/duckdb"
)

// template is what init writes; SERVICE stands for the name of the service, STORE
// for the class of the embedded database.
//
//go:embed init.yaml
var template string

var initCommand = command{
	name: "init", args: "[FOLDER]",
	summary: "write a config.yaml to begin with",
	help: `
init writes config.yaml into a folder, with comments: lines on the console, and
every record in a table of a database beside it: DuckDB's, or SQLite's where this
program was built without a C++ compiler. It never overwrites.

examples:
  girok init
  girok init --service shop deploy/

exit codes: 0 it is written; 1 there is one already, or the folder can't be written`,
	prepare: func(p *program, f *flag.FlagSet) func(context.Context, []string) int {
		service := f.String("service", "", "`NAME` of the service; if absent that of the folder")
		return func(_ context.Context, args []string) int {
			if len(args) > 1 {
				return p.misused("init", "want one folder, got %q", args)
			}
			dir := "."
			if len(args) == 1 {
				dir = args[0]
			}
			if err := p.init(dir, *service); err != nil {
				return p.failed(err)
			}
			return exitOK
		}
	},
}

func (p *program) init(dir, service string) error {
	if service == "" {
		abs, err := filepath.Abs(dir)
		if err != nil {
			return err
		}
		service = serviceName(filepath.Base(abs))
	}
	if service != serviceName(service) {
		return fmt.Errorf("%q can't name a service: use letters, digits, - and _", service)
	}
	if err := os.MkdirAll(dir, 0o777); errors.Is(err, syscall.ENOTDIR) {
		return fmt.Errorf("%s is no folder, or is to be in a file: name a folder", dir)
	} else if err != nil {
		return err
	}
	path := filepath.Join(dir, "config.yaml")
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already, and is left as it is: name another folder, or move it away", path)
	}
	if err != nil {
		return err
	}
	_, err = f.WriteString(strings.NewReplacer("SERVICE", service, "STORE", embedded()).Replace(template))
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	c := "" // the default of -c
	if path != "config.yaml" {
		c = " -c " + shellWord(path)
	}
	fmt.Fprintf(p.stdout, "wrote %s\nnext: girok check%s\n      echo hello | girok run%s\n      girok query%s \"select * from logs\"\n", path, c, c, c)
	return nil
}

// embedded is the class of the database that a first configuration has.
func embedded() string {
	if duckdb.Built {
		return "duckdb"
	}
	return "sqlite"
}

// serviceName makes a name of what a folder is called.
func serviceName(s string) string {
	s = strings.Trim(strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' {
			return r
		}
		return '-'
	}, s), "-")
	if s == "" {
		return "app"
	}
	return s
}

// shellWord quotes a text so that a shell takes it as one word.
func shellWord(s string) string {
	if s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./@%+:,", r))
	}) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
