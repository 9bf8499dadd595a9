// Package zstd compresses files that were put aside, for handlers whose key `compress`
// says zstd:
//
//	logs, err := girok.Open("config.yaml", zstd.Packing)
//
// It is apart so that only who asks for it links it.
package zstd

import (
	"io"

	"github.com/klauspost/compress/zstd"

	"github.com/girok/girok/sink/file"
)

// Packing is the Option of girok.Open that knows zstd. It compresses beside the log
// calls, on one goroutine.
var Packing file.Zstd = func(w io.Writer, size int64) (io.WriteCloser, error) {
	z, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true), zstd.WithZeroFrames(true),
		zstd.WithSingleSegment(size < 256)) // else a frame does not say so short a length (RFC 8878, 3.1.1.1)
	if err != nil {
		return nil, err
	}
	z.ResetContentSize(w, size)
	return z, nil
}
