package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"flag"
	"fmt"
	"io"
	"strings"

	"github.com/girok/girok/record"
	"github.com/girok/girok/spool"
)

var spoolDumpCommand = command{
	name:    "spool dump",
	summary: "the records in the spool",
	help: `
spool dump writes the records that lie in runs, delivered or not, with their
position and the handlers that they are for. It only reads.

examples:
  girok spool dump --limit 10
  girok spool dump --run 8cf81a2e --handler warehouse --json | jq .message

exit codes: 0; 1 a mistake, or a part of a run that does not check`,
	prepare: func(p *program, f *flag.FlagSet) func(context.Context, []string) int {
		var d dump
		d.where.flags(f)
		f.StringVar(&d.run, "run", "", "only the run whose `ID` begins so")
		f.StringVar(&d.handler, "handler", "", "only records for the handler `NAME`")
		f.IntVar(&d.limit, "limit", 0, "at most `N` records; 0: all")
		f.BoolVar(&d.json, "json", false, "JSON lines")
		return func(ctx context.Context, args []string) int {
			if len(args) > 0 {
				return p.misused("spool dump", "want no operands, got %q", args)
			}
			code, err := p.dump(ctx, d)
			if err != nil {
				return p.failed(err)
			}
			return code
		}
	},
}

type dump struct {
	where        place
	run, handler string
	limit        int
	json         bool
}

func (p *program) dump(ctx context.Context, d dump) (code int, err error) {
	runs, err := p.runs(d.where)
	if err != nil {
		return 0, err
	}
	out := bufio.NewWriter(p.stdout)
	defer out.Flush()
	found, written := false, 0
	for _, r := range runs {
		if !idBegins(r, d.run) {
			continue
		}
		found = true
		mask := maskOf(r, d.handler)
		if mask == 0 && d.handler != "" {
			continue
		}
		n, damaged := d.dumpRun(ctx, out, p.stderr, r, mask, d.limit-written)
		if damaged {
			code = exitMistake
		}
		if written += n; d.limit > 0 && written >= d.limit {
			break
		}
	}
	if !found && d.run != "" {
		return 0, fmt.Errorf("there is no run %s; `girok spool ls` lists them", d.run)
	}
	return code, nil
}

// idBegins reports whether a run's id begins so.
func idBegins(r *spool.Run, word string) bool {
	return strings.HasPrefix(r.ID.String(), strings.ToLower(word))
}

// maskOf is the bits of the handler, or of all.
func maskOf(r *spool.Run, handler string) (m uint64) {
	for _, h := range r.Config.Handlers {
		if handler == "" || h.Name == handler {
			m |= 1 << h.Bit
		}
	}
	return m
}

// dumpRun writes the records of one run; limit 0 or below: all.
func (d *dump) dumpRun(ctx context.Context, out, problems io.Writer, r *spool.Run, mask uint64, limit int) (n int, damaged bool) {
	rd := r.Reader(0)
	defer rd.Close()
	for ctx.Err() == nil {
		ref, st := rd.Next()
		switch st {
		case spool.Frame:
			if d.handler != "" && ref.Mask()&mask == 0 {
				continue
			}
			for i, payload := range ref.Records() {
				m := binary.LittleEndian.Uint64(payload)
				if d.handler != "" && m&mask == 0 {
					continue
				}
				if _, err := out.Write(d.line(r, record.Place{Position: ref.Position, Index: i}, m, payload)); err != nil {
					return n, damaged
				}
				if n++; d.limit > 0 && n >= limit {
					return n, damaged
				}
			}
		case spool.Gap:
			fmt.Fprintf(problems, "girok: run %s: what lay from %d to %d is gone\n", r.ID, rd.GapFrom, rd.GapTo)
		case spool.Newer:
			fmt.Fprintf(problems, "girok: run %s: a newer girok wrote what follows\n", r.ID)
			return n, true
		default:
			if rd.Damaged > 0 {
				fmt.Fprintf(problems, "girok: run %s: %d bytes do not check; they are no records\n", r.ID, rd.Damaged)
			}
			return n, rd.Damaged > 0
		}
	}
	return n, damaged
}

// line is one record of a run.
func (d *dump) line(r *spool.Run, at record.Place, mask uint64, payload []byte) []byte {
	var b []byte
	if !d.json {
		b = fmt.Appendf(nil, "%s %8d [%s] ", r.ID, at.Position, strings.Join(handlersOf(r, mask), " "))
		return append(appendText(b, payload), '\n')
	}
	b = fmt.Appendf(b, `{"run":"%s","position":%d,"index":%d,"handlers":[`, r.ID, at.Position, at.Index)
	for i, name := range handlersOf(r, mask) {
		if i > 0 {
			b = append(b, ',')
		}
		b = record.AppendJSONString(b, name)
	}
	b = append(b, `],`...)
	return append(appendMembers(b, payload), "}\n"...)
}

func handlersOf(r *spool.Run, mask uint64) (names []string) {
	for _, h := range r.Config.Handlers {
		if mask&(1<<h.Bit) != 0 {
			names = append(names, h.Name)
		}
	}
	return names
}
