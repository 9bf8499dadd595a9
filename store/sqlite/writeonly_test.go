package sqlite_test

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/girok/girok"
	"github.com/girok/girok/store/sqlite"
)

const writerYAML = `version: 1
service: shop
spool: {dir: %q}
handlers:
  table: {class: sqlite, path: %q, table: logs, create: true, rest: drop, columns: {message: message}, batch: {age: 10ms}}
root: {level: INFO, handlers: [table]}
`

// A program that only writes has no store at all; another one of the service, with
// no configuration of its own, delivers what it writes, while it lives and after.
func TestWriteOnly(t *testing.T) {
	dir := t.TempDir()
	spool, path := filepath.Join(dir, "spool"), filepath.Join(dir, "a.db")
	text := fmt.Appendf(nil, writerYAML, spool, path)
	writer, err := girok.OpenBytes("writer", text, girok.WriteOnly())
	if err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		writer.Logger("x").Info(fmt.Sprint("early ", i))
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	err = writer.Flush(ctx)
	cancel()
	if err == nil || !strings.Contains(err.Error(), "handler table") {
		t.Errorf("Flush, with nobody who delivers: %v", err)
	}
	deliverer, err := girok.OpenBytes("deliverer", fmt.Appendf(nil, "version: 1\nservice: shop\nspool: {dir: %q}\n", spool), sqlite.Kind, girok.Deliver())
	if err != nil {
		t.Fatal(err)
	}
	defer deliverer.Close()
	for i := range 100 {
		writer.Logger("x").Info(fmt.Sprint("late ", i))
	}
	ctx, cancel = context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if err := writer.Flush(ctx, "table"); err != nil {
		t.Error(err)
	}
	if err := writer.Flush(ctx, "tabel"); err == nil {
		t.Error("Flush of a handler that there is not")
	}
	writer.Logger("x").Info("last")
	if err := writer.Close(); err != nil {
		t.Error(err)
	}
	eventually(t, "the writer's run is drained and gone", func() bool {
		list, _ := filepath.Glob(filepath.Join(spool, "shop/runs/*"))
		return len(list) == 1
	})
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var n, distinct int
	if err := db.QueryRow("select count(*), count(distinct message) from logs").Scan(&n, &distinct); err != nil || n != 201 || distinct != 201 {
		t.Errorf("%d rows, %d of them different (%v)", n, distinct, err)
	}
}

// What a configuration says of a kind that is not there is taken as it is, but
// for what all handlers have in common; secrets stay references.
func TestWriteOnlyChecks(t *testing.T) {
	t.Setenv("SHOP_PASSWORD", "hunter2")
	dir := t.TempDir()
	text := func(handler string) []byte {
		return fmt.Appendf(nil, "version: 1\nservice: shop\nspool: {dir: %q, deliver: never}\nhandlers: {h: {%s}}\nroot: {handlers: [h]}\n", dir, handler)
	}
	for handler, want := range map[string]string{
		"class: bigquery, level: LOUD":         `"LOUD"`,
		"class: bigquery, accepts: [nonsense]": "nonsense",
	} {
		if _, err := girok.OpenBytes("c", text(handler)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", handler, err)
		}
	}
	logs, err := girok.OpenBytes("c", text(`class: postgres, table: "t_${SHOP_PASSWORD:-x}", password: "${SHOP_PASSWORD}"`))
	if err != nil {
		t.Fatal(err)
	}
	defer logs.Close()
	config := readFirst(t, filepath.Join(dir, "shop/runs/*/config"))
	if !strings.Contains(config, "t_hunter2") || strings.Count(config, "hunter2") != 1 || !strings.Contains(config, "${SHOP_PASSWORD}") {
		t.Errorf("the run says %s", config)
	}
}
