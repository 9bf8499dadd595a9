//go:build linux

// Command bigquery delivers records into a fake of BigQuery, and appends the same rows
// with Google's client, for bench to compare. GIROK_BENCH_REST and GIROK_BENCH_GRPC
// say where the fake is.
//
//	bigquery prepare DIR N   log N records for BigQuery and be killed
//	bigquery deliver DIR N   deliver them to the table p.ours.logs
//	bigquery watch DIR N     the same, and look often how far it is: for the clock, not for the CPU
//	bigquery append DIR N    append the rows of DIR/rows to p.theirs.logs, with managedwriter
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"cloud.google.com/go/bigquery/storage/managedwriter"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/girok/girok"
	"github.com/girok/girok/config"
	"github.com/girok/girok/sink"
	"github.com/girok/girok/sink/table"
	"github.com/girok/girok/store/bigquery"
)

const yaml = `version: 1
service: bench
timezone: UTC
spool: {dir: spool, max_bytes: 1GiB, require: true}
handlers:
  warehouse: {class: bigquery, endpoint: "${GIROK_BENCH_REST}", grpc_endpoint: "${GIROK_BENCH_GRPC}", insecure: true, table: p.ours.logs, create: true, batch: {records: 80000, bytes: 32MiB}}
root: {level: INFO, handlers: [warehouse]}
`

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bigquery:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 3 {
		return errors.New("want a command, a folder and a number")
	}
	n, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	switch args[0] {
	case "prepare":
		return prepare(args[1], n)
	case "deliver":
		return deliver(args[1], n, 250*time.Millisecond)
	case "watch":
		return deliver(args[1], n, 5*time.Millisecond)
	case "append":
		return appendRows(args[1], n)
	}
	return fmt.Errorf("unknown command %s", strings.Join(args, " "))
}

// shut is BigQuery as a destination that does not answer: records stay in the spool.
var shut = sink.Define("bigquery", "does not answer", sink.Offset, bigquery.Config{
	Config: table.DefaultConfig(), Batch: sink.Limits{Records: underWay * rowsPerAppend, Bytes: 32 << 20, Age: config.Duration(time.Second)},
	Partition: bigquery.Partition{Every: "day"},
}, func(ctx context.Context, _ sink.Env, _ bigquery.Config) (sink.Sink, error) {
	<-ctx.Done()
	return nil, ctx.Err()
})

var levels = []slog.Level{slog.LevelInfo, slog.LevelInfo, slog.LevelInfo, slog.LevelWarn}

func prepare(dir string, n int) error {
	path := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(path, []byte(yaml), 0o600); err != nil {
		return err
	}
	logs, err := girok.Open(path, shut)
	if err != nil {
		return err
	}
	log := logs.Logger("shop.orders")
	for i := range n {
		log.LogAttrs(context.Background(), levels[i%len(levels)], "order placed",
			slog.String("user", "user-"+strconv.Itoa(i%977)), slog.Int("order", i), slog.Float64("amount", float64(i)/7),
			slog.Bool("gift", i%3 == 0), slog.Duration("took", time.Duration(i)*time.Microsecond))
	}
	if n := logs.Lost(); n > 0 {
		return fmt.Errorf("%d records were lost", n)
	}
	return syscall.Kill(os.Getpid(), syscall.SIGKILL)
}

// deliver delivers n records, and looks every so often whether all are in.
func deliver(dir string, n int, every time.Duration) error {
	cpu, from := processCPU(), time.Now()
	logs, err := girok.Open(filepath.Join(dir, "config.yaml"), bigquery.Kind)
	if err != nil {
		return err
	}
	for delivered(logs) < n {
		if time.Since(from) > 5*time.Minute {
			return fmt.Errorf("%d of %d records after 5 minutes: %+v", delivered(logs), n, logs.Stats())
		}
		time.Sleep(every) // each look reads the headers of the segments
	}
	t := took{Wall: time.Since(from), CPU: processCPU() - cpu}
	if err := logs.Close(); err != nil {
		return err
	}
	return t.tell()
}

func delivered(logs *girok.Logs) (n int) {
	for _, s := range logs.Stats().Handlers {
		n += int(s.Records)
	}
	return n
}

// What both have: so many rows an append, and appends a batch, all under way at once.
const (
	rowsPerAppend = 10_000
	underWay      = 8
)

// kinds are the columns whose values are no text.
var kinds = map[string]descriptorpb.FieldDescriptorProto_Type{
	"created_at": descriptorpb.FieldDescriptorProto_TYPE_INT64, "severity": descriptorpb.FieldDescriptorProto_TYPE_INT64,
}

