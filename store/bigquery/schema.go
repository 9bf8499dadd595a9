package bigquery

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/girok/girok/sink"
	"github.com/girok/girok/sink/table"
)

// field is a column of a table, as the REST API has it.
type field struct {
	Name        string  `json:"name"`
	Type        string  `json:"type"`
	Mode        string  `json:"mode,omitempty"`
	Precision   string  `json:"precision,omitempty"`
	Scale       string  `json:"scale,omitempty"`
	Description string  `json:"description,omitempty"`
	Fields      []field `json:"fields,omitempty"`
}

// there is what is known of the table.
type there struct {
	fields   []field
	location string // where it lies
}

// named is the column of this name, in any case of letters: BigQuery makes none.
func (t *there) named(name string) (field, bool) {
	for _, f := range t.fields {
		if strings.EqualFold(f.Name, name) {
			return f, true
		}
	}
	return field{}, false
}

func (t *there) columns() []table.Column {
	cols := make([]table.Column, len(t.fields))
	for i, f := range t.fields {
		cols[i] = table.Column{Name: f.Name, Type: f.like()}
	}
	return cols
}

// like is the type of the list of types that a column's is like.
func (f *field) like() table.ColumnType {
	switch f.Type {
	case "INTEGER", "INT64":
		return table.ColumnType{Type: table.Int}
	case "FLOAT", "FLOAT64":
		return table.ColumnType{Type: table.Float}
	case "BOOLEAN", "BOOL":
		return table.ColumnType{Type: table.Bool}
	case "TIMESTAMP":
		return table.ColumnType{Type: table.Timestamp}
	case "DATETIME":
		return table.ColumnType{Type: table.DateTime}
	case "DATE":
		return table.ColumnType{Type: table.Date}
	case "JSON":
		return table.ColumnType{Type: table.JSON}
	case "BYTES":
		return table.ColumnType{Type: table.Bytes}
	case "NUMERIC":
		return table.ColumnType{Type: table.Decimal, Precision: 38, Scale: 9}
	case "BIGNUMERIC":
		return table.ColumnType{Type: table.Decimal, Precision: 38, Scale: 38}
	}
	return table.ColumnType{Type: table.String}
}

// takes reports whether a value's number is right as it is for a column that takes a
// number. A wall clock's is not that of a moment.
func (f *field) takes(v table.Type) bool { return v == f.like().Type }

func (f *field) misfit(v *table.Value) error {
	return fmt.Errorf("column %s: %s takes no %s", f.Name, f.Type, v.Type)
}

// declared is the type of a column that is made.
func declared(t table.ColumnType) string {
	switch t.Type {
	case table.Int:
		return "INT64"
	case table.Float:
		return "FLOAT64"
	case table.Decimal:
		if t.Scale > 9 || t.Precision-t.Scale > 29 {
			return "BIGNUMERIC"
		}
		return "NUMERIC"
	case table.Bool:
		return "BOOL"
	case table.Timestamp:
		return "TIMESTAMP"
	case table.DateTime:
		return "DATETIME"
	case table.Date:
		return "DATE"
	case table.JSON:
		return "JSON"
	case table.Bytes:
		return "BYTES"
	}
	return "STRING"
}

// look reads the table, makes it if it may and it is not there, and makes the wire
// for its columns.
func (s *store) look(ctx context.Context) error {
	t, err := s.get(ctx)
	if isCode(err, http.StatusNotFound) {
		if !s.config.Create {
			return &sink.Refused{Err: fmt.Errorf("there is no table %s that girok may see", s.ref.sql()), Remedy: "create: true makes it, or run:\n" + s.ddl()}
		}
		if err = s.make(ctx); err == nil {
			t, err = s.get(ctx)
		}
	}
	if err != nil {
		return err
	}
	s.mapper.Existing(t.columns())
	w, missing := newWire(s.mapper, t)
	if len(missing) > 0 {
		if s.config.NewColumns != "add" {
			names := make([]string, len(missing))
			for i, c := range missing {
				names[i] = c.Name
			}
			return &sink.Refused{
				Err:    fmt.Errorf("the table %s lacks columns: %s", s.ref.sql(), strings.Join(names, ", ")),
				Remedy: "new_columns: add adds them, or run:\n" + s.alteration(missing) + ";\n",
			}
		}
		if err := s.add(ctx, missing); err != nil {
			return err
		}
		if t, err = s.get(ctx); err != nil {
			return err
		}
		if w, missing = newWire(s.mapper, t); len(missing) > 0 {
			return fmt.Errorf("BigQuery: column %s was added and is not there yet", missing[0].Name)
		}
	}
	s.there, s.wire = t, w
	return nil
}

