package sqlite

import (
	"context"
	"database/sql/driver"
	"strings"
	"unsafe"

	"github.com/girok/girok/sink"
	"github.com/girok/girok/sink/table"
)

// rows collects the rows of one statement and inserts them.
type rows struct {
	db      *db
	into    string // the statements up to the values
	columns int    // of the statements
	many    statement
	alike   statement // as many, where some columns have one value for all rows
	one     statement

	seen  alikeness // of all statements since it was last asked
	since int       // how many those were

	values []table.Value // of the rows collected
	index  []int         // of each row in the batch
	text   []byte        // of times
}

// rowsPerStatement: 10, 25 and 50 differ by less than the measurement does (13
// columns, 5,000 rows a batch); 5 is a tenth slower.
const rowsPerStatement = 25

// maxVariables is SQLite's limit of arguments in a statement.
const maxVariables = 32766

func (r *rows) full() bool { return len(r.index) >= r.perStatement() }

func (r *rows) perStatement() int {
	return max(1, min(rowsPerStatement, maxVariables/max(1, r.columns)))
}

func (r *rows) reset() {
	r.values, r.index, r.text = r.values[:0], r.index[:0], r.text[:0]
}

// forget closes the statements.
func (r *rows) forget() {
	for _, s := range []*statement{&r.many, &r.alike, &r.one} {
		s.close()
	}
	r.columns = 0
}

// prepare makes the statements if they are not there for these columns.
func (r *rows) prepare(d *db, name string, cols []table.Column) error {
	if r.columns == len(cols) {
		return nil
	}
	r.forget()
	names := make([]string, len(cols))
	for i, c := range cols {
		names[i] = quote(c.Name)
	}
	r.db, r.into, r.columns = d, "insert into "+quote(name)+" ("+strings.Join(names, ", ")+") values ", len(cols)
	r.seen, r.since = all, patience-1
	err := r.one.prepare(r, 1, alikeness{})
	if err == nil {
		err = r.many.prepare(r, r.perStatement(), alikeness{})
	}
	if err != nil {
		r.forget()
	}
	return err
}

// add maps record i of b. A row that can't be mapped is left out.
func (r *rows) add(m *table.Mapper, b *sink.Batch, i int) error {
	n := len(r.values)
	values, err := m.Row(b, i, r.values)
	if err != nil {
		r.values = values[:n]
		return err
	}
	r.values, r.index = values, append(r.index, i)
	return nil
}

// flush inserts what was collected. If the rows of a statement break a
// constraint, each is inserted alone and those that do are returned.
func (r *rows) flush() (bad []sink.RowError, err error) {
	if len(r.index) == 0 {
		return nil, nil
	}
	if r.full() && r.perStatement() > 1 {
		s, err := r.widest()
		if err == nil {
			err = r.exec(s, r.values)
		}
		if !rejects(err) {
			return nil, err
		}
	}
	for k, i := range r.index {
		err := r.exec(&r.one, r.values[k*r.columns:(k+1)*r.columns])
		if rejects(err) {
			bad = append(bad, sink.RowError{Index: i, Reason: err.Error()})
		} else if err != nil {
			return nil, err
		}
	}
	return bad, nil
}

func (r *rows) exec(s *statement, values []table.Value) error {
	i := 0
	for _, c := range s.first {
		s.set(i, &values[c], r)
		i++
	}
	for row := r.columns; row < len(values); row += r.columns {
		for _, c := range s.more {
			s.set(i, &values[row+c], r)
			i++
		}
	}
	// The context of the batch is looked at between statements: given one that
	// can be cancelled, the driver makes a goroutine for each.
	_, err := s.stmt.ExecContext(context.Background(), s.args)
	return err
}

// set makes v argument i. A text aliases what v does; the driver copies it during
// the call.
func (s *statement) set(i int, v *table.Value, r *rows) {
	switch v.Type {
	case table.Null:
		s.args[i].Value = nil
	case table.Int, table.Bool:
		s.args[i].Value = v.Num
	case table.Float:
		s.args[i].Value = v.Float()
	case table.Bytes:
		s.args[i].Value = v.Raw
	case table.Timestamp, table.DateTime, table.Date:
		s.texts[i] = alias(r.time(v))
		s.args[i].Value = s.boxes[i]
	default:
		s.texts[i] = alias(v.Raw)
		s.args[i].Value = s.boxes[i]
	}
}

func (r *rows) time(v *table.Value) []byte {
	start := len(r.text)
	switch v.Type {
	case table.Timestamp:
		r.text = table.AppendTimestamp(r.text, v.Num)
	case table.DateTime:
		r.text = table.AppendDateTime(r.text, v.Num)
	default:
		r.text = table.AppendDate(r.text, v.Num)
	}
	return r.text[start:]
}

func alias(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// box is an interface that holds the string at p, whatever that is when it is
// looked at: making an interface of a string allocates, and there are several a
// row.
func box(p *string) (v driver.Value) {
	v = ""
	(*[2]unsafe.Pointer)(unsafe.Pointer(&v))[1] = unsafe.Pointer(p)
	return v
}
