package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"strings"
)

// manCommand is a function: it lists the commands, of which it is one.
func manCommand() command {
	return command{
		name:    "man",
		summary: "the manual page, made of these texts",
		help: `
man prints the manual page of girok with all its commands, for man and its like.

examples:
  girok man | man -l -
  girok man > /usr/local/share/man/man1/girok.1

exit codes: 0`,
		prepare: func(p *program, _ *flag.FlagSet) func(context.Context, []string) int {
			return func(_ context.Context, args []string) int {
				if len(args) > 0 {
					return p.misused("man", "want no operands, got %q", args)
				}
				p.man(p.stdout)
				return exitOK
			}
		},
	}
}

// man writes the page as roff.
func (p *program) man(w io.Writer) {
	fmt.Fprintf(w, ".TH GIROK 1 \"\" %q \"User Commands\"\n", "girok "+version())
	fmt.Fprint(w, ".SH NAME\ngirok \\- take every record a service makes into its stores, exactly once\n.SH SYNOPSIS\n.B girok\n.I COMMAND\n[flags]\n.SH COMMANDS\n")
	for _, c := range commands() {
		usage, flags := p.usageLine(&c)
		fmt.Fprintf(w, ".SS %s\n", roff("girok "+c.name))
		fmt.Fprintf(w, "%s.\n.PP\n.B %s\n", roff(upperFirst(c.summary)), roff(usage))
		manText(w, c.help)
		for _, f := range flags {
			fmt.Fprintf(w, ".TP\n.B %s\n%s\n", roff(f.usage), roff(f.what))
		}
	}
	fmt.Fprintf(w, ".SH EXIT STATUS\n%s\n", roff(exitCodes))
	fmt.Fprint(w, ".SH ENVIRONMENT\n.TP\n.B GIROK_CONFIG\nThe configuration, where no -c is given.\n.TP\n.B GIROK_SPOOL\nThe folder of the spool, where the configuration names none.\n")
}

// manText writes a help text: its paragraphs, and as they are its examples.
func manText(w io.Writer, help string) {
	literal := false
	for line := range strings.Lines(strings.TrimSpace(help)) {
		line = strings.TrimRight(line, "\n ")
		indented := strings.HasPrefix(line, "  ")
		if indented && !literal {
			fmt.Fprint(w, ".PP\n.RS 4\n.nf\n")
		}
		if !indented && literal {
			fmt.Fprint(w, ".fi\n.RE\n")
		}
		literal = indented
		switch {
		case line == "":
			fmt.Fprint(w, ".PP\n")
		default:
			fmt.Fprintln(w, roff(strings.TrimPrefix(line, "  ")))
		}
	}
	if literal {
		fmt.Fprint(w, ".fi\n.RE\n")
	}
}

// roff escapes what means something in roff.
func roff(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`, "`", `\(ga`, "'", `\(aq`, "…", "...", "─", `\-`, "►", ">").Replace(s)
	if strings.HasPrefix(s, ".") {
		s = `\&` + s
	}
	return s
}

func upperFirst(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
