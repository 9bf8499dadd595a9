// Command zap logs one line through zap and its buffered writer: its binary is
// weighed.
package main

import (
	"os"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

func main() {
	w := &zapcore.BufferedWriteSyncer{WS: os.Stdout}
	z := zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), w, zap.InfoLevel))
	z.Info("hello world", zap.Float64("score", 0.93))
	_ = w.Stop()
}
