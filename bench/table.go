//go:build linux

package main

import (
	"fmt"
	"slices"
	"strings"
)

// line is something to be measured; it makes one or more rows of the table.
type line struct {
	name    string
	about   string
	measure func(b *bench) ([]row, error)
}

// row is one row of the table, as text.
type row struct {
	line     string
	what     string
	control  string
	ratio    string
	absolute string
	cpu      string
	bar      string
	met      string
}

func markdown(rows []row) string {
	var s strings.Builder
	s.WriteString("| line | what | control | ratio: median (quartiles) | absolute | CPU | bar | met |\n|---|---|---|---|---|---|---|---|\n")
	for _, r := range rows {
		fmt.Fprintf(&s, "| %s | %s | %s | %s | %s | %s | %s | %s |\n", r.line, r.what, r.control, r.ratio, r.absolute, r.cpu, r.bar, r.met)
	}
	return s.String()
}

// spread is a median and the quartiles around it.
type spread struct{ low, median, high float64 }

func spreadOf(values []float64) spread {
	v := slices.Sorted(slices.Values(values))
	return spread{quantile(v, 0.25), quantile(v, 0.5), quantile(v, 0.75)}
}

// quantile is the value at part q of a sorted list, between neighbours in
// proportion.
func quantile(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	at := q * float64(len(sorted)-1)
	i := int(at)
	if i+1 == len(sorted) {
		return sorted[i]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}

func (s spread) String() string { return fmt.Sprintf("%.3f (%.3f–%.3f)", s.median, s.low, s.high) }

// met is the last column.
func met(ok bool) string {
	if ok {
		return "yes"
	}
	return "**no**"
}
