package bigquery

import (
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/girok/girok/sink"
	"github.com/girok/girok/sink/sinktest"
)

// look gives what a look finds, a line each: its grade, ! if something is to be done,
// and the text.
func look(t testing.TB, yaml string) string {
	t.Helper()
	found, err := sinktest.Decode(t, Kind, yaml).(Config).Look(ctx, testEnv())
	if err != nil {
		found = append(found, sink.CouldNotLook(err))
	}
	var b strings.Builder
	for _, f := range found {
		do := ""
		if f.Remedy != "" {
			do = "!"
		}
		fmt.Fprintf(&b, "%s%s %s\n", f.Grade, do, f.Text)
	}
	return b.String()
}

func TestLook(t *testing.T) {
	f := fake(t)
	p := newPlace(f.REST(), f.GRPC())
	columns := "columns: {message: message, n: {from: attr.n, type: int}, at: {from: time, type: datetime}}\nrest: drop\n"
	for _, c := range []struct {
		name, fields, more, want string
	}{
		{"no table", "", "", "wrong! there is no table"},
		{"no table, create", "", "create: true\n", "note there is no table"},
		{"as it is wanted", "message STRING, n INT64, at DATETIME", "", "fine table `p." + p.dataset + ".logs` has the 3 columns"},
		{"a column lacks", "message STRING, n INT64", "", "wrong! table `p." + p.dataset + ".logs` lacks columns: at DATETIME"},
		{"a column is added", "message STRING, n INT64", "new_columns: add\n", "note table `p." + p.dataset + ".logs` lacks columns: at DATETIME; new_columns: add adds them"},
		{"another type", "message STRING, n STRING, at TIMESTAMP", "", "wrong! column at is TIMESTAMP, and takes no datetime"},
		{"converted", "message STRING, n STRING, at DATETIME", "", "note column n is STRING where int would be INT64"},
		{"required", "message STRING, n INT64, at DATETIME, must STRING REQUIRED", "", "wrong! column must must not be NULL"},
	} {
		p.call(t, http.MethodDelete, "datasets/"+p.dataset+"/tables/logs", nil, nil)
		if c.fields != "" {
			p.make(t, c.fields)
		}
		if got := look(t, p.keys()+columns+c.more); !strings.Contains(got, c.want) {
			t.Errorf("%s: got\n%swant %s", c.name, got, c.want)
		}
		if there := f.Table(project, p.dataset, "logs"); (there != nil) != (c.fields != "") {
			t.Errorf("%s: the look has changed something", c.name)
		}
	}
}

// make makes the table logs with columns as in SQL.
func (p *place) make(t testing.TB, columns string) {
	t.Helper()
	var list []field
	for column := range strings.SplitSeq(columns, ", ") {
		words := append(strings.Fields(column), "NULLABLE")
		list = append(list, field{Name: words[0], Type: words[1], Mode: words[2]})
	}
	p.call(t, http.MethodPost, "datasets", map[string]any{"datasetReference": map[string]string{"projectId": project, "datasetId": p.dataset}}, nil)
	if code := p.call(t, http.MethodPost, "datasets/"+p.dataset+"/tables", map[string]any{
		"tableReference": map[string]string{"projectId": project, "datasetId": p.dataset, "tableId": "logs"},
		"schema":         map[string]any{"fields": list},
	}, nil); code != http.StatusOK {
		t.Fatalf("the table was not made: %d", code)
	}
}

// TestLocalTimeIsNoTimestamp: a wall clock's number is not that of a moment.
func TestLocalTimeIsNoTimestamp(t *testing.T) {
	f, c := fakeClient(t, "columns: {message: message}\n")
	c.s.Close()
	c.p = newPlace(f.REST(), f.GRPC())
	c.p.make(t, "message STRING, at TIMESTAMP")
	c.open("columns: {message: message, at: {from: time, type: datetime}}\nrest: drop\n")
	if err := c.try(c.batch("a")); err == nil || !strings.Contains(err.Error(), "at: TIMESTAMP takes no datetime") {
		t.Errorf("got %v, and the rows %v", err, c.p.rows(t, "logs"))
	}
}

// TestLookWithoutRight: a key that is none is told, without its text.
func TestLookWithoutRight(t *testing.T) {
	f := fake(t)
	p := newPlace(f.REST(), f.GRPC())
	key := t.TempDir() + "/key.json"
	if err := os.WriteFile(key, []byte(`{"type": "secret"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	got := look(t, strings.Replace(p.keys(), "insecure: true", "key_file: "+key, 1))
	if !strings.HasPrefix(got, "wrong! ") || strings.Contains(got, "secret") {
		t.Errorf("got %s", got)
	}
}

// TestAddKeepsColumns: what a column has that girok knows nothing of is there after
// another one was added.
func TestAddKeepsColumns(t *testing.T) {
	f, c := fakeClient(t, "columns: {message: message}\nrest: drop\nnew_columns: add\n")
	path := "datasets/" + c.p.dataset + "/tables/logs"
	column := map[string]any{"name": "message", "type": "STRING", "maxLength": "10", "defaultValueExpression": "'x'", "policyTags": map[string]any{"names": []any{"tag"}}}
	if code := c.p.call(t, http.MethodPatch, path, map[string]any{"schema": map[string]any{"fields": []any{column}}}, nil); code != http.StatusOK {
		t.Fatal(code)
	}
	c.send(sinktest.Batch("warehouse", c.run.Part(sinktest.Log("a", slog.Int("n", 1)))))
	fields := f.Table(project, c.p.dataset, "logs").Resource["schema"].(map[string]any)["fields"].([]any)
	if len(fields) != 2 || !reflect.DeepEqual(fields[0], any(column)) {
		t.Errorf("the columns are now %v", fields)
	}
}
