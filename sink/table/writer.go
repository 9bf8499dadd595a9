package table

import (
	"bytes"
	"encoding/binary"

	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
)

// Wire is how a store writes one value of a row.
type Wire interface {
	// AppendValue appends v as the value of a column, by its index in
	// Mapper.Columns, wherever in a row it stands. What it appends follows from
	// these alone: many rows may get a copy of it. An error says why the row is
	// rejected.
	AppendValue(dst []byte, column int, v *Value) ([]byte, error)
}

// Writer makes rows as the bytes that a store sends. What many records share, as
// the level, the logger and what is known of the process, is written once and
// copied from then on. It is not safe for concurrent use, nor together with other
// methods of its mapper, and good until the mapper gets more columns.
type Writer struct {
	mapper *Mapper
	wire   Wire
	parts  []part
	row    []Value // what is not from the header
	filled bool    // of row something beside the rest
	head   Value
	key    [4]byte
}

// NewWriter makes a writer for the columns that m has now.
func (m *Mapper) NewWriter(wire Wire) *Writer {
	w := &Writer{mapper: m, wire: wire, row: make([]Value, len(m.cols))}
	for i := range m.cols {
		by := m.cols[i].source.follows()
		if n := len(w.parts) - 1; by > rest && n >= 0 && w.parts[n].by == by {
			w.parts[n].to = i + 1
			continue
		}
		w.parts = append(w.parts, part{from: i, to: i + 1, by: by})
	}
	return w
}

// follows says what the values of a source follow from.
func (o origin) follows() follows {
	switch o {
	case fromAttr:
		return attribute
	case fromRest:
		return rest
	case fromText:
		return nothing
	case fromLevelName, fromLevelNo, fromSeverity:
		return level
	case fromLogger:
		return logger
	case fromHost, fromService, fromVersion, fromRun:
		return process
	}
	if o.needsCaller() {
		return call
	}
	return each
}

type follows uint8

const (
	each      follows = iota // differs from record to record
	rest                     // the same
	attribute                // all NULL in most records
	nothing
	level
	logger
	process
	call
)

// part is one column, or some that stand together and follow from the same.
type part struct {
	from, to int
	by       follows

	origin *sink.Origin                   // what last was made for
	key    []byte                         // the same
	last   []byte                         // nil: nothing was made
	known  map[string][]byte              // by key
	named  [record.Critical/10 + 1][]byte // by level
	names  uint64                         // that levels had then
}

// maxKnown bounds the memory of a writer that reads many programs.
const maxKnown = 1024

// Append appends the row of record i of b to dst. It resets the mapper. For errors
// see Mapper.Row.
func (w *Writer) Append(dst []byte, b *sink.Batch, i int) ([]byte, error) {
	m := w.mapper
	m.Reset()
	if w.filled {
		clear(w.row)
	}
	var err error
	if w.filled, err = m.attributes(b, i, w.row); err != nil {
		return dst, err
	}
	for k := range w.parts {
		switch p := &w.parts[k]; {
		case p.by == each:
			dst, err = w.column(dst, p.from, b, i)
		case p.by == rest:
			dst, err = w.wire.AppendValue(dst, p.from, &w.row[p.from])
		case p.by == attribute && w.filled:
			dst, err = w.attributes(dst, p)
		default:
			dst, err = w.shared(dst, p, b, i)
		}
		if err != nil {
			return dst, err
		}
	}
	return dst, nil
}

// attributes appends a part of attributes.
func (w *Writer) attributes(dst []byte, p *part) (_ []byte, err error) {
	for j := p.from; j < p.to && err == nil; j++ {
		dst, err = w.wire.AppendValue(dst, j, &w.row[j])
	}
	return dst, err
}

// column appends a value that is not an attribute, or an attribute that is NULL.
func (w *Writer) column(dst []byte, j int, b *sink.Batch, i int) ([]byte, error) {
	if w.mapper.cols[j].source == fromAttr {
		w.head = Value{}
		return w.wire.AppendValue(dst, j, &w.head)
	}
	if err := w.mapper.fixed(&w.head, &w.mapper.cols[j], b, i); err != nil {
		return dst, err
	}
	return w.wire.AppendValue(dst, j, &w.head)
}

// shared appends a part that other records have too.
func (w *Writer) shared(dst []byte, p *part, b *sink.Batch, i int) ([]byte, error) {
	v, same := &w.mapper.view, p.last != nil
	var key []byte
	switch p.by {
	case level:
		if names := record.LevelNames(); names != p.names {
			p.names, p.known = names, nil
			clear(p.named[:])
		}
		if n := v.Level / 10; v.Level%10 == 0 && n >= 0 && int(n) < len(p.named) && p.named[n] != nil {
			return append(dst, p.named[n]...), nil
		}
		key, same = binary.LittleEndian.AppendUint32(w.key[:0], uint32(v.Level)), false
	case process:
		if of := b.Origin(i); p.origin != of {
			p.origin, same = of, false
		}
	case logger:
		key = v.Logger
		same = same && bytes.Equal(p.key, key)
	case call:
		key = v.EncodedCaller()
		same = same && bytes.Equal(p.key, key)
	}
	if !same {
		if err := w.make(p, key, b, i); err != nil {
			p.last = nil
			return dst, err
		}
	}
	return append(dst, p.last...), nil
}

// make makes a part, unless it is known.
func (w *Writer) make(p *part, key []byte, b *sink.Batch, i int) (err error) {
	if known, ok := p.known[string(key)]; ok && p.by != process {
		p.key, p.last = append(p.key[:0], key...), known
		return nil
	}
	made := []byte{}
	for j := p.from; j < p.to; j++ {
		if made, err = w.column(made, j, b, i); err != nil {
			return err
		}
	}
	p.key, p.last = append(p.key[:0], key...), made
	if p.by == process {
		return nil
	}
	if p.known == nil || len(p.known) >= maxKnown {
		p.known = map[string][]byte{}
	}
	p.known[string(key)] = made
	if l := w.mapper.view.Level; p.by == level && l%10 == 0 && l >= 0 && int(l/10) < len(p.named) {
		p.named[l/10] = made
	}
	return nil
}
