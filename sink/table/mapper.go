package table

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
)

// Options is what a store can't hold, and where it stands.
type Options struct {
	Location *time.Location // of datetime and date columns; nil is UTC
	NoNaN    bool           // a float column can't hold NaN
	NoInf    bool           // nor the infinities
}

// Mapper makes the rows of one handler. It is not safe for concurrent use, and
// allocates nothing for a row but room in a buffer that it keeps.
type Mapper struct {
	converter
	cols       []Column
	rest       int // index of the column that takes the rest; -1
	newColumns string
	mismatch   string
	extra      map[string]Column // by folded name: columns of the table that no source fills

	slots   []slot
	exact   map[string]int // path → slot
	lengths uint64         // bit n: a path has n bytes, modulo 64
	taking  bool           // a column takes something of the present record
	unlike  int            // records for which commonRest is not tried
	nested  []int          // slots whose path can lead into an attribute
	heads   map[string]bool
	skipped map[string]bool // keys of attributes that can't become columns
	caller  callers
	names   names
	view    record.View
}

// slot is one attribute that columns take, and what the present row has for it.
type slot struct {
	path string

	found bool
	keep  bool // a column could not take it: it stays in the rest
	klen  int  // length of the outermost key that led here
	val   record.Value
	top   *byte // identifies the outermost attribute: where its key lies
	at    *byte // identifies what was taken: where its key, or in JSON its value, lies
}

// NewMapper makes a mapper for a configuration that passed Validate.
func NewMapper(c *Config, opt Options) *Mapper {
	if opt.Location == nil {
		opt.Location = time.UTC
	}
	m := &Mapper{
		converter:  converter{loc: opt.Location, noNaN: opt.NoNaN, noInf: opt.NoInf},
		rest:       -1,
		newColumns: c.NewColumns, mismatch: c.Mismatch,
		extra: map[string]Column{}, exact: map[string]int{}, heads: map[string]bool{}, skipped: map[string]bool{},
	}
	for _, col := range c.list() {
		m.add(col)
	}
	return m
}

func (m *Mapper) add(col Column) {
	switch col.source {
	case fromRest:
		m.rest = len(m.cols)
	case fromAttr:
		col.slot = m.addSlot(col.path)
	}
	m.cols = append(m.cols, col)
}

// Columns is the columns of a row, in order. The slice is the mapper's own; Add
// makes it longer.
func (m *Mapper) Columns() []Column { return m.cols }

// NeedsCaller reports whether a column takes where the call stands in the code.
func (m *Mapper) NeedsCaller() bool {
	return slices.ContainsFunc(m.cols, func(c Column) bool { return c.source.needsCaller() })
}

// Reset makes room: the values of all rows so far are no longer good.
func (m *Mapper) Reset() { m.buf = m.buf[:0] }

// Row appends the row of record i of b to dst, one value for each of Columns.
// The values are good until Reset, and as long as the batch is.
//
// An error that is record.ErrEncoding means that the record must wait for a
// newer program. Any other error says why the row is rejected; what was appended
// is then of no use.
func (m *Mapper) Row(b *sink.Batch, i int, dst []Value) ([]Value, error) {
	first := len(dst)
	dst = slices.Grow(dst, len(m.cols))[:first+len(m.cols)]
	row := dst[first:]
	clear(row)
	if _, err := m.attributes(b, i, row); err != nil {
		return dst[:first], err
	}
	for j := range m.cols {
		if col := &m.cols[j]; col.source > fromRest {
			if err := m.fixed(&row[j], col, b, i); err != nil {
				return dst, err
			}
		}
	}
	return dst, nil
}

// attributes looks at record i of b and fills the columns of row that take
// attributes; those of row are NULL before. filled is false if all but the rest
// stay so.
func (m *Mapper) attributes(b *sink.Batch, i int, row []Value) (filled bool, err error) {
	v := &m.view
	if err := b.At(i, v); err != nil {
		return false, err
	}
	if rest, ok := m.commonRest(v); ok {
		row[m.rest] = Value{}
		if rest != nil {
			row[m.rest] = Value{Type: JSON, Raw: rest}
		}
		return false, nil
	}
	m.find(v)
	if m.taking {
		for j := range m.cols {
			col := &m.cols[j]
			if col.source != fromAttr || !m.slots[col.slot].found {
				continue
			}
			s := &m.slots[col.slot]
			if val := s.val; !m.convert(&row[j], col.Type, &val) {
				if err := m.unfit(&row[j], col, s); err != nil {
					return true, err
				}
			}
		}
	}
	return true, m.remains(row)
}

// fixed fills a column from what is not an attribute.
func (m *Mapper) fixed(out *Value, col *Column, b *sink.Batch, i int) error {
	if m.header(out, col, b, i) {
		return nil
	}
	*out = Value{}
	if m.mismatch == "dead" {
		return fmt.Errorf("column %s: the record's time, in year %d, does not fit %s", col.Name, m.view.Time().UTC().Year(), col.Type)
	}
	return nil
}

// unfit does what `mismatch` says with a value that does not fit.
func (m *Mapper) unfit(out *Value, col *Column, s *slot) error {
	*out = Value{}
	switch {
	case m.mismatch == "rest" || m.mismatch == "dead" && col.added:
		s.keep = true
	case m.mismatch == "dead":
		return fmt.Errorf("column %s: %s does not fit %s", col.Name, describe(&s.val), col.Type)
	}
	return nil
}

