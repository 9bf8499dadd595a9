// Package bigquery writes records into a table of BigQuery: by the Storage Write API
// or with load jobs, exactly once, or by tabledata.insertAll.
//
// # How a batch is recognised
//
// With mode: stream a handler has one committed stream. Its rows are visible at once, and the server
// counts them: an append says at which row of the stream it begins. A batch goes in by
// several appends, up to eight of which are under way at a time. Before it is sent, the
// stream and the rows where it and its appends begin stand in the journal. When it is not
// known what of a batch is in, as after an answer that was lost, its stream is finalized:
// that fences whoever may still write it, and tells how many rows it has. Only when the
// server does not know the stream any more, as after days without a record, is the table
// asked, by the column that holds record_id.
//
// What is behind an append that was refused is refused, too. Only when all answers are
// there is a refusal taken for one: with an answer missing, the stream is asked.
//
// With mode: load a batch is a load job, which is named after it; the name stands in the
// journal before the job is begun. BigQuery takes no name twice, and what a job loads is
// in whole or not at all. The name of a job that failed is never used again.
//
// With mode: insert_all each row has its record's id as insertId, by which BigQuery
// knows for about a minute what comes again: at least once.
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
	Mode:      "stream",
	Partition: Partition{Every: "day"},
}, open)

// limits are when batches are cut, by mode, where the configuration does not say. Load
// jobs are few: BigQuery takes 1,500 a table and day.
var limits = map[string]sink.Limits{
	"stream":     {Records: 40_000, Bytes: 16 << 20, Age: config.Duration(time.Second)},
	"load":       {Records: 500_000, Bytes: 64 << 20, Age: config.Duration(5 * time.Minute)},
	"insert_all": {Records: 500, Bytes: 4 << 20, Age: config.Duration(time.Second)},
}

// Config is the keys of a handler with `class: bigquery`.
type Config struct {
	Mode         string `yaml:"mode" enum:"stream|load|insert_all" doc:"how rows go in. stream: by the Storage Write API, within a second, exactly once. load: by load jobs, within minutes, exactly once, without charge and in the free tier. insert_all: by tabledata.insertAll, within a second, at least once"`
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
	Batch     sink.Limits `yaml:"batch" doc:"when a batch is cut; what is absent is 40,000 records, 16MiB and 1s, with mode: load 500,000 records, 64MiB and 5m, with mode: insert_all 500 records, 4MiB and 1s"`
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
	c.OneTable(at, "a partition holds a day: partition: {by: created_at}")
	if !plainName.MatchString(strings.NewReplacer("{service}", "s", "{date}", "d").Replace(r.table)) {
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
func (c Config) Limits() sink.Limits {
	l, absent := c.Batch, limits["stream"]
	if !c.streams() {
		absent = limits[c.Mode]
	}
	if l.Records == 0 {
		l.Records = absent.Records
	}
	if l.Bytes == 0 {
		l.Bytes = absent.Bytes
	}
	if l.Age == 0 {
		l.Age = absent.Age
	}
	return l
}

// streams reports whether rows go in by the Storage Write API.
func (c *Config) streams() bool { return c.Mode != "load" && c.Mode != "insert_all" }

// Guarantee says what is guaranteed.
func (c Config) Guarantee() string {
	switch c.Mode {
	case "load":
		return "exactly once: a batch is a load job of its own name, and BigQuery takes no name twice; not if the record of the job is deleted between a crash and the next start"
	case "insert_all":
		return "at least once: BigQuery knows a row that comes again by its insertId, for about a minute and as well as it can"
	}
	return "exactly once: an append says at which row of its stream it begins, and the stream is finalized before another one is begun; after 4 days without a record the table is asked by record_id"
}

func open(ctx context.Context, env sink.Env, c Config) (sink.Sink, error) {
	s := newStore(c, env)
	s.mapper = table.NewMapper(&s.config.Config, table.Options{Location: c.Location(env.Location)})
	if err := s.ready(ctx); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}
