package spool

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/girok/girok/record"
)

// The bytes in testdata/python.json are made here and by the Python package: each
// of the two tests holds its side to them.
func TestPythonVectors(t *testing.T) {
	e := record.NewEncoder(nil)
	defer e.Release()
	begin := func(level record.Level, logger, message string, line int) {
		e.Begin(&record.Header{Mask: 5, Level: level, Time: time.Unix(1_700_000_000, 250_000_000), Logger: logger, Message: message})
		e.Caller(record.EncodeCaller(record.Caller{File: "/srv/cart.py", Function: "add", Line: line}))
	}
	got := map[string]string{}
	begin(30, "shop.cart", "added 2", 300)
	got["plain"] = hex.EncodeToString(e.Finish())

	begin(20, "MLLogger", "값 é", 7)
	seoul := time.FixedZone("", 9*3600)
	for _, a := range []slog.Attr{
		slog.Any("none", nil), slog.Bool("no", false), slog.Bool("yes", true), slog.Int("zero", 0), slog.Int("minus", -2),
		slog.Int64("least", -1<<63), slog.Int64("most", 1<<63-1), slog.Uint64("unsigned", 1<<64-1), slog.Float64("half", 0.5),
		slog.String("text", "日本\n"), slog.Any("bytes", []byte{0, 255}), slog.Time("when", time.Date(2026, 11, 26, 1, 2, 3, 456_789_000, seoul)),
		slog.Time("before", time.Date(1969, 12, 31, 23, 59, 58, 500_000_000, time.FixedZone("", -3*3600-1800))),
		slog.Duration("took", -1500*time.Millisecond), slog.Any("price", json.RawMessage("1.10")),
		slog.Any("list", json.RawMessage(`[1,"x",{"a":2.50}]`)),
		slog.Any("error", errors.New("ValueError: no")),
	} {
		e.Attr(a)
	}
	e.Attr(slog.Group("user", slog.String("name", "Ann"), slog.Group("is", slog.Bool("vip", true))))
	payload := e.Finish()
	got["typed"] = hex.EncodeToString(payload)

	f := newFile(1, 0, 8<<20)
	f.h.checksum, f.h.salt = crc32ieee, 0x0123456789abcdef
	f.h.encode(f.b)
	copy(f.b, segmentMagic[:])
	got["header"] = hex.EncodeToString(f.b[:headerUsed])
	at := f.n
	f.add(payload)
	got["frame"] = hex.EncodeToString(f.b[at:f.n])

	dir := t.TempDir()
	counters, err := createCounters(f.h.run, dir)
	must(t, err)
	counters.raise(bellOffset, bellQuiet)
	counters.setLimit(1 << 30)
	page, err := os.ReadFile(filepath.Join(dir, countersFile))
	must(t, err)
	got["counters"] = hex.EncodeToString(page[:bellOffset+8])

	path := filepath.Join("testdata", "python.json")
	if *update {
		text, err := json.MarshalIndent(got, "", "\t")
		must(t, err, os.WriteFile(path, append(text, '\n'), 0o644))
	}
	text, err := os.ReadFile(path)
	must(t, err)
	want := map[string]string{}
	must(t, json.Unmarshal(text, &want))
	for name := range want {
		if got[name] != want[name] {
			t.Errorf("%s: the format changed:\n%s\nwant\n%s", name, got[name], want[name])
		}
	}
	if len(want) != len(got) {
		t.Errorf("%d vectors, want %d", len(want), len(got))
	}
}
