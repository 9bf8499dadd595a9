package girok

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/girok/girok/config"
	"github.com/girok/girok/source"
)

// readSources checks the entries of sources. A program without a source kind has
// no use for them: the file may be meant for girok run too.
func (b *blueprint) readSources(kinds []source.Kind, ps *config.Problems) {
	if len(kinds) == 0 {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(b.keys.Sources)) {
		n := b.keys.Sources[name]
		c := n.Get("class")
		if c.Kind() != config.Scalar {
			ps.Add(n.KeyPos(), n.Path()+".class", "is missing; want %s", sourceNames(kinds))
			continue
		}
		i := slices.IndexFunc(kinds, func(k source.Kind) bool { return k.Name() == c.Raw() })
		if i < 0 {
			ps.Add(c.Pos(), c.Path(), "%s", unknownName("class of source", c.Raw(), strings.Split(sourceNames(kinds), ", ")))
			continue
		}
		if first := b.sourceOf(kinds[i].Name()); first != "" && kinds[i].Single() {
			ps.Add(c.Pos(), c.Path(), "there can be one source of class %s, and sources.%s is one", c.Raw(), first)
			continue
		}
		b.sources = append(b.sources, kinds[i].Plan(name, n, ps))
	}
}

// sourceOf names the source of a class that was met; "" if none.
func (b *blueprint) sourceOf(class string) string {
	for _, p := range b.sources {
		if p.Kind.Name() == class {
			return p.Name
		}
	}
	return ""
}

func sourceNames(kinds []source.Kind) string {
	var names []string
	for _, k := range kinds {
		names = append(names, k.Name())
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// Sources are those of the configuration whose kinds are among the options of
// Open, by name.
func (l *Logs) Sources() []source.Plan { return l.blue.Load().sources }

// OpenSource opens a source; its records go through the tree.
func (l *Logs) OpenSource(p source.Plan, env source.Env) (source.Source, error) {
	env.Name, env.Log = p.Name, l.report
	if env.Count == nil {
		env.Count = &source.Counts{}
	}
	l.counts.Store(p.Name, env.Count)
	env.Dir = l.blue.Load().dir()
	env.Node = func(logger string) source.Emitter { return l.tree.Node(logger) }
	s, err := p.Open(env)
	if err != nil {
		return nil, fmt.Errorf("girok: source %s: %w", p.Name, err)
	}
	return s, nil
}
