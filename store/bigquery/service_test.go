package bigquery

import (
	"context"
	"net/http"
	"os"
	"testing"

	"golang.org/x/oauth2"

	"github.com/girok/girok/sink"
	"github.com/girok/girok/sink/sinktest"
)

// realService is BigQuery itself, for who has an account. Each test gets a dataset of its
// own, which goes with the test.
func realService(t *testing.T) func(t *testing.T) *place {
	t.Helper()
	project := os.Getenv("GIROK_BIGQUERY_PROJECT")
	if project == "" {
		t.Skip("BIGQUERY ITSELF WAS NOT MET: set GIROK_BIGQUERY_PROJECT, GIROK_BIGQUERY_KEY to the file of a service account's key (or have the cloud's own chain), " +
			"and GIROK_BIGQUERY_DATASET to what the names of the tests' datasets begin with (girok_test_ if it is not set); the account makes and deletes datasets")
	}
	key, prefix, way := os.Getenv("GIROK_BIGQUERY_KEY"), os.Getenv("GIROK_BIGQUERY_DATASET"), ""
	if key != "" {
		way = "key_file: " + key + "\n"
	}
	if prefix == "" {
		prefix = "girok_test_"
	}
	found, err := (&Config{KeyFile: key}).credentials(context.Background(), sink.Env{})
	if err != nil {
		t.Fatal(err)
	}
	client := oauth2.NewClient(context.Background(), found.TokenSource)
	return func(t *testing.T) *place {
		p := &place{defaultREST, project, freshDataset(prefix), way, client}
		t.Cleanup(func() { p.call(t, http.MethodDelete, "datasets/"+p.dataset+"?deleteContents=true", nil, nil) })
		return p
	}
}

func TestConformanceOfTheService(t *testing.T) {
	sinktest.Run(t, sinktest.Subject{Kind: Kind, Columns: true, New: conformanceOf(realService(t))})
}

func TestConformanceOfModesOfTheService(t *testing.T) {
	for mode, class := range modes {
		t.Run(mode, func(t *testing.T) {
			sinktest.Run(t, sinktest.Subject{Kind: kindOf(mode, class), Columns: true, New: conformanceOf(realService(t))})
		})
	}
}
