// Package metrics shows the numbers of a program's logging to Prometheus, in its
// text format 0.0.4. It is a package of its own so that a program that does not
// show them does not link net/http.
//
//	http.Handle("/metrics", metrics.Handler(logs))
package metrics

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/girok/girok"
)

// ContentType is that of what Handler answers.
const ContentType = "text/plain; version=0.0.4; charset=utf-8"

// Handler answers a GET with the numbers of the moment. It is safe for
// concurrent use. All is gathered before the first byte is sent, so a client
// that reads slowly holds nothing but its connection: give the server a
// WriteTimeout.
func Handler(logs *girok.Logs) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "want GET", http.StatusMethodNotAllowed)
			return
		}
		var b bytes.Buffer
		_, _ = Write(&b, logs.Stats()) // a buffer takes everything
		w.Header().Set("Content-Type", ContentType)
		w.Header().Set("Content-Length", strconv.Itoa(b.Len()))
		_, _ = w.Write(b.Bytes()) // a client that has gone has nobody to tell
	})
}

// Write writes the numbers as text. Families that have no sample are left out.
func Write(w io.Writer, s girok.Stats) (int64, error) {
	var b bytes.Buffer
	for _, f := range families {
		begun := false
		f.samples(&s, func(v float64, labels ...string) {
			if !begun {
				begun = true
				b.WriteString("# HELP " + f.name + " " + helpEscapes.Replace(f.help) + "\n# TYPE " + f.name + " " + f.kind + "\n")
			}
			sample(&b, &f, v, labels)
		})
	}
	return b.WriteTo(w)
}

var (
	helpEscapes  = strings.NewReplacer(`\`, `\\`, "\n", `\n`)
	labelEscapes = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)
)

func sample(b *bytes.Buffer, f *family, v float64, labels []string) {
	b.WriteString(f.name)
	for i, value := range labels {
		b.WriteByte("{,"[min(i, 1)])
		b.WriteString(f.labels[i] + `="` + labelEscapes.Replace(strings.ToValidUTF8(value, "\ufffd")) + `"`)
	}
	if len(labels) > 0 {
		b.WriteByte('}')
	}
	b.WriteByte(' ')
	b.Write(strconv.AppendFloat(b.AvailableBuffer(), v, 'g', -1, 64))
	b.WriteByte('\n')
}
