package main

import (
	"bytes"
	"testing"
	"time"

	"github.com/girok/girok"
	"github.com/girok/girok/metrics"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// Prometheus's own reader takes what metrics.Write writes. It is tried here so
// that its modules enter nobody's graph.
func TestPrometheusReadsTheMetrics(t *testing.T) {
	var b bytes.Buffer
	_, err := metrics.Write(&b, girok.Stats{
		Handlers: []girok.HandlerStats{{Handler: "a \"b\"\\c\nd", Target: "\xff한글", Records: 3, LastSuccess: time.Now()}},
		Direct:   []girok.DirectStats{{Handler: "console", Written: 5, Failed: 1}},
		Spool:    &girok.SpoolStats{Held: 1 << 20, Limit: 1 << 30},
		Sources:  []girok.SourceStats{{Source: "in", Read: 8}},
	})
	if err != nil {
		t.Fatal(err)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(&b)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(families); n < 20 {
		t.Errorf("%d families", n)
	}
	m := families["girok_handler_records_total"].GetMetric()
	if len(m) != 1 || m[0].GetCounter().GetValue() != 3 || m[0].GetLabel()[0].GetValue() != "a \"b\"\\c\nd" {
		t.Errorf("%v", m)
	}
}
