// Package metrics shows the numbers of a program's logging to Prometheus, in its
// text format 0.0.4. It is a package of its own so that a program that does not
// show them does not link net/http.
//
//	http.Handle("/metrics", metrics.Handler(logs))
package metrics

import (
	"bytes"
	"io"
	"maps"
	"net/http"
	"slices"
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
	return answering(func(w io.Writer) { _, _ = Write(w, logs.Stats()) })
}

// Services is Handler for a process that delivers for several services. services is
// called for each request; each sample has the name of its service as its first label.
func Services(services func() map[string]girok.Stats) http.Handler {
	return answering(func(w io.Writer) { _, _ = WriteServices(w, services()) })
}

// answering answers with what write writes to a buffer, which takes everything.
func answering(write func(io.Writer)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "want GET", http.StatusMethodNotAllowed)
			return
		}
		var b bytes.Buffer
		write(&b)
		w.Header().Set("Content-Type", ContentType)
		w.Header().Set("Content-Length", strconv.Itoa(b.Len()))
		_, _ = w.Write(b.Bytes()) // a client that has gone has nobody to tell
	})
}

// Write writes the numbers as text. Families that have no sample are left out.
func Write(w io.Writer, s girok.Stats) (int64, error) {
	return write(w, []part{{stats: s}})
}

// WriteServices is Write for several services by their names, each sample with the
// label service.
func WriteServices(w io.Writer, services map[string]girok.Stats) (int64, error) {
	var parts []part
	for _, name := range slices.Sorted(maps.Keys(services)) {
		parts = append(parts, part{labels: []string{"service", name}, stats: services[name]})
	}
	return write(w, parts)
}

// part is the numbers of one service, and a label that they all have, if any.
type part struct {
	labels []string
	stats  girok.Stats
}

func write(w io.Writer, parts []part) (int64, error) {
	var b bytes.Buffer
	for _, f := range families {
		begun := false
		for i := range parts {
			f.samples(&parts[i].stats, func(v float64, values ...string) {
				if !begun {
					begun = true
					b.WriteString("# HELP " + f.name + " " + helpEscapes.Replace(f.help) + "\n# TYPE " + f.name + " " + f.kind + "\n")
				}
				labels := slices.Clip(parts[i].labels)
				for k, value := range values {
					labels = append(labels, f.labels[k], value)
				}
				sample(&b, f.name, labels, v)
			})
		}
	}
	return b.WriteTo(w)
}

var (
	helpEscapes  = strings.NewReplacer(`\`, `\\`, "\n", `\n`)
	labelEscapes = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)
)

// sample writes one line. labels are names and values in turns.
func sample(b *bytes.Buffer, name string, labels []string, v float64) {
	b.WriteString(name)
	for i := 0; i < len(labels); i += 2 {
		b.WriteByte("{,"[min(i, 1)])
		b.WriteString(labels[i] + `="` + labelEscapes.Replace(strings.ToValidUTF8(labels[i+1], "\ufffd")) + `"`)
	}
	if len(labels) > 0 {
		b.WriteByte('}')
	}
	b.WriteByte(' ')
	b.Write(strconv.AppendFloat(b.AvailableBuffer(), v, 'g', -1, 64))
	b.WriteByte('\n')
}
