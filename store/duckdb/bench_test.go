//go:build cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64)

package duckdb

import (
	"context"
	sqldriver "database/sql/driver"
	"encoding/json"
	"fmt"
	"log/slog"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	driver "github.com/duckdb/duckdb-go/v2"

	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
	"github.com/girok/girok/sink/sinktest"
)

// The two benchmarks are fair to each other: the same DuckDB, table and rows, the
// same number of rows a transaction, times that go on from batch to batch. What
// BenchmarkWrite does more is to read frames, map them and move the position.
// BenchmarkAppender has its values ready, as a program has that appends what it
// knows with the Appender of Go's driver. Compare rows/cpu-s: wall time moves
// with what else the machine does.
const benchRows = 100_000

// benchRecord is record i of all batches.
func benchRecord(i int) sinktest.Record {
	r := sinktest.Log("request served",
		slog.String("trace_id", fmt.Sprintf("%032x", i)), slog.String("span_id", fmt.Sprintf("%016x", i)),
		slog.Int("status", 200), slog.Float64("duration_ms", float64(i)/7), slog.String("path", "/v1/masks/classify"),
		slog.String("user", fmt.Sprint("user-", i%977)))
	r.Level = []record.Level{record.Info, record.Info, record.Info, record.Warning}[i%4]
	r.Time = sinktest.At.Add(time.Duration(i) * time.Millisecond)
	return r
}

func reportCPU(b *testing.B, before time.Duration) {
	b.StopTimer()
	b.ReportMetric(float64(benchRows*b.N)/(cpu(b)-before).Seconds(), "rows/cpu-s")
}

func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func BenchmarkWrite(b *testing.B) {
	s, r, _ := opened(b, "")
	batches := make([]*sink.Batch, b.N)
	for n := range batches {
		records := make([]sinktest.Record, benchRows)
		for i := range records {
			records[i] = benchRecord(n*benchRows + i)
		}
		batches[n] = sinktest.Batch("warehouse", r.Part(records...))
	}
	b.ReportAllocs()
	before := cpu(b)
	b.ResetTimer()
	for _, batch := range batches {
		if err := s.Write(context.Background(), batch); err != nil {
			b.Fatal(err)
		}
	}
	reportCPU(b, before)
}

func BenchmarkAppender(b *testing.B) {
	c, err := driver.NewConnector(filepath.Join(b.TempDir(), "a.duckdb"), nil)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	opened, err := c.Connect(ctx)
	if err != nil {
		b.Fatal(err)
	}
	defer opened.Close()
	conn := opened.(*driver.Conn)
	for _, ddl := range statements(sinktest.Decode(b, Kind, "path: x\ntable: logs\n").(Config), time.UTC) {
		if _, err := conn.ExecContext(ctx, ddl, nil); err != nil {
			b.Fatal(err)
		}
	}
	rows := make([]plainRow, b.N*benchRows)
	for i := range rows {
		rows[i] = newPlainRow(i)
	}
	b.ReportAllocs()
	before := cpu(b)
	b.ResetTimer()
	for n := range b.N {
		if err := plainAppend(conn, rows[n*benchRows:(n+1)*benchRows]); err != nil {
			b.Fatal(err)
		}
	}
	reportCPU(b, before)
}

func plainAppend(conn *driver.Conn, rows []plainRow) error {
	tx, err := conn.BeginTx(ctx, sqlTx)
	if err != nil {
		return err
	}
	a, err := driver.NewAppenderFromConn(conn, "", "logs")
	if err != nil {
		return err
	}
	for i := range rows {
		r := &rows[i]
		if err := a.AppendRow(r.created, r.level, r.severity, r.logger, r.message, r.attributes, r.trace, r.span,
			nil, r.host, r.service, r.version, r.id); err != nil {
			return err
		}
	}
	if err := a.Close(); err != nil {
		return err
	}
	return tx.Commit()
}

var sqlTx sqldriver.TxOptions

type plainRow struct {
	created                                 time.Time
	level                                   string
	severity                                int64
	logger, message                         string
	attributes                              json.RawMessage
	trace, span, host, service, version, id string
}

func newPlainRow(i int) plainRow {
	r := benchRecord(i)
	return plainRow{
		r.Time, r.Level.String(), int64(r.Level.Severity()), r.Logger, r.Message,
		fmt.Appendf(nil, `{"status":200,"duration_ms":%v,"path":"/v1/masks/classify","user":"user-%d"}`, float64(i)/7, i%977),
		fmt.Sprintf("%032x", i), fmt.Sprintf("%016x", i), "here", "sinktest", "1.2.3", fmt.Sprintf("01M8A6JP8BW3KPW8YT%08d", i),
	}
}