func (s *store) get(ctx context.Context) (*there, error) {
	var out struct {
		Schema struct {
			Fields []field `json:"fields"`
		} `json:"schema"`
		Location string `json:"location"`
	}
	err := s.call(ctx, http.MethodGet, s.ref.path(), nil, &out)
	return &there{out.Schema.Fields, out.Location}, err
}

// make makes the dataset and the table, and a view of how many records there are a
// day.
func (s *store) make(ctx context.Context) error {
	dataset := "projects/" + s.ref.project + "/datasets"
	if err := s.call(ctx, http.MethodGet, dataset+"/"+s.ref.dataset, nil, nil); isCode(err, http.StatusNotFound) {
		in := map[string]any{"datasetReference": map[string]string{"projectId": s.ref.project, "datasetId": s.ref.dataset}}
		if s.config.Region != "" {
			in["location"] = s.config.Region
		}
		if err := s.call(ctx, http.MethodPost, dataset, in, nil); err != nil && !isCode(err, http.StatusConflict) {
			return err
		}
	} else if err != nil {
		return err
	}
	tables := dataset + "/" + s.ref.dataset + "/tables"
	if err := s.call(ctx, http.MethodPost, tables, s.table(), nil); err != nil && !isCode(err, http.StatusConflict) {
		return err
	}
	if view := s.daily(); view != "" {
		in := map[string]any{
			"tableReference": map[string]string{"projectId": s.ref.project, "datasetId": s.ref.dataset, "tableId": s.ref.table + "_daily"},
			"view":           map[string]any{"query": view, "useLegacySql": false},
		}
		if err := s.call(ctx, http.MethodPost, tables, in, nil); err != nil && !isCode(err, http.StatusConflict) {
			return err
		}
	}
	return nil
}

// table is the table that create: true makes, as tables.insert takes it.
func (s *store) table() map[string]any {
	var fields []field
	for _, c := range s.mapper.Columns() {
		fields = append(fields, newField(c))
	}
	in := map[string]any{
		"tableReference": map[string]string{"projectId": s.ref.project, "datasetId": s.ref.dataset, "tableId": s.ref.table},
		"schema":         map[string]any{"fields": fields},
	}
	if s.config.Description != "" {
		in["description"] = s.config.Description
	}
	if p := s.config.Partition; p.By != "" {
		part := map[string]any{"type": strings.ToUpper(p.Every), "field": p.By}
		if p.Expire > 0 {
			part["expirationMs"] = fmt.Sprint(time.Duration(p.Expire).Milliseconds())
		}
		in["timePartitioning"] = part
	}
	if len(s.config.Cluster) > 0 {
		in["clustering"] = map[string]any{"fields": s.config.Cluster}
	}
	return in
}

func newField(c table.Column) field {
	f := field{Name: c.Name, Type: declared(c.Type), Mode: "NULLABLE"}
	if c.Type.Type == table.Decimal {
		f.Precision, f.Scale = fmt.Sprint(c.Type.Precision), fmt.Sprint(c.Type.Scale)
	}
	return f
}

// ddl is the same as SQL, for whoever makes it by hand.
func (s *store) ddl() string { return s.config.ddl(s.ref) }

// DDL is what `create: true` does, as SQL.
func (c Config) DDL(sink.Env) string { return c.ddl(c.reference()) }

func (c Config) ddl(r reference) string {
	var cols []string
	for _, col := range c.List() {
		decl := declared(col.Type)
		if col.Type.Type == table.Decimal {
			decl += fmt.Sprintf("(%d, %d)", col.Type.Precision, col.Type.Scale)
		}
		cols = append(cols, "  "+quote(col.Name)+" "+decl)
	}
	sql := "CREATE TABLE IF NOT EXISTS " + r.sql() + " (\n" + strings.Join(cols, ",\n") + "\n)"
	if p := c.Partition; p.By != "" {
		sql += "\nPARTITION BY " + c.partitionSQL()
	}
	if len(c.Cluster) > 0 {
		sql += "\nCLUSTER BY " + strings.Join(c.Cluster, ", ")
	}
	var options []string
	if c.Description != "" {
		options = append(options, fmt.Sprintf("description = %q", c.Description))
	}
	if c.Partition.By != "" && c.Partition.Expire > 0 {
		options = append(options, fmt.Sprintf("partition_expiration_days = %g", time.Duration(c.Partition.Expire).Hours()/24))
	}
	if len(options) > 0 {
		sql += "\nOPTIONS (" + strings.Join(options, ", ") + ")"
	}
	return sql + ";\n"
}

