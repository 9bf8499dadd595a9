package format

import (
	"fmt"
	"time"
)

// Keys is one entry of `formatters` in a configuration.
type Keys struct {
	Class   string `yaml:"class" doc:"json, or logging.Formatter"`
	Format  string `yaml:"format,raw" doc:"Python's % style, as %(asctime)s %(levelname)s %(message)s"`
	Datefmt string `yaml:"datefmt,raw" doc:"strftime's, for asctime"`
}

// New makes the formatter; loc is the zone of its times. The error is a
// *SyntaxError if it is the format's.
func (k Keys) New(loc *time.Location) (Formatter, error) {
	switch k.Class {
	case "json":
		if k.Format != "" || k.Datefmt != "" {
			return nil, fmt.Errorf("class json takes neither format nor datefmt")
		}
		return NewJSON(JSONOptions{Location: loc}), nil
	case "", "logging.Formatter":
	default:
		return nil, fmt.Errorf("%q is not in this program; it has json, logging.Formatter", k.Class)
	}
	if k.Format == "" && k.Datefmt == "" {
		return Default(loc), nil
	}
	t, err := New(k.Format, k.Datefmt, loc)
	if err != nil {
		return nil, err
	}
	return t, nil
}
