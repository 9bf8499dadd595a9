package main

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"regexp"
	"strings"
	"time"

	"github.com/girok/girok/config"
)

// misused tells of a mistake in the command line.
func (p *program) misused(name, format string, args ...any) int {
	return p.misusedAs(name, "girok "+name+" --help", format, args...)
}

func (p *program) misusedAs(name, see, format string, args ...any) int {
	fmt.Fprintf(p.stderr, "%s: %s; see `%s`\n", strings.TrimSpace("girok "+name), fmt.Sprintf(format, args...), see)
	return exitUsage
}

// failed tells of an error, each of several in a line of its own, and returns the exit
// code.
func (p *program) failed(err error) int {
	var ps config.Problems
	if errors.As(err, &ps) {
		fmt.Fprintln(p.stderr, ps.Error())
		return exitMistake
	}
	if errors.Is(err, fs.ErrPermission) {
		err = fmt.Errorf("%w; run girok as a user who may, such as that of the program", err)
	}
	for line := range strings.Lines(err.Error()) {
		line = strings.TrimPrefix(strings.TrimPrefix(line, "girok: "), "config: ")
		fmt.Fprintf(p.stderr, "girok: %s\n", strings.TrimSuffix(line, "\n"))
	}
	return exitMistake
}

// What package flag says of a flag that there is not, of one without its value, and of
// a value that it can't read.
var (
	noFlag   = regexp.MustCompile(`^flag provided but not defined: -(.*)$`)
	noValue  = regexp.MustCompile(`^flag needs an argument: -(.*)$`)
	unparsed = regexp.MustCompile(`^invalid (?:boolean )?value (".*") for (?:flag )?-([\w-]+): parse error$`)
)

// flagMistake says what to write in the place of flags that package flag does not take.
func flagMistake(f *flag.FlagSet, err error) string {
	if m := noFlag.FindStringSubmatch(err.Error()); m != nil {
		var known []string
		f.VisitAll(func(fl *flag.Flag) { known = append(known, fl.Name) })
		if s := config.Suggest(m[1], known); s != "" {
			return fmt.Sprintf("there is no flag %s; did you mean %s?", dashed(m[1]), dashed(s))
		}
		return "there is no flag " + dashed(m[1])
	}
	if m := noValue.FindStringSubmatch(err.Error()); m != nil {
		return fmt.Sprintf("want %s after %s", wanted(f, m[1]), dashed(m[1]))
	}
	if m := unparsed.FindStringSubmatch(err.Error()); m != nil {
		return fmt.Sprintf("want %s for %s, got %s", wanted(f, m[2]), dashed(m[2]), m[1])
	}
	return err.Error()
}

// wanted is what kind of value a flag takes.
func wanted(f *flag.FlagSet, name string) string {
	if v, ok := f.Lookup(name).Value.(flag.Getter); ok {
		switch v.Get().(type) {
		case time.Duration:
			return "a duration, as 10m,"
		case int:
			return "a whole number"
		case bool:
			return "true or false"
		}
	}
	return "a value"
}
