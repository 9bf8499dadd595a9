package main

import (
	"context"

	"github.com/girok/girok"
	"github.com/girok/girok/encodings"
	"github.com/girok/girok/sink"
	"github.com/girok/girok/sink/files"
	"github.com/girok/girok/sink/python"
	"github.com/girok/girok/source/stdin"
	"github.com/girok/girok/store/bigquery"
	"github.com/girok/girok/store/duckdb"
	"github.com/girok/girok/store/postgres"
	"github.com/girok/girok/store/sqlite"
	"github.com/girok/girok/zstd"
)

// kinds are the sources and stores that this program has. A new one is a line
// here.
var kinds = []girok.Option{
	stdin.Kind,
	python.Kinds,                   // the handlers of Python's logging that write to a network
	zstd.Packing,                   // compress: zstd
	encodings.All, encodings.Names, // cp949 and others for files, and errors: namereplace
	files.Kind,
	sqlite.Kind,
	duckdb.Kind, // says what is missing, where it was built without a C++ compiler
	postgres.Kind,
	bigquery.Kind,
}

// warehouses are the embedded databases that `girok query` opens itself, by class.
var warehouses = map[string]func(ctx context.Context, path, sql string) (sink.Rows, error){
	"sqlite": sqlite.Query,
	"duckdb": duckdb.Query,
}