// describe says what kind of value it is; never its text, which may be private.
func describe(v *record.Value) string {
	switch v.Type {
	case record.False, record.True:
		return "a bool"
	case record.Int, record.Uint, record.Float:
		return "the number " + string(v.AppendText(nil))
	case record.Duration:
		return "a duration"
	case record.Time:
		return "the time " + string(v.AppendText(nil))
	case record.Group:
		return "a group"
	case record.Bytes:
		return fmt.Sprintf("%d bytes", len(v.Raw))
	case record.JSON:
		if text := number(v); text != nil && len(text) <= 40 {
			return "the number " + string(text)
		}
		return fmt.Sprintf("JSON of %d bytes", len(v.Raw))
	}
	return fmt.Sprintf("a string of %d bytes", len(v.Raw))
}

// header is fixed; it reports whether the value fits, which only a time may not.
func (m *Mapper) header(out *Value, col *Column, b *sink.Batch, i int) bool {
	v := &m.view
	*out = Value{Type: String}
	switch col.source {
	case fromText:
		*out = col.constant
		return true
	case fromTime:
		return m.recordTime(out, col)
	case fromLevelNo:
		m.number(out, col, int64(v.Level))
		return true
	case fromSeverity:
		m.number(out, col, int64(v.Level.Severity()))
		return true
	case fromLineNo:
		if c := m.caller.of(v); c != nil {
			m.number(out, col, int64(c.line))
		} else {
			*out = Value{}
		}
		return true
	}
	out.Raw = m.textOf(col.source, b, i)
	if out.Raw == nil {
		*out = Value{}
	} else if col.Type.Type == JSON {
		m.quote(out)
	}
	return true
}

// quote makes a string JSON.
func (m *Mapper) quote(out *Value) {
	start := len(m.buf)
	m.buf = record.AppendJSONString(m.buf, out.Raw)
	*out = Value{Type: JSON, Raw: m.since(start)}
}

// number fills a column of type int, float, string or JSON.
func (m *Mapper) number(out *Value, col *Column, n int64) {
	*out = Value{Type: col.Type.Type, Num: n}
	switch col.Type.Type {
	case Float:
		out.Num = int64(math.Float64bits(float64(n)))
	case String, JSON:
		start := len(m.buf)
		m.buf = strconv.AppendInt(m.buf, n, 10)
		out.Num, out.Raw = 0, m.since(start)
	}
}

func (m *Mapper) recordTime(out *Value, col *Column) (ok bool) {
	v := &m.view
	out.Type = col.Type.Type
	switch col.Type.Type {
	case Float: // Python's created
		f := float64(v.Seconds) + float64(v.Nanos)/1e9
		out.Num = int64(math.Float64bits(f))
		return true
	case String, JSON:
		start := len(m.buf)
		m.buf = v.Time().In(m.loc).AppendFormat(m.buf, time.RFC3339Nano)
		if out.Raw = m.since(start); col.Type.Type == JSON {
			m.quote(out)
		}
		return true
	}
	out.Num, ok = m.moment(v.Seconds, v.Nanos, col.Type.Type)
	return ok
}

// textOf is a part of the record that is text; nil if the record lacks it.
func (m *Mapper) textOf(o origin, b *sink.Batch, i int) []byte {
	v, of := &m.view, b.Origin(i)
	switch o {
	case fromLogger:
		return m.text(v.Logger)
	case fromMessage:
		return m.text(v.Message)
	case fromLevelName:
		return m.level(v.Level)
	case fromKind:
		return m.copied(v.Kind.String())
	case fromSource:
		return m.text(v.Source)
	case fromHost:
		return m.names.of(of).host
	case fromService:
		return m.names.of(of).service
	case fromVersion:
		return m.names.of(of).version
	case fromRun:
		return m.names.of(of).run
	case fromRecordID:
		start := len(m.buf)
		m.buf = b.AppendID(m.buf, i, v)
		return m.since(start)
	}
	if c := m.caller.of(v); c != nil {
		return c.text(o)
	}
	return nil
}

// level is a level's name.
func (m *Mapper) level(l record.Level) []byte {
	if n := int(l) / 10; l%10 == 0 && n >= 0 && n < len(levelNames) && record.LevelNames() == 0 {
		return levelNames[n]
	}
	return m.copied(l.String())
}

// levelNames are the names of the levels that have one, unless names were added.
var levelNames = func() (names [record.Critical/10 + 1][]byte) {
	for i := range names {
		names[i] = []byte(record.Level(i * 10).String())
	}
	return names
}()

// names are an origin's as columns take them: made once for the many records in
// a row that share it.
type names struct {
	origin                      *sink.Origin
	host, service, version, run []byte
}

func (n *names) of(o *sink.Origin) *names {
	if n.origin != o {
		*n = names{o, named(o.Host), named(o.Service), named(o.Version), named(o.Run.String())}
	}
	return n
}

// named is a name that is NULL when it is empty.
func named(s string) []byte {
	if s == "" {
		return nil
	}
	var c converter
	return c.copied(s)
}