// columns are those of the table, in its order.
var columns = []string{
	"created_at", "level", "severity", "logger", "message", "attributes", "trace_id", "span_id", "source", "host", "service", "service_version", "record_id",
}

// row is a row with its values at hand; what is "" is NULL.
type row struct {
	createdAt, severity int64
	texts               [13]string
}

// encode is a row as a message: by hand, for a message that is filled by reflection
// takes many times as long.
func (r *row) encode() []byte {
	b := make([]byte, 0, 512)
	for i := range r.texts {
		n := protowire.Number(i + 1)
		switch i {
		case 0:
			b = protowire.AppendVarint(protowire.AppendTag(b, n, protowire.VarintType), uint64(r.createdAt))
		case 2:
			b = protowire.AppendVarint(protowire.AppendTag(b, n, protowire.VarintType), uint64(r.severity))
		default:
			if r.texts[i] != "" {
				b = protowire.AppendString(protowire.AppendTag(b, n, protowire.BytesType), r.texts[i])
			}
		}
	}
	return b
}

// appendRows appends rows to a committed stream with managedwriter, as many an append
// as girok, each at its offset, and as many appends before their answers are waited for.
// Timed is what makes and sends them: their values are there before.
func appendRows(dir string, n int) error {
	ctx := context.Background()
	cpu, from := processCPU(), time.Now()
	client, err := managedwriter.NewClient(ctx, "p", option.WithEndpoint(os.Getenv("GIROK_BENCH_GRPC")), option.WithoutAuthentication(),
		option.WithGRPCDialOption(grpc.WithTransportCredentials(insecure.NewCredentials())))
	if err != nil {
		return err
	}
	defer client.Close()
	shape := &descriptorpb.DescriptorProto{Name: proto.String("Row")}
	for i, name := range columns {
		typ := descriptorpb.FieldDescriptorProto_TYPE_STRING
		if k, ok := kinds[name]; ok {
			typ = k
		}
		shape.Field = append(shape.Field, &descriptorpb.FieldDescriptorProto{Name: proto.String(name), Number: proto.Int32(int32(i + 1)), Type: typ.Enum(),
			Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum()})
	}
	stream, err := client.NewManagedStream(ctx, managedwriter.WithDestinationTable("projects/p/datasets/theirs/tables/logs"),
		managedwriter.WithType(managedwriter.CommittedStream), managedwriter.WithSchemaDescriptor(shape))
	if err != nil {
		return err
	}
	defer stream.Close()
	t := took{CPU: processCPU() - cpu, Wall: time.Since(from)}
	f, err := os.Open(filepath.Join(dir, "rows"))
	if err != nil {
		return err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for at := 0; at < n; {
		rows, err := read(lines)
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			return fmt.Errorf("there are %d rows, want %d", at, n)
		}
		runtime.GC() // what reading left is not the append's to collect
		cpu, from := processCPU(), time.Now()
		var results []*managedwriter.AppendResult
		for rest := rows; len(rest) > 0; {
			some := rest[:min(rowsPerAppend, len(rest))]
			rest = rest[len(some):]
			data := make([][]byte, len(some))
			for i := range some {
				data[i] = some[i].encode()
			}
			result, err := stream.AppendRows(ctx, data, managedwriter.WithOffset(int64(at)))
			if err != nil {
				return err
			}
			results = append(results, result)
			at += len(some)
		}
		for _, r := range results {
			if _, err := r.GetResult(ctx); err != nil {
				return err
			}
		}
		t.CPU += processCPU() - cpu
		t.Wall += time.Since(from)
	}
	return t.tell()
}

// read reads the rows of one batch, each a JSON object of texts.
func read(lines *bufio.Scanner) (rows []row, err error) {
	for len(rows) < underWay*rowsPerAppend && lines.Scan() {
		var values map[string]string
		if err := json.Unmarshal(lines.Bytes(), &values); err != nil {
			return nil, err
		}
		var r row
		for i, name := range columns {
			r.texts[i] = values[name]
		}
		if r.createdAt, err = strconv.ParseInt(values["created_at"], 10, 64); err != nil {
			return nil, err
		}
		if r.severity, err = strconv.ParseInt(values["severity"], 10, 64); err != nil {
			return nil, err
		}
		rows = append(rows, r)
	}
	return rows, lines.Err()
}

// took is what is told on standard output.
type took struct {
	Wall time.Duration `json:"wall_ns"`
	CPU  time.Duration `json:"cpu_ns"`
}

func (t took) tell() error { return json.NewEncoder(os.Stdout).Encode(t) }

func processCPU() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
