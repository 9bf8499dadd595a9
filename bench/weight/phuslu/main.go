// Command phuslu logs one line through phuslu/log and its asynchronous writer:
// its binary is weighed.
package main

import (
	"os"

	"github.com/phuslu/log"
)

func main() {
	w := &log.AsyncWriter{ChannelSize: 4096, Writer: &log.IOWriter{Writer: os.Stdout}}
	l := log.Logger{Writer: w}
	l.Info().Float64("score", 0.93).Msg("hello world")
	_ = w.Close()
}
