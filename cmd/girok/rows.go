package main

import (
	"bytes"
	"encoding/base64"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
)

// rowWriter writes the rows of an answer.
type rowWriter interface {
	row(values []any) error
	end() error
}

// writers are the formats of girok query.
var writers = map[string]func(w io.Writer, columns []sink.Column) rowWriter{
	"table": func(w io.Writer, columns []sink.Column) rowWriter {
		return &tableWriter{table: newTable(w, columnNames(columns)...)}
	},
	"csv":  func(w io.Writer, columns []sink.Column) rowWriter { return newCSV(w, columnNames(columns)) },
	"json": func(w io.Writer, columns []sink.Column) rowWriter { return &jsonWriter{w: w, columns: columns} },
}

func columnNames(columns []sink.Column) []string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.Name
	}
	return names
}

// cell is a value as text.
func cell(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case []byte:
		return base64.StdEncoding.EncodeToString(v)
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	case time.Time:
		return v.Format(time.RFC3339Nano)
	}
	return fmt.Sprint(v)
}

// table lines columns up. It holds all rows until the end.
type table struct {
	w      io.Writer
	rows   [][]string
	widths []int
	right  []bool // every value of the column is a number
}

func newTable(w io.Writer, columns ...string) *table {
	t := &table{w: w, widths: make([]int, len(columns)), right: make([]bool, len(columns))}
	for i := range t.right {
		t.right[i] = true
	}
	t.add(columns)
	return t
}

// add takes a row of texts; line breaks and other controls are escaped, so that
// a row is a line.
func (t *table) add(cells []string) {
	row := make([]string, len(cells))
	for i, c := range cells {
		row[i] = plain(c)
		t.widths[i] = max(t.widths[i], utf8.RuneCountInString(row[i]))
		if len(t.rows) > 0 && row[i] != "" {
			_, err := strconv.ParseFloat(row[i], 64)
			t.right[i] = t.right[i] && err == nil
		}
	}
	t.rows = append(t.rows, row)
}

// flushRows writes the rows without the names of the columns.
func (t *table) flushRows() error {
	t.rows = t.rows[1:]
	return t.flush()
}

func (t *table) flush() error {
	var b strings.Builder
	for _, row := range t.rows {
		line := ""
		for i, c := range row {
			pad := strings.Repeat(" ", t.widths[i]-utf8.RuneCountInString(c))
			if i > 0 {
				line += "  "
			}
			if t.right[i] && len(t.rows) > 1 {
				line += pad + c
			} else {
				line += c + pad
			}
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	_, err := io.WriteString(t.w, b.String())
	return err
}

// plain escapes what would break a line or a terminal.
func plain(s string) string {
	if !strings.ContainsFunc(s, isControl) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if isControl(r) {
			q := strconv.QuoteRune(r)
			b.WriteString(q[1 : len(q)-1])
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

func isControl(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 }

type tableWriter struct{ table *table }

func (t *tableWriter) row(values []any) error {
	cells := make([]string, len(values))
	for i, v := range values {
		if cells[i] = cell(v); v == nil {
			cells[i] = "NULL"
		}
	}
	t.table.add(cells)
	return nil
}

func (t *tableWriter) end() error { return t.table.flush() }

type csvWriter struct{ w *csv.Writer }

func newCSV(w io.Writer, columns []string) rowWriter {
	c := &csvWriter{csv.NewWriter(w)}
	_ = c.w.Write(columns) // its error comes again with Flush
	return c
}

func (c *csvWriter) row(values []any) error {
	cells := make([]string, len(values))
	for i, v := range values {
		cells[i] = cell(v)
	}
	return c.w.Write(cells)
}

func (c *csvWriter) end() error {
	c.w.Flush()
	return c.w.Error()
}

// jsonWriter writes an array, an object a line, its keys in the order of the
// columns.
type jsonWriter struct {
	w       io.Writer
	columns []sink.Column
	n       int
}

func (j *jsonWriter) row(values []any) error {
	b := []byte("[\n")
	if j.n > 0 {
		b = []byte(",\n")
	}
	j.n++
	b = append(b, '{')
	for i, v := range values {
		if i > 0 {
			b = append(b, ',')
		}
		b = record.AppendJSONString(b, j.columns[i].Name)
		b = append(b, ':')
		var err error
		if b, err = appendJSONValue(b, v, j.columns[i].JSON); err != nil {
			return err
		}
	}
	_, err := j.w.Write(append(b, '}'))
	return err
}

// appendJSONValue appends one value; a text that is JSON as what it says.
func appendJSONValue(b []byte, v any, isJSON bool) ([]byte, error) {
	switch v := v.(type) {
	case string:
		var text bytes.Buffer
		if isJSON && json.Compact(&text, []byte(v)) == nil { // on one line, as the row is
			return append(b, text.Bytes()...), nil
		}
		return record.AppendJSONString(b, v), nil
	case float64:
		return record.AppendJSONFloat(b, v), nil
	}
	text, err := json.Marshal(v)
	return append(b, text...), err
}

func (j *jsonWriter) end() error {
	text := "\n]\n"
	if j.n == 0 {
		text = "[]\n"
	}
	_, err := io.WriteString(j.w, text)
	return err
}
