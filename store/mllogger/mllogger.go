// Package mllogger makes the logger of a service that serves a model, in one call: it
// writes where a config.yaml says, and with a key to a table of BigQuery too.
//
//	logs, log, err := mllogger.Open("config.yaml", "key.json", "project.online_serving_logs.mask_classification", "MLLogger")
//	if err != nil { … } // a mistake in the configuration; no network was touched
//	defer logs.Close()
//	log.Info("hello world")
//
// Nothing waits for BigQuery: a record lies in the spool when the call returns, and
// each is a row once, whatever dies in between.
package mllogger

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"

	"github.com/girok/girok"
	"github.com/girok/girok/config"
	"github.com/girok/girok/store/bigquery"
)

// kinds are what a configuration may name beside girok's own.
var kinds = []girok.Option{bigquery.Kind}

// Open reads a configuration and gives the logger of a name. If credentialsPath, the
// JSON key of a service account, is not "", the logger gets one more handler: of class
// bigquery, into the table project.dataset.table. Without a key it works without
// BigQuery.
//
// The table has the columns level, message and created_at, and one partition for each
// day of the latter. It is made if it is not there. created_at is a TIMESTAMP: tz, the
// configuration's timezone or else Asia/Seoul, is the zone of the days in the view
// beside it. more are further keys of the handler, and those that replace these.
//
// The handler is called bigquery, unless the configuration has one of that name. The
// logger's level and its other handlers are the configuration's.
func Open(configPath, credentialsPath, table, name string, more ...girok.Keys) (*girok.Logs, *slog.Logger, error) {
	logs, err := open(configPath, credentialsPath, table, name, more)
	if err != nil {
		return nil, nil, err
	}
	return logs, logs.Logger(name), nil
}

func open(path, credentials, table, name string, more []girok.Keys) (*girok.Logs, error) {
	if credentials == "" {
		return girok.Open(path, kinds...)
	}
	key, err := filepath.Abs(credentials) // it is the caller's path, and not relative to the configuration
	if err != nil {
		return nil, fmt.Errorf("mllogger: %w", err)
	}
	keys := girok.Keys{
		"class": "bigquery", "key_file": key, "table": table, "create": true, "rest": "drop",
		"columns":   json.RawMessage(`{"level": "levelname", "message": "message", "created_at": {"from": "time", "type": "timestamp"}}`), // in this order
		"partition": girok.Keys{"by": "created_at", "every": "day"},
	}
	for _, m := range more {
		maps.Copy(keys, m)
	}
	return girok.OpenOver(path, "mllogger.Open", func(d *config.Document) []byte { return over(d, name, keys) }, kinds...)
}

// over is what is laid over a configuration: the handler, and the logger's list of
// handlers with it at the end.
func over(d *config.Document, name string, keys girok.Keys) []byte {
	handler := "bigquery" // as the class
	for n := 2; d.Root.Get("handlers").Get(handler) != nil; n++ {
		handler = fmt.Sprint("bigquery_", n)
	}
	if _, given := keys["tz"]; !given && d.Root.Get("timezone").IsZero() {
		keys = maps.Clone(keys)
		keys["tz"] = "Asia/Seoul"
	}
	logger, section := d.Root.Get("root"), "root"
	if name != "" && name != "root" {
		logger, section = d.Root.Get("loggers").Get(name), "loggers"
	}
	var handlers []string
	for _, h := range logger.Get("handlers").Items() {
		handlers = append(handlers, h.Raw())
	}
	entry := any(girok.Keys{"handlers": append(handlers, handler)})
	if section == "loggers" {
		entry = girok.Keys{name: entry}
	}
	text, err := json.Marshal(girok.Keys{"handlers": girok.Keys{handler: keys}, section: entry})
	if err != nil { // a value of more that JSON has no form for: told as a mistake at its place
		return []byte("handlers: " + fmt.Sprintf("%q", err.Error()))
	}
	return text
}
