//go:build unix

package postgres

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
	"github.com/girok/girok/sink/sinktest"
	"github.com/girok/girok/sink/table"
)

const benchRows = 10_000

// benchBatch is a batch of benchRows records as most programs log them.
func benchBatch() *sink.Batch {
	records := make([]sinktest.Record, benchRows)
	for i := range records {
		r := sinktest.Log("order placed",
			slog.String("user", fmt.Sprint("user-", i%977)), slog.Int("order", i), slog.Float64("amount", float64(i)/7),
			slog.Bool("gift", i%3 == 0), slog.Duration("took", time.Duration(i)*time.Microsecond))
		r.Level = []record.Level{record.Info, record.Info, record.Info, record.Warning}[i%4]
		r.Time = sinktest.At.Add(time.Duration(i) * time.Microsecond)
		records[i] = r
	}
	return sinktest.Batch("warehouse", sinktest.NewRun(1).Part(records...))
}

// BenchmarkRows makes the bytes of a COPY, a row an operation. No server has a
// part in it.
func BenchmarkRows(b *testing.B) {
	c := sinktest.Decode(b, Kind, "host: h\ndatabase: d\ntable: logs\n").(Config)
	m := table.NewMapper(&c.Config, table.Options{})
	t := &tables{table: "logs"}
	for _, col := range m.Columns() {
		t.there = append(t.there, there{name: col.Name, oid: oidOf[col.Type.Type]})
	}
	if err := t.aim(m); err != nil {
		b.Fatal(err)
	}
	batch, room, p := benchBatch(), []byte(nil), make([]byte, 64<<10)
	b.ReportAllocs()
	b.ResetTimer()
	for made := 0; made < b.N; made += benchRows {
		r := newRows(context.Background(), t, batch, nil, room)
		for {
			_, err := r.Read(p)
			if err == io.EOF {
				break
			}
			if err != nil {
				b.Fatal(err)
			}
		}
		room = r.end()
	}
}

// oidOf is what `create: true` makes of a type.
var oidOf = map[table.Type]uint32{
	table.String: oidText, table.Int: oidInt8, table.Float: oidFloat8, table.Bool: oidBool,
	table.Timestamp: oidTimestamptz, table.DateTime: oidTimestamp, table.Date: oidDate, table.JSON: oidJSONB, table.Bytes: oidBytea,
}