func (c Config) partitionSQL() string {
	by, every := quote(c.Partition.By), strings.ToUpper(c.Partition.Every)
	switch t := c.typeOf(c.Partition.By); {
	case t == table.Date && every == "DAY":
		return by
	case t == table.Date:
		return "DATE_TRUNC(" + by + ", " + every + ")"
	case t == table.DateTime:
		return "DATETIME_TRUNC(" + by + ", " + every + ")"
	}
	return "TIMESTAMP_TRUNC(" + by + ", " + every + ")"
}

// daily is a view of how many records there are a day, level and logger; "" without a
// column for the record's time.
func (s *store) daily() string {
	at := s.config.TimeColumn()
	if at == "" {
		return ""
	}
	zone := s.config.Location(s.env.Location).String()
	if _, err := time.LoadLocation(zone); err != nil || zone == "Local" {
		zone = "UTC"
	}
	cols, group := []string{fmt.Sprintf("DATE(%s, '%s') AS day", quote(at), zone)}, "1"
	for _, c := range []struct{ name, as string }{{s.config.LevelColumn(), "level"}, {s.config.LoggerColumn(), "logger"}} {
		if c.name != "" {
			cols = append(cols, quote(c.name)+" AS "+c.as)
			group += fmt.Sprint(", ", len(cols))
		}
	}
	return "SELECT " + strings.Join(cols, ", ") + ", COUNT(*) AS records FROM " + s.ref.sql() + " GROUP BY " + group
}

func quote(name string) string { return "`" + strings.ReplaceAll(name, "`", "") + "`" }

func (s *store) alteration(cols []table.Column) string {
	list := make([]string, len(cols))
	for i, c := range cols {
		list[i] = "ADD COLUMN IF NOT EXISTS " + quote(c.Name) + " " + declared(c.Type)
	}
	return "ALTER TABLE " + s.ref.sql() + " " + strings.Join(list, ", ")
}

// add adds columns: the table gets the list of before with these at its end, unless
// somebody else has changed it meanwhile. What a column of before has stays as it is,
// also what girok knows nothing of.
func (s *store) add(ctx context.Context, cols []table.Column) error {
	for try := 0; ; try++ {
		var now struct {
			Etag   string `json:"etag"`
			Schema struct {
				Fields []json.RawMessage `json:"fields"`
			} `json:"schema"`
		}
		if err := s.call(ctx, http.MethodGet, s.ref.path(), nil, &now); err != nil {
			return err
		}
		list := now.Schema.Fields
		before := there{fields: make([]field, len(list))}
		for i := range list {
			if err := json.Unmarshal(list[i], &before.fields[i]); err != nil {
				return err
			}
		}
		for _, c := range cols {
			if _, ok := before.named(c.Name); ok {
				continue
			}
			text, err := json.Marshal(newField(c))
			if err != nil {
				return err
			}
			list = append(list, text)
		}
		if len(list) == len(before.fields) {
			return nil
		}
		in := map[string]any{"schema": map[string]any{"fields": list}}
		err := s.callIf(ctx, http.MethodPatch, s.ref.path(), now.Etag, in, nil)
		if try == 3 || !isCode(err, http.StatusPreconditionFailed) {
			return err
		}
	}
}

// grow adds the columns that a batch needs. A connection knows the columns that it
// began with, so it is given up then.
func (s *store) grow(ctx context.Context, b *sink.Batch) error {
	before := len(s.mapper.Columns())
	if cols := s.mapper.Discover(b); len(cols) > 0 {
		if err := s.add(ctx, cols); err != nil {
			return err
		}
		s.mapper.Add(cols)
	}
	if len(s.mapper.Columns()) == before {
		return nil
	}
	s.leave()
	return s.look(ctx)
}
