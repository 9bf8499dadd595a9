package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/girok/girok"
	"github.com/girok/girok/config"
)

// program is girok with what it touches.
type program struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	getenv         func(string) string
	hurry          hurry
}

// command is one command. Its name may be of two words.
type command struct {
	name    string
	args    string // in the usage line
	summary string
	help    string // what it does, examples, exit codes
	// prepare defines the flags and returns what runs after they are parsed.
	prepare func(p *program, f *flag.FlagSet) func(ctx context.Context, args []string) int
}

// main runs the command that args name and returns the exit code.
func (p *program) main(ctx context.Context, args []string) int {
	if len(args) == 0 {
		p.overview(p.stderr)
		return exitUsage
	}
	switch args[0] {
	case "help", "-h", "-help", "--help":
		return p.help(args[1:])
	case "-version", "--version":
		args = append([]string{"version"}, args[1:]...)
	}
	c, rest := find(args)
	switch {
	case c == nil && len(args) == 2 && slices.Contains(helpFlags, args[1]) && group(args[0]) != nil:
		return p.help(args[:1])
	case c == nil:
		return p.unknown(args)
	}
	f := flag.NewFlagSet(c.name, flag.ContinueOnError)
	f.SetOutput(io.Discard)
	run := c.prepare(p, f)
	operands, err := parse(f, rest)
	switch {
	case errors.Is(err, flag.ErrHelp):
		p.usage(c, p.stdout)
		return exitOK
	case err != nil:
		return p.misused(c.name, "%s", flagMistake(f, err))
	}
	return run(ctx, operands)
}

// helpFlags are what package flag takes for a question.
var helpFlags = []string{"-h", "-help", "--help"}

// find returns the command that args begin with, and the rest.
func find(args []string) (*command, []string) {
	for _, c := range commands() {
		words := strings.Fields(c.name)
		if len(args) >= len(words) && slices.Equal(args[:len(words)], words) {
			return &c, args[len(words):]
		}
	}
	return nil, nil
}

// parse parses flags wherever they stand between the operands; what follows --
// are operands.
func parse(f *flag.FlagSet, args []string) (operands []string, err error) {
	for {
		before := len(args)
		if err := f.Parse(args); err != nil {
			return nil, err
		}
		if n := before - f.NArg(); n > 0 && args[n-1] == "--" {
			return append(operands, f.Args()...), nil
		}
		if f.NArg() == 0 {
			return operands, nil
		}
		operands = append(operands, f.Arg(0))
		args = f.Args()[1:]
	}
}

func (p *program) unknown(args []string) int {
	var names []string
	for _, c := range commands() {
		names = append(names, c.name)
		if strings.HasPrefix(c.name, args[0]+" ") {
			return p.misusedAs(args[0], "girok help", "want one of %s", strings.Join(group(args[0]), ", "))
		}
	}
	name := args[0]
	if s := config.Suggest(name, names); s != "" {
		return p.misusedAs("", "girok help", "there is no command %q; did you mean %q?", name, s)
	}
	return p.misusedAs("", "girok help", "there is no command %q", name)
}

// group lists the commands whose first word is name.
func group(name string) (names []string) {
	for _, c := range commands() {
		if strings.HasPrefix(c.name, name+" ") {
			names = append(names, c.name)
		}
	}
	return names
}

const exitCodes = "0 all is well; 1 a mistake, or a finding; 2 the command line; 3 records are not delivered yet, or went to the dead letters"

func (p *program) overview(w io.Writer) {
	fmt.Fprint(w, "girok takes every record a service makes, through one config.yaml, exactly once into the stores where people use it.\n\nusage: girok COMMAND [flags]\n\n")
	p.list(w, "")
	fmt.Fprintf(w, "  %-14s %s\n", "help", "what a command does, with examples: girok help run")
	fmt.Fprintf(w, "\nexit codes: %s\n", exitCodes)
}

// list writes the commands whose names begin with prefix, a line each.
func (p *program) list(w io.Writer, prefix string) {
	for _, c := range commands() {
		if strings.HasPrefix(c.name, prefix) {
			fmt.Fprintf(w, "  %-14s %s\n", c.name, c.summary)
		}
	}
}

