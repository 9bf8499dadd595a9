package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// completionCommand is a function: it lists the commands, of which it is one.
func completionCommand() command {
	return command{
		name: "completion", args: "bash|zsh|fish",
		summary: "a script with which a shell completes commands and flags",
		help: `
completion prints a script for a shell.

examples:
  source <(girok completion bash)
  girok completion zsh > "${fpath[1]}/_girok"
  girok completion fish > ~/.config/fish/completions/girok.fish

exit codes: 0`,
		prepare: func(p *program, _ *flag.FlagSet) func(context.Context, []string) int {
			return func(_ context.Context, args []string) int {
				shells := map[string]func(io.Writer, []offer){"bash": bashScript, "zsh": zshScript, "fish": fishScript}
				if len(args) != 1 || shells[args[0]] == nil {
					return p.misused("completion", "want one of %s, got %q", strings.Join(slices.Sorted(maps.Keys(shells)), ", "), args)
				}
				shells[args[0]](p.stdout, p.offers())
				return exitOK
			}
		},
	}
}

// offer is what may come after some words: words, or flags.
type offer struct {
	after   string // the words of a command, or of a part of one; "" is the program
	words   []word
	isFlags bool // of a whole command; files may come too
}

type word struct{ text, help string }

// offers lists what may come where.
func (p *program) offers() (list []offer) {
	first := offer{}
	groups := map[string]*offer{}
	for _, c := range commands() {
		head, rest, isGroup := strings.Cut(c.name, " ")
		if !isGroup {
			first.words = append(first.words, word{head, c.summary})
		} else {
			if groups[head] == nil {
				groups[head] = &offer{after: head}
				first.words = append(first.words, word{head, "commands of " + head})
			}
			groups[head].words = append(groups[head].words, word{rest, c.summary})
		}
		o := offer{after: c.name, isFlags: true}
		for _, fl := range p.flagsOf(&c) {
			o.words = append(o.words, word{dashed(fl.Name), fl.what})
		}
		list = append(list, o)
	}
	first.words = append(first.words, word{"help", "what a command does"})
	list = append(list, first)
	for _, head := range slices.Sorted(maps.Keys(groups)) {
		list = append(list, *groups[head])
	}
	return list
}

// dashed is a flag as it is written.
func dashed(name string) string {
	if len(name) > 1 {
		return "--" + name
	}
	return "-" + name
}

func (o *offer) texts() string {
	list := make([]string, len(o.words))
	for i, w := range o.words {
		list[i] = w.text
	}
	return strings.Join(list, " ")
}

// bashScript completes the words before the cursor that are no flags.
func bashScript(w io.Writer, offers []offer) {
	fmt.Fprint(w, `# bash completion for girok
_girok() {
    local cur=${COMP_WORDS[COMP_CWORD]} path="" words="" files=no i
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
            -*) ;;
            *) [[ $i -le 2 ]] && path="${path:+$path }${COMP_WORDS[i]}" ;;
        esac
    done
    while :; do
        case $path in
`)
	for _, o := range offers {
		files := ""
		if o.isFlags {
			files = " files=yes"
		}
		fmt.Fprintf(w, "            %q) words=%q%s; break ;;\n", o.after, o.texts(), files)
	}
	fmt.Fprint(w, `            *" "*) path=${path% *} ;; # an operand
            *) break ;;
        esac
    done
    if [[ $files = yes && $cur != -* ]]; then
        COMPREPLY=($(compgen -f -- "$cur"))
    else
        COMPREPLY=($(compgen -W "$words" -- "$cur"))
    fi
}
complete -o filenames -F _girok girok
`)
}

// zshScript describes each word.
func zshScript(w io.Writer, offers []offer) {
	fmt.Fprint(w, "#compdef girok\n_girok() {\n    local -a found\n    local at=\"${(j: :)${words[2,CURRENT-1]:#-*}}\"\n    while :; do\n        case $at in\n")
	for _, o := range offers {
		fmt.Fprintf(w, "            (%s) found=(", singleQuoted(o.after))
		for _, word := range o.words {
			fmt.Fprintf(w, " %s", singleQuoted(strings.ReplaceAll(word.text, ":", `\:`)+":"+word.help))
		}
		files := ""
		if o.isFlags {
			files = "; [[ $PREFIX = -* ]] || { _files; return }"
		}
		fmt.Fprintf(w, " )%s; break ;;\n", files)
	}
	fmt.Fprint(w, "            (*\\ *) at=${at% *} ;;\n            (*) break ;;\n        esac\n    done\n    _describe girok found\n}\n_girok \"$@\"\n")
}

// fishScript asks for each command and flag by itself.
func fishScript(w io.Writer, offers []offer) {
	fmt.Fprint(w, "# fish completion for girok\ncomplete -c girok -f\n")
	for _, o := range offers {
		when := "__fish_use_subcommand"
		for i, part := range strings.Fields(o.after) {
			if i == 0 {
				when = "__fish_seen_subcommand_from " + part
			} else {
				when += "; and __fish_seen_subcommand_from " + part
			}
		}
		if o.after != "" && !o.isFlags {
			when += "; and not __fish_seen_subcommand_from " + o.texts()
		}
		for _, word := range o.words {
			what := "-a " + word.text
			if name, ok := strings.CutPrefix(word.text, "--"); ok {
				what = "-l " + name + " -F"
			} else if name, ok := strings.CutPrefix(word.text, "-"); ok {
				what = "-s " + name + " -F"
			}
			fmt.Fprintf(w, "complete -c girok -n %s %s -d %s\n", singleQuoted(when), what, singleQuoted(word.help))
		}
	}
}

func singleQuoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
