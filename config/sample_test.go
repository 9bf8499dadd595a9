package config

import (
	"net/netip"
	"time"
)

// sample is a configuration with a field of every type; tests decode onto
// newSample().
type sample struct {
	Service  string             `yaml:"service" doc:"name of the service"`
	Debug    bool               `yaml:"debug"`
	Workers  int                `yaml:"workers" min:"1" max:"64" doc:"how many at once"`
	Small    int8               `yaml:"small"`
	Port     uint16             `yaml:"port"`
	Ratio    float64            `yaml:"ratio" min:"0" max:"1"`
	Address  netip.Addr         `yaml:"address"`
	Wait     time.Duration      `yaml:"wait"`
	Level    any                `yaml:"level"`
	Keep     *bool              `yaml:"keep"`
	Tags     []string           `yaml:"tags"`
	Headers  map[string]Secret  `yaml:"headers"`
	Extra    *Node              `yaml:"extra"`
	Format   string             `yaml:"format,raw"`
	Handlers map[string]handler `yaml:"handlers"`
	Ignored  string             `yaml:"-"`
}

type handler struct {
	Class    string            `yaml:"class,required" enum:"bigquery|console|file"`
	Table    string            `yaml:"table" doc:"where rows go"`
	Password Secret            `yaml:"password"`
	Columns  map[string]column `yaml:"columns"`
	Mode     string            `yaml:"mode" enum:"append|replace"`
	Batch    batch             `yaml:"batch"`
	common
}

type common struct {
	Spooled bool `yaml:"spooled"`
}

type batch struct {
	Records int      `yaml:"records" min:"1" max:"10000" doc:"rows in a batch"`
	Bytes   Size     `yaml:"bytes" max:"1GiB"`
	Age     Duration `yaml:"age" min:"1s" max:"1h"`
}

// Validate wants the age when records are given.
func (b *batch) Validate(at *At) {
	if at.Has("records") && !at.Has("age") {
		at.Problem("age", "is missing; with records it must be given")
	}
}

// column is a text or a map.
type column struct {
	From string `yaml:"from,required"`
	Type string `yaml:"type"`
}

func (c *column) FromNode(n *Node, ps *Problems) {
	if n.Kind() == Scalar {
		c.From, _ = n.Text(ps)
		return
	}
	Decode(n, ps, (*plainColumn)(c))
}

type plainColumn column

func (*column) DescribeType() string { return "a source, or a map with from and type" }

func newSample() *sample {
	return &sample{Service: "app", Workers: 4, Ratio: 0.5, Wait: time.Minute, Tags: []string{"a", "b"}}
}