func (p *program) help(args []string) int {
	if len(args) == 0 || args[0] == "help" || slices.Contains(helpFlags, args[0]) {
		p.overview(p.stdout)
		return exitOK
	}
	c, _ := find(args)
	if c == nil && len(args) == 1 && group(args[0]) != nil {
		fmt.Fprintf(p.stdout, "usage: girok %s COMMAND [flags]\n\n", args[0])
		p.list(p.stdout, args[0]+" ")
		fmt.Fprintf(p.stdout, "\nexamples:\n%s", firstExamples(args[0]))
		fmt.Fprintf(p.stdout, "\nwhat one of them does, with more examples: girok help %s\n", group(args[0])[0])
		return exitOK
	}
	if c == nil {
		return p.unknown(args)
	}
	p.usage(c, p.stdout)
	return exitOK
}

// firstExamples are the first examples of the commands of a group, a line each.
func firstExamples(name string) string {
	var b strings.Builder
	for _, c := range commands() {
		if strings.HasPrefix(c.name, name+" ") {
			_, examples, _ := strings.Cut(c.help, "\nexamples:\n")
			line, _, _ := strings.Cut(examples, "\n")
			b.WriteString(line + "\n")
		}
	}
	return b.String()
}

// flagText is a flag as help shows it.
type flagText struct {
	*flag.Flag
	usage string // --limit N
	what  string
}

// flagsOf lists a command's flags.
func (p *program) flagsOf(c *command) (list []flagText) {
	f := flag.NewFlagSet(c.name, flag.ContinueOnError)
	c.prepare(p, f)
	f.VisitAll(func(fl *flag.Flag) {
		value, what := flag.UnquoteUsage(fl)
		if fl.DefValue != "" && fl.DefValue != "false" && fl.DefValue != "0" && fl.DefValue != "0s" {
			what += " (default " + fl.DefValue + ")"
		}
		list = append(list, flagText{fl, strings.TrimSpace(dashed(fl.Name) + " " + value), what})
	})
	return list
}

// usageLine is how a command is called.
func (p *program) usageLine(c *command) (line string, flags []flagText) {
	flags = p.flagsOf(c)
	line = "girok " + c.name
	if len(flags) > 0 {
		line += " [flags]"
	}
	if c.args != "" {
		line += " " + c.args
	}
	return line, flags
}

func (p *program) usage(c *command, w io.Writer) {
	line, flags := p.usageLine(c)
	fmt.Fprintf(w, "usage: %s\n\n%s\n", line, strings.TrimSpace(c.help))
	if len(flags) == 0 {
		return
	}
	fmt.Fprint(w, "\nflags:\n")
	for _, f := range flags {
		fmt.Fprintf(w, "  %-18s %s\n", f.usage, f.what)
	}
}

// configFlag is -c, which nearly all commands have.
func configFlag(f *flag.FlagSet) *string {
	return f.String("c", "", "the configuration, `FILE`; if absent $GIROK_CONFIG, else config.yaml")
}

// configPath is where the configuration lies.
func (p *program) configPath(given string) string {
	if given != "" {
		return given
	}
	if env := p.getenv("GIROK_CONFIG"); env != "" {
		return env
	}
	return "config.yaml"
}

// check reads a configuration for a command that needs something of it.
func (p *program) check(path string) (*girok.Checked, error) {
	path = p.configPath(path)
	c, err := girok.Check(path, kinds...)
	return c, noConfig(path, err)
}

// noConfig says what to do if err is that there is no configuration.
func noConfig(path string, err error) error {
	at, serr := os.Stat(path)
	switch {
	case err == nil:
		return nil
	case serr == nil && at.IsDir():
		return fmt.Errorf("%s is a folder: name the configuration in it, as %s", path, filepath.Join(path, "config.yaml"))
	case serr == nil || !errors.Is(err, fs.ErrNotExist): // else it may be a file that it extends
		return err
	}
	return fmt.Errorf("there is no configuration %s: name one with -c or $GIROK_CONFIG, or make one with `girok init`", path)
}
