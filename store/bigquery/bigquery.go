// Package bigquery writes records into a table of BigQuery by the Storage Write
// API, exactly once.
//
// # How a batch is recognised
//
// A handler has one committed stream. Its rows are visible at once, and the server
// counts them: an append says at which row of the stream it begins. Before a batch is
// sent, the stream and that row stand in the journal. When it is not known whether a
// batch is in, as after an answer that was lost, its stream is finalized: that fences
// whoever may still write it, and tells how many rows it has. Only when the server does
// not know the stream any more, as after days without a record, is the table asked, by
// the column that holds record_id.
//
// # Types
//
// string STRING, int INT64, float FLOAT64, decimal(p,s) NUMERIC or BIGNUMERIC, bool
// BOOL, timestamp TIMESTAMP, datetime DATETIME, date DATE, json JSON, bytes BYTES.
package bigquery

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/girok/girok/config"
	"github.com/girok/girok/sink"
	"github.com/girok/girok/sink/table"
)

// Kind is the sink kind for BigQuery, to be given to girok.Open.
var Kind = sink.Define("bigquery", "rows in a table of Google BigQuery", sink.Offset, Config{
	Config:    table.DefaultConfig(),
	Partition: Partition{Every: "day"},
	Batch:     sink.Limits{Records: 10_000, Bytes: 4 << 20, Age: config.Duration(time.Second)},
}, open)

// Config is the keys of a handler with `class: bigquery`.
type Config struct {
	Project      string `yaml:"project" doc:"the project of the table; absent: the first part of table, or the key's"`
	Dataset      string `yaml:"dataset" doc:"the dataset; absent: the part of table before the last point"`
	Region       string `yaml:"location" doc:"where create: true makes the dataset, as asia-northeast3 or EU; US if absent"`
	KeyFile      string `yaml:"key_file" doc:"a service account's key, a JSON file; absent: the cloud's own chain (GOOGLE_APPLICATION_CREDENTIALS, gcloud, the machine's account)"`
	REST         string `yaml:"endpoint" doc:"base address of the REST API, for emulators and private ways: https://bigquery.googleapis.com/bigquery/v2"`
	GRPCEndpoint string `yaml:"grpc_endpoint" doc:"address of the Storage Write API: bigquerystorage.googleapis.com:443"`
	Insecure     bool   `yaml:"insecure" doc:"without TLS and without credentials, for emulators"`
	CAFile       string `yaml:"ca_file" doc:"certificates that are trusted beside the system's, PEM"`
	Description  string `yaml:"description" doc:"description of a table that create: true makes"`
	table.Config
	Partition Partition   `yaml:"partition" doc:"make the table a partitioned one"`
	Cluster   []string    `yaml:"cluster" doc:"columns that create: true clusters the table by, at most 4"`
	Batch     sink.Limits `yaml:"batch" doc:"when a batch is cut"`
}

// Partition is how `create: true` cuts the table.
type Partition struct {
	By     string          `yaml:"by" doc:"the column that decides, of type timestamp, datetime or date; absent: no partitions"`
	Every  string          `yaml:"every" enum:"hour|day|month|year" doc:"what one partition holds, by UTC for timestamps"`
	Expire config.Duration `yaml:"expire" doc:"partitions older than this go; absent: none does"`
}

// reference is a table's full name.
type reference struct{ project, dataset, table string }

func (r reference) path() string {
	return "projects/" + r.project + "/datasets/" + r.dataset + "/tables/" + r.table
}

// sql is the name in SQL.
func (r reference) sql() string { return "`" + r.project + "." + r.dataset + "." + r.table + "`" }

// reference puts the keys together. A missing project is that of the credentials.
func (c Config) reference() reference {
	r := reference{c.Project, c.Dataset, c.Table}
	parts := strings.Split(c.Table, ".")
	if n := len(parts); n > 1 {
		r.table = parts[n-1]
		r.dataset = parts[n-2]
		if n > 2 {
			r.project = strings.Join(parts[:n-2], ".")
		}
	}
	return r
}

var plainName = regexp.MustCompile(`^[\p{L}\p{M}\p{N}\p{Pc}\p{Pd} ]+$`)

// Validate implements config.Validator.
func (c *Config) Validate(at *config.At) {
	c.Config.Validate(at)
	r := c.reference()
	if r.dataset == "" {
		at.Problem("dataset", "is missing: write table: dataset.table, or the key dataset")
	}
	if !plainName.MatchString(r.table) {
		at.Problem("table", "want letters, digits and _ in the name of a table, got %q", r.table)
	}
	if c.Insecure && c.KeyFile != "" {
		at.Problem("insecure", "a key is not sent without TLS; leave one of the two out")
	}
	if len(c.Cluster) > 4 {
		at.Problem("cluster", "BigQuery clusters by at most 4 columns")
	}
	for _, name := range c.Cluster {
		if c.typeOf(name) == table.Null {
			at.Problem("cluster", "there is no column %q", name)
		}
	}
	if c.Partition.By == "" {
		return
	}
	switch t := c.typeOf(c.Partition.By); t {
	case table.Timestamp, table.DateTime:
	case table.Date:
		if c.Partition.Every == "hour" {
			at.Problem("partition.every", "a date has no hours; want day, month or year")
		}
	case table.Null:
		at.Problem("partition.by", "there is no column %q", c.Partition.By)
	default:
		at.Problem("partition.by", "want a column of type timestamp, datetime or date; %s is %s", c.Partition.By, t)
	}
}

func (c *Config) typeOf(column string) table.Type {
	i := slices.IndexFunc(c.List(), func(col table.Column) bool { return col.Name == column })
	if i < 0 {
		return table.Null
	}
	return c.List()[i].Type.Type
}

// Endpoint is where the project is reached: all handlers of it share an owner.
func (c Config) Endpoint(sink.Env) string {
	return strings.TrimSpace(fmt.Sprintf("bigquery %s %s", c.GRPCEndpoint, c.reference().project))
}

// Target is the table, in the same words however it is written.
func (c Config) Target() string {
	r := c.reference()
	return r.dataset + "." + r.table
}

// Limits is when batches are cut.
func (c Config) Limits() sink.Limits { return c.Batch }

// Guarantee says what is guaranteed.
func (c Config) Guarantee() string {
	return "exactly once: an append says at which row of its stream it begins, and the stream is finalized before another one is begun; after 4 days without a record the table is asked by record_id"
}

func open(ctx context.Context, env sink.Env, c Config) (sink.Sink, error) {
	s := &store{config: c, env: env}
	s.mapper = table.NewMapper(&s.config.Config, table.Options{Location: c.Location(env.Location)})
	if err := s.ready(ctx); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}
