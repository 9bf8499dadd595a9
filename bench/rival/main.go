//go:build linux

// Command rival logs through one of the loggers of package rivals, 100,000
// numbered records a second, until it is killed. In a file that it maps it notes
// for how many of them the call has returned.
//
//	rival NAME DIR MARKS
package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/girok/girok/bench/rivals"
)

func main() {
	fmt.Fprintln(os.Stderr, "rival:", run(os.Args[1:]))
	os.Exit(1)
}

// run returns only if something fails.
func run(args []string) error {
	if len(args) != 3 {
		return errors.New("want a name, a folder and a file for marks")
	}
	kind, err := rivals.Named(args[0])
	if err != nil {
		return err
	}
	mark, err := rivals.MapMark(args[2])
	if err != nil {
		return err
	}
	r, err := kind.Open(args[1])
	if err != nil {
		return err
	}
	const burst = 100 // every millisecond
	begin := time.Now()
	for i := 0; ; i++ {
		if i%burst == 0 {
			time.Sleep(time.Duration(i/burst)*time.Millisecond - time.Since(begin))
		}
		r.Log(i)
		mark.Store(uint64(i + 1))
	}
}
