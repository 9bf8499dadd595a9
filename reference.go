package girok

import (
	"github.com/girok/girok/config"
	"github.com/girok/girok/format"
	"github.com/girok/girok/sink"
	"github.com/girok/girok/sink/file"
)

// Section is one part of the reference of config.yaml.
type Section struct {
	Title string // what the part is, as it is written in the file
	Doc   string
	Keys  []config.Option
}

// Reference lists the keys of config.yaml, from the structs that they are decoded
// into: those of the file, of formatters, loggers and direct handlers, and those
// of each kind among opts.
func Reference(opts ...Option) []Section {
	top := defaultKeys()
	list := []Section{
		{"the file", "The keys at the top.", config.Reference("", &top)},
		{"formatters.<name>", "How lines look; handlers name one.", config.Reference("", &format.Keys{})},
		{"filters.<name>", "Which records pass; handlers and loggers name them.", config.Reference("", &filterKeys{})},
		{"loggers.<name>, root", "Where records come from. The names are dotted; a record goes to the handlers of its logger, then to those of the loggers above it.", config.Reference("", &loggerKeys{})},
	}
	for _, c := range directClasses() {
		keys := config.Reference("", &directKeys{})
		list = append(list, Section{"handlers.<name>, class: " + c.names[0], c.doc, append(keys, config.Reference("", c.keys())...)})
	}
	for _, k := range directKindsOf(opts) {
		keys := append(config.Reference("", &directKeys{}), config.Reference("", k.Defaults())...)
		for _, o := range config.Reference("", &sink.BehindKeys{}) {
			if o.Key != "formatter" { // it is among the others
				keys = append(keys, o)
			}
		}
		list = append(list, Section{"handlers.<name>, class: " + k.Class(), k.Summary() + ". Sent in the call, or with `spooled: true` from the spool.", keys})
	}
	spooled := append(config.Reference("", &sink.Common{}), config.Reference("", file.Kind.Defaults())...)
	list = append(list, Section{"handlers.<name>, class: file, spooled: true", file.Kind.Summary() + ". Spooled.", spooled})
	for _, k := range kindsOf(opts) {
		keys := append(config.Reference("", &sink.Common{}), config.Reference("", k.Defaults())...)
		list = append(list, Section{"handlers.<name>, class: " + k.Name(), k.Summary() + ". Spooled.", keys})
	}
	for _, k := range sourceKindsOf(opts) {
		list = append(list, Section{"sources.<name>, class: " + k.Name(), k.Summary() + ". For `girok run`.", k.Reference()})
	}
	return list
}
