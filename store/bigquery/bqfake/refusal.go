package bqfake

import (
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protowire"
)

// StorageErrorCodes:
// https://cloud.google.com/bigquery/docs/reference/storage/rpc/google.cloud.bigquery.storage.v1#storageerrorcode
const (
	streamFinalized     = 6
	extraFields         = 7
	offsetAlreadyExists = 8
	offsetOutOfRange    = 9
)

// rowError is one of a refused append.
type rowError struct {
	index   int
	message string
}

// refusal is an AppendRowsResponse with an error.
func refusal(code codes.Code, storage uint64, stream, message string, rows []rowError) []byte {
	text := func(dst []byte, n protowire.Number, s string) []byte {
		return protowire.AppendString(protowire.AppendTag(dst, n, protowire.BytesType), s)
	}
	num := func(dst []byte, n protowire.Number, v uint64) []byte {
		return protowire.AppendVarint(protowire.AppendTag(dst, n, protowire.VarintType), v)
	}
	sub := func(dst []byte, n protowire.Number, b []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(dst, n, protowire.BytesType), b)
	}
	st := text(num(nil, 1, uint64(code)), 2, message)
	if storage != 0 {
		detail := text(text(num(nil, 1, storage), 2, stream), 3, message)
		st = sub(st, 3, sub(text(nil, 1, "type.googleapis.com/google.cloud.bigquery.storage.v1.StorageError"), 2, detail))
	}
	out := sub(nil, 2, st)
	for _, r := range rows {
		out = sub(out, 4, text(num(num(nil, 1, uint64(r.index)), 2, 1), 3, r.message)) // 1: FIELDS_ERROR
	}
	return out
}
