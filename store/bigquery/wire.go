package bigquery

import (
	"fmt"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protowire"
)

// The messages of google.cloud.bigquery.storage.v1 that are needed, by the numbers
// of their fields in
// https://github.com/googleapis/googleapis/blob/master/google/cloud/bigquery/storage/v1/storage.proto

const service = "/google.cloud.bigquery.storage.v1.BigQueryWrite/"

// committed is WriteStream.Type COMMITTED: rows are visible once they are answered.
const committed = 1

func appendString(dst []byte, field protowire.Number, s string) []byte {
	return protowire.AppendString(protowire.AppendTag(dst, field, protowire.BytesType), s)
}

func appendBytes(dst []byte, field protowire.Number, b []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(dst, field, protowire.BytesType), b)
}

func appendInt(dst []byte, field protowire.Number, n int64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(dst, field, protowire.VarintType), uint64(n))
}

// createRequest is a CreateWriteStreamRequest for a committed stream of a table.
func createRequest(table string) []byte {
	return appendBytes(appendString(nil, 1, table), 2, appendInt(nil, 2, committed))
}

// appendHead is what of an AppendRowsRequest stands before the rows, whose
// serialized_rows take size bytes. descriptor is nil but in the first request of a
// connection.
func appendHead(stream string, offset int64, descriptor []byte, size int) []byte {
	head := appendString(nil, 1, stream)
	head = appendBytes(head, 2, appendInt(nil, 1, offset)) // an Int64Value
	var schema []byte
	if descriptor != nil {
		schema = appendBytes(nil, 1, appendBytes(nil, 1, descriptor))
	}
	rowsTag := protowire.AppendVarint(protowire.AppendTag(nil, 2, protowire.BytesType), uint64(size))
	head = protowire.AppendTag(head, 4, protowire.BytesType)
	head = protowire.AppendVarint(head, uint64(len(schema)+len(rowsTag)+size))
	return append(append(head, schema...), rowsTag...)
}

// answer is an AppendRowsResponse.
type answer struct {
	failed *appendError
	rows   []rowError
}

// ok reports whether the append is in.
func (a *answer) ok() bool { return a.failed == nil && len(a.rows) == 0 }

// appendError is the error of an append: google.rpc.Status with a StorageError.
type appendError struct {
	code    codes.Code
	message string
	storage int64 // StorageErrorCode; 0: it has none
}

// StorageErrorCodes.
const (
	tableNotFound       = 1
	streamNotFound      = 3
	invalidStreamState  = 5
	streamFinalized     = 6
	extraFields         = 7
	offsetAlreadyExists = 8
	offsetOutOfRange    = 9
)

func (e *appendError) Error() string { return fmt.Sprintf("BigQuery: %s (%s)", e.message, e.code) }

// rowError is a RowError.
type rowError struct {
	index   int64
	message string
}

// fields calls f for each field of a message.
func fields(b []byte, f func(n protowire.Number, num uint64, val []byte) error) error {
	for len(b) > 0 {
		n, typ, k := protowire.ConsumeTag(b)
		if k < 0 {
			return protowire.ParseError(k)
		}
		b = b[k:]
		var num uint64
		var val []byte
		switch typ {
		case protowire.VarintType:
			num, k = protowire.ConsumeVarint(b)
		case protowire.BytesType:
			val, k = protowire.ConsumeBytes(b)
		default:
			k = protowire.ConsumeFieldValue(n, typ, b)
		}
		if k < 0 {
			return protowire.ParseError(k)
		}
		b = b[k:]
		if err := f(n, num, val); err != nil {
			return err
		}
	}
	return nil
}

func parseAnswer(b []byte) (a answer, err error) {
	err = fields(b, func(n protowire.Number, _ uint64, val []byte) error {
		switch n {
		case 2:
			a.failed = &appendError{}
			return a.failed.parse(val)
		case 4:
			var r rowError
			a.rows = append(a.rows, r)
			return a.rows[len(a.rows)-1].parse(val)
		}
		return nil
	})
	return a, err
}

func (r *rowError) parse(b []byte) error {
	return fields(b, func(n protowire.Number, num uint64, val []byte) error {
		switch n {
		case 1:
			r.index = int64(num)
		case 3:
			r.message = string(val)
		}
		return nil
	})
}

// parse reads a google.rpc.Status.
func (e *appendError) parse(b []byte) error {
	return fields(b, func(n protowire.Number, num uint64, val []byte) error {
		switch n {
		case 1:
			e.code = codes.Code(num)
		case 2:
			e.message = string(val)
		case 3:
			return e.detail(val)
		}
		return nil
	})
}

// detail reads an Any; only a StorageError is looked at.
func (e *appendError) detail(b []byte) error {
	is := false
	return fields(b, func(n protowire.Number, _ uint64, val []byte) error {
		switch n {
		case 1:
			is = string(val) == "type.googleapis.com/google.cloud.bigquery.storage.v1.StorageError"
		case 2:
			if is {
				return fields(val, func(n protowire.Number, num uint64, _ []byte) error {
					if n == 1 {
						e.storage = int64(num)
					}
					return nil
				})
			}
		}
		return nil
	})
}

// text is a field of a message that holds a text; number one that holds a number.
func text(b []byte, field protowire.Number) (s string, err error) {
	err = fields(b, func(n protowire.Number, _ uint64, val []byte) error {
		if n == field {
			s = string(val)
		}
		return nil
	})
	return s, err
}

func number(b []byte, field protowire.Number) (v int64, err error) {
	err = fields(b, func(n protowire.Number, num uint64, _ []byte) error {
		if n == field {
			v = int64(num)
		}
		return nil
	})
	return v, err
}
