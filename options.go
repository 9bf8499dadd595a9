package girok

import "github.com/girok/girok/sink"

// Option is what Open takes beside the path: a sink kind, such as sqlite.Kind.
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
