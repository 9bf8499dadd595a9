// Command zerolog logs one line through zerolog and its diode: its binary is
// weighed.
package main

import (
	"os"
	"time"

	"github.com/rs/zerolog"
	"github.com/rs/zerolog/diode"
)

func main() {
	w := diode.NewWriter(os.Stdout, 1000, 10*time.Millisecond, nil)
	z := zerolog.New(w)
	z.Info().Float64("score", 0.93).Msg("hello world")
	_ = w.Close()
}
