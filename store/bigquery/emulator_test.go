//go:build unix

package bigquery

import (
	"os"
	"testing"

	"github.com/girok/girok/internal/bqtest"
	"github.com/girok/girok/sink/sinktest"
)

func TestMain(m *testing.M) {
	code := m.Run()
	bqtest.StopShared()
	os.Exit(code)
}

func TestConformanceOfTheEmulator(t *testing.T) {
	e := bqtest.Shared(t)
	sinktest.Run(t, sinktest.Subject{Kind: Kind, Columns: true, New: conformance(e.REST, e.GRPC)})
}

func TestConformanceOfModesOfTheEmulator(t *testing.T) {
	e := bqtest.Shared(t)
	for mode, class := range modes {
		t.Run(mode, func(t *testing.T) {
			sinktest.Run(t, sinktest.Subject{Kind: kindOf(mode, class), Columns: true, New: conformance(e.REST, e.GRPC)})
		})
	}
}
