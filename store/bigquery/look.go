package bigquery

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/girok/girok/sink"
	"github.com/girok/girok/sink/table"
)

// Look implements sink.Looker. It reads the table, and makes no stream: whether rows
// may be written shows with the first of them.
func (c Config) Look(ctx context.Context, env sink.Env) (found []sink.Finding, err error) {
	s := newStore(c, env)
	defer s.Close()
	if err := s.connect(ctx); err != nil {
		return nil, s.failed(ctx, err)
	}
	t, err := s.get(ctx)
	if isCode(err, http.StatusNotFound) {
		missing := sink.Finding{Grade: sink.Note, Text: "there is no table " + s.ref.sql() + "; create: true makes it"}
		if !c.Create {
			missing = sink.Finding{Grade: sink.Wrong, Text: "there is no table " + s.ref.sql() + " that girok may see",
				Remedy: "create: true makes it, or run:\n" + s.ddl()}
		}
		return []sink.Finding{missing}, nil
	}
	if err != nil {
		return nil, s.failed(ctx, err)
	}
	there := make([]table.There, len(t.fields))
	for i := range t.fields {
		f := &t.fields[i]
		there[i] = table.There{Name: f.Name, Declared: f.Type, Required: f.Mode == "REQUIRED", Fit: f.fit}
	}
	found = append(found, sink.Finding{Text: fmt.Sprintf("logged in to project %s, and the table %s can be read", s.ref.project, s.ref.sql())})
	found = append(found, c.Compare(s.ref.sql(), there, declared, func(cols []table.Column) string { return s.alteration(cols) + ";\n" })...)
	return append(found, c.advice()), nil
}

// jobsADay is how many load jobs a table takes in a day:
// https://cloud.google.com/bigquery/quotas#load_jobs
const jobsADay = 1500

// advice is what can't be seen.
func (c *Config) advice() sink.Finding {
	if c.Mode != "load" {
		return sink.Finding{Grade: sink.Note, Text: "whether girok may write is not tried; streaming is refused in the free tier, use mode: load there"}
	}
	if n := int64(24 * time.Hour / time.Duration(c.Limits().Age)); n > jobsADay {
		return sink.Finding{Grade: sink.Note, Text: fmt.Sprintf("batch.age makes up to %d load jobs a day, and BigQuery takes %d a table", n, jobsADay), Remedy: "batch: {age: 5m}"}
	}
	return sink.Finding{Grade: sink.Note, Text: "whether girok may write is not tried"}
}

// fit is how values of a type go into the column, as AppendValue has it.
func (f *field) fit(want table.ColumnType) table.Fit {
	have := f.like()
	switch {
	case f.Mode == "REPEATED" || f.Type == "RECORD" || f.Type == "STRUCT":
		return table.None
	case have.Type == want.Type:
		return table.Exact
	case have.Type == table.String, have.Type == table.Float && want.Type == table.Int, have.Type == table.Bytes && want.Type == table.String:
		return table.Converted
	case have.Type == table.Decimal && want.Type == table.Int, have.Type == table.JSON:
		return table.Converted
	}
	return table.None
}
