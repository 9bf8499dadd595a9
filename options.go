package girok

import (
	"slices"

	"github.com/girok/girok/config"
	"github.com/girok/girok/sink"
	"github.com/girok/girok/sink/file"
	"github.com/girok/girok/source"
)

// Option is what Open takes beside the path: a sink kind, such as sqlite.Kind, a
// source kind, such as stdin.Kind, python.Kinds, the handlers of Python's logging that
// write to a network, or encodings.All, more encodings of files, and encodings.Names, or zstd.Packing,
// another way to compress them.
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

// directKindsOf picks the kinds of direct handlers out of options.
func directKindsOf(opts []Option) (kinds []sink.Direct) {
	for _, o := range opts {
		switch o := o.(type) {
		case sink.Direct:
			kinds = append(kinds, o)
		case sink.Directs:
			kinds = append(kinds, o...)
		}
	}
	return kinds
}

// Deliverable are the kinds that a program with these options can deliver to: those of
// the options, files, and what is behind handlers that otherwise write in the call.
func Deliverable(opts ...Option) []sink.Kind {
	kinds := append(kindsOf(opts), file.KindWith(zstdOf(opts)))
	for _, k := range directKindsOf(opts) {
		kinds = append(kinds, k.Behind())
	}
	return kinds
}

// encodingsOf picks the encodings out of options.
func encodingsOf(opts []Option) (list []file.Encodings) {
	for _, o := range opts {
		if e, ok := o.(file.Encodings); ok {
			list = append(list, e)
		}
	}
	return list
}

// zstdOf picks what compresses with zstd out of options; nil if there is none.
func zstdOf(opts []Option) (zstd file.Zstd) {
	for _, o := range opts {
		if z, ok := o.(file.Zstd); ok {
			zstd = z
		}
	}
	return zstd
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

// WriteOnly is an Option of Open for a program that only writes its spool: it
// opens no store, and `girok run` beside it delivers, also when the program has
// ended. Kinds of stores that are not among the options pass unchecked; a
// configuration says the same by `spool: {deliver: never}`.
func WriteOnly() Option { return writeOnly{} }

// Secret is an Option of Open for a secret that neither a variable nor a file holds:
// ${secret:name} in the configuration is what reveal gives. Its handler is bound: only
// processes that have the secret deliver for it. reveal is asked whenever a store is
// connected to, on any goroutine, so that a new password is seen; it must be quick.
func Secret(name string, reveal func() (string, error)) Option { return secret{name, reveal} }

// offerSecrets makes the secrets of options known, before a configuration is read.
func offerSecrets(opts []Option) {
	for _, o := range opts {
		if s, ok := o.(secret); ok {
			config.Offer(s.name, s.reveal)
		}
	}
}

// DeliverWith is an Option of Open for a program that delivers: of all that waits in
// the spool, rows are written and stores are connected to as the configuration at
// path says, for handlers that have the same name, kind and place there. A batch that
// was begun before stays as it was.
func DeliverWith(path string) Option { return deliverWith(path) }

// Deliver is an Option of Open for a program that delivers whatever spool.deliver
// says, and what others of its service leave even if its own configuration has no
// spooled handler.
func Deliver() Option { return delivers{} }

type (
	writeOnly   struct{}
	delivers    struct{}
	deliverWith string
	secret      struct {
		name   string
		reveal func() (string, error)
	}
)

func (writeOnly) GirokOption()   {}
func (delivers) GirokOption()    {}
func (deliverWith) GirokOption() {}
func (secret) GirokOption()      {}

func has[O Option](opts []Option) bool {
	return slices.ContainsFunc(opts, func(o Option) bool { _, ok := o.(O); return ok })
}
