//go:build cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64)

package duckdb

import (
	"unsafe"

	driver "github.com/duckdb/duckdb-go/v2"
	"github.com/duckdb/duckdb-go/v2/mapping"

	"github.com/girok/girok/sink/table"
)

// appender fills DuckDB's vectors and appends them to a table, in the
// transaction that its connection is in. A value is written where DuckDB reads
// it, without a call into C; there are some calls for each vector.
type appender struct {
	a       mapping.Appender
	chunk   mapping.DataChunk
	columns []vector
	rows    int // in the chunk
	text    *arena
}

// vector is one column of the chunk.
type vector struct {
	typ   table.ColumnType
	width int // of a decimal, in bytes
	data  unsafe.Pointer
	valid unsafe.Pointer // 64 rows in each word, a bit is 1 where there is a value
}

// newAppender begins to append to the columns of a table, by the table's names.
// The caller ends it with flush or abort.
func newAppender(c *conn, name string, cols []table.Column, names []string, text *arena) (*appender, error) {
	a := &appender{columns: make([]vector, len(cols)), text: text}
	if mapping.AppenderCreateExt(c.c, "", "", name, &a.a) == mapping.StateError {
		err := a.failed()
		mapping.AppenderDestroy(&a.a)
		return nil, err
	}
	for _, n := range names {
		if mapping.AppenderAddColumn(a.a, n) == mapping.StateError {
			a.abort()
			return nil, errChanged
		}
	}
	types := make([]mapping.LogicalType, len(cols))
	for i, col := range cols {
		types[i] = logicalType(a.a, i, col.Type)
		a.columns[i] = vector{typ: col.Type, width: decimalWidth(col.Type.Precision)}
	}
	a.chunk = mapping.CreateDataChunk(types)
	for i := range types {
		mapping.DestroyLogicalType(&types[i])
	}
	a.begin()
	return a, nil
}

// logicalType is the type of a vector for column i: the table's own where that
// holds the same values. Where it is another one DuckDB casts.
func logicalType(a mapping.Appender, i int, t table.ColumnType) mapping.LogicalType {
	if t.Type == table.JSON {
		there := mapping.AppenderColumnType(a, mapping.IdxT(i))
		if mapping.GetTypeId(there) == mapping.TypeVarchar {
			return there
		}
		mapping.DestroyLogicalType(&there)
	}
	if t.Type == table.Decimal {
		return mapping.CreateDecimalType(uint8(t.Precision), uint8(t.Scale))
	}
	return mapping.CreateLogicalType(typeIDs[t.Type])
}

var typeIDs = map[table.Type]mapping.Type{
	table.String: mapping.TypeVarchar, table.Int: mapping.TypeBigInt, table.Float: mapping.TypeDouble,
	table.Bool: mapping.TypeBoolean, table.Timestamp: mapping.TypeTimestampTZ, table.DateTime: mapping.TypeTimestamp,
	table.Date: mapping.TypeDate, table.JSON: mapping.TypeVarchar, table.Bytes: mapping.TypeBlob,
}

// begin makes the chunk empty.
func (a *appender) begin() {
	a.rows = 0
	a.text.used = 0
	mapping.DataChunkReset(a.chunk)
	for i := range a.columns {
		v := mapping.DataChunkGetVector(a.chunk, mapping.IdxT(i))
		mapping.VectorEnsureValidityWritable(v)
		a.columns[i].data = mapping.VectorGetData(v)
		a.columns[i].valid = mapping.VectorGetValidity(v)
	}
}

// vectorSize is how many rows a chunk has.
var vectorSize = int(mapping.VectorSize())

// add adds a row, of which nothing is kept. It sends the chunk when that is full.
func (a *appender) add(row []table.Value) error {
	text := 0
	for i := range row {
		if len(row[i].Raw) > inlined {
			text += len(row[i].Raw)
		}
	}
	if a.rows == vectorSize || !a.text.has(text) {
		if err := a.send(); err != nil {
			return err
		}
		a.text.grow(text)
	}
	for i := range row {
		a.columns[i].set(a.rows, &row[i], a.text)
	}
	a.rows++
	return nil
}

// send hands the chunk to DuckDB, which copies it.
func (a *appender) send() error {
	if a.rows == 0 {
		return nil
	}
	mapping.DataChunkSetSize(a.chunk, mapping.IdxT(a.rows))
	if mapping.AppendDataChunk(a.a, a.chunk) == mapping.StateError {
		return a.failed()
	}
	a.begin()
	return nil
}

// flush puts all rows into the table and ends the appender. After an error the
// transaction must be rolled back.
func (a *appender) flush() error {
	err := a.send()
	if err == nil && mapping.AppenderFlush(a.a) == mapping.StateError {
		err = a.failed()
	}
	a.abort()
	return err
}

// abort ends the appender; rows that are not flushed are gone.
func (a *appender) abort() {
	mapping.AppenderClear(a.a) // else destroying it would flush
	mapping.AppenderDestroy(&a.a)
	mapping.DestroyDataChunk(&a.chunk)
}

func (a *appender) failed() error {
	data := mapping.AppenderErrorData(a.a)
	defer mapping.DestroyErrorData(&data)
	return &driver.Error{Type: driver.ErrorType(mapping.ErrorDataErrorType(data)), Msg: mapping.ErrorDataMessage(data)}
}
