package sinktest

import (
	"fmt"
	"log/slog"
)

// testType writes the values of a type to a column of it.
func testType(typ string) func(*fixture) {
	return func(f *fixture) {
		s, r := f.opened("columns:\n  message: message\n  v: {from: attr.v, type: '" + typ + "'}\n")
		var records []Record
		for i, c := range fits[typ] {
			records = append(records, Log(fmt.Sprint(i), slog.Any("v", c.value)))
		}
		part := r.Part(records...)
		bad := f.writeOrReject(s, part)
		for i, c := range fits[typ] {
			if _, out := bad[i]; c.want == nil && !out {
				f.breach("a conversion is exact or the value does not fit, and then the row is rejected (mismatch: dead)",
					"%s: %.60v (%T) was taken", typ, c.value, c.value)
			} else if c.want != nil && !c.edge && out {
				f.breach("what fits a type is documented in package table; all stores take the same",
					"%s: %.60v (%T) was rejected: %s", typ, c.value, c.value, bad[i])
			}
		}
		f.wantValues(typ, bad)
	}
}

// wantValues compares column v of the rows that are in.
func (f *fixture) wantValues(typ string, bad map[int]string) {
	f.Helper()
	rows := map[string]map[string]any{}
	for _, row := range f.place.Rows(f) {
		rows[asText(row["message"])] = row
	}
	for i, c := range fits[typ] {
		row, in := rows[fmt.Sprint(i)]
		if _, out := bad[i]; out == in {
			f.breach("exactly the rows that Reject names are left out", "%s: row %d: rejected %v, in the table %v", typ, i, out, in)
			continue
		}
		if in && c.want != nil && !c.want(row["v"]) {
			f.breach("values are not changed on the way", "%s: %.60v (%T) came out as %.60v (%T)", typ, c.value, c.value, row["v"], row["v"])
		}
	}
}
