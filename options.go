package girok

import (
	"github.com/girok/girok/sink"
	"github.com/girok/girok/source"
)

// Option is what Open takes beside the path: a sink kind, such as sqlite.Kind,
// or a source kind, such as stdin.Kind.
type Option = sink.Option

// kindsOf picks the sink kinds out of options.
func kindsOf(opts []Option) (kinds []sink.Kind) {
	for _, o := range opts {
		if k, ok := o.(sink.Kind); ok {
			kinds = append(kinds, k)
		}
	}
	return kinds
}

// sourceKindsOf picks the source kinds out of options.
func sourceKindsOf(opts []Option) (kinds []source.Kind) {
	for _, o := range opts {
		if k, ok := o.(source.Kind); ok {
			kinds = append(kinds, k)
		}
	}
	return kinds
}
