package main

import (
	"context"
	"flag"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/girok/girok/sink"
	"github.com/girok/girok/source"
	"github.com/girok/girok/store/duckdb"
)

var versionCommand = command{
	name:    "version",
	summary: "the version, and the kinds of sources and stores that are in the program",
	help: `
version prints the program's version, and what it is made of.

examples:
  girok version
  girok --version

exit codes: 0`,
	prepare: func(p *program, _ *flag.FlagSet) func(context.Context, []string) int {
		return func(_ context.Context, args []string) int {
			if len(args) > 0 {
				return p.misused("version", "want no operands, got %q", args)
			}
			sources, stores := kindNames()
			fmt.Fprintf(p.stdout, "girok %s, %s, %s/%s\n", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
			fmt.Fprintf(p.stdout, "sources: %s\n", strings.Join(sources, ", "))
			fmt.Fprintf(p.stdout, "handlers: console, file, null, %s\n", strings.Join(stores, ", "))
			return exitOK
		}
	},
}

func kindNames() (sources, stores []string) {
	for _, k := range kinds {
		switch k := k.(type) {
		case source.Kind:
			sources = append(sources, k.Name())
		case sink.Kind:
			if k.Name() != duckdb.Kind.Name() || duckdb.Built {
				stores = append(stores, k.Name())
			}
		}
	}
	return sources, stores
}

// version is that of the module, or the commit it was built from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "(unknown)"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return "(devel) " + s.Value[:min(len(s.Value), 12)]
		}
	}
	return "(devel)"
}
