// Command slog logs one line through log/slog: what a program weighs without
// girok.
package main

import (
	"log/slog"
	"os"
)

func main() {
	slog.New(slog.NewJSONHandler(os.Stdout, nil)).Info("hello world", "score", 0.93)
}
