//go:build unix

package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
	"github.com/girok/girok/sink/sinktest"
)

// The two benchmarks are fair to each other: the same driver, settings, table,
// index and rows, the same number of rows a statement and a transaction, times
// that go on from batch to batch. What BenchmarkWrite does more is to read
// frames, map them and move the position. BenchmarkPlainInsert has its values
// ready, as a program has that inserts what it knows, and uses database/sql.
// Compare rows/cpu-s: wall time moves with what else the machine does.
const benchRows = 5000

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
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	b.ReportAllocs()
	before := cpu(b)
	b.ResetTimer()
	for _, batch := range batches {
		if err := s.Write(ctx, batch); err != nil {
			b.Fatal(err)
		}
	}
	reportCPU(b, before)
}

func BenchmarkPlainInsert(b *testing.B) {
	q := settings(true, false)
	q.Set("_txlock", "immediate")
	db, err := sql.Open("sqlite", "file:"+filepath.Join(b.TempDir(), "a.db")+"?"+q.Encode())
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	c := sinktest.Decode(b, Kind, "path: x\ntable: logs\n").(Config)
	for _, ddl := range statements(c, time.UTC) {
		if _, err := db.Exec(ddl); err != nil {
			b.Fatal(err)
		}
	}
	stmt, err := db.Prepare("insert into logs (created_at, level, severity, logger, message, attributes, trace_id, span_id, source, host, service, service_version, record_id) values " +
		strings.Repeat(", (?"+strings.Repeat(", ?", plainColumns-1)+")", rowsPerStatement)[2:])
	if err != nil {
		b.Fatal(err)
	}
	rows := plainRows(b.N * benchRows)
	b.ReportAllocs()
	before := cpu(b)
	b.ResetTimer()
	for n := range b.N {
		if err := plainInsert(db, stmt, rows[n*benchRows:(n+1)*benchRows]); err != nil {
			b.Fatal(err)
		}
	}
	reportCPU(b, before)
}

const plainColumns = 13

func plainInsert(db *sql.DB, stmt *sql.Stmt, rows []plainRow) error {
	tx, err := db.Begin()
	if err != nil {
		return err
	}
	in := tx.Stmt(stmt)
	args := make([]any, 0, plainColumns*rowsPerStatement)
	for at := 0; at < len(rows); at += rowsPerStatement {
		args = args[:0]
		for _, r := range rows[at : at+rowsPerStatement] {
			args = append(args, r.created, r.level, r.severity, r.logger, r.message, r.attributes, r.trace, r.span,
				nil, r.host, r.service, r.version, r.id)
		}
		if _, err := in.Exec(args...); err != nil {
			return err
		}
	}
	return tx.Commit()
}

type plainRow struct {
	created, level                          string
	severity                                int64
	logger, message, attributes             string
	trace, span, host, service, version, id string
}

func plainRows(n int) []plainRow {
	rows := make([]plainRow, n)
	for i := range rows {
		r := benchRecord(i)
		rows[i] = plainRow{
			r.Time.Format("2006-01-02T15:04:05.000000Z"), r.Level.String(), int64(r.Level.Severity()), r.Logger, r.Message,
			fmt.Sprintf(`{"status":200,"duration_ms":%v,"path":"/v1/masks/classify","user":"user-%d"}`, float64(i)/7, i%977),
			fmt.Sprintf("%032x", i), fmt.Sprintf("%016x", i), "here", "sinktest", "1.2.3", fmt.Sprintf("01M8A6JP8BW3KPW8YT%08d", i),
		}
	}
	return rows
}
