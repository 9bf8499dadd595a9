package sinktest

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"time"
)

// fit is one value and what becomes of it in a column of a type.
type fit struct {
	value any
	want  want // nil: it does not fit, the row is rejected
	edge  bool // a store's type may be narrower: the row may be rejected
}

var (
	long  = strings.Repeat("0123456789", 10_000)
	seoul = time.FixedZone("KST", 9*3600)
	noon  = time.Date(2026, 11, 25, 12, 0, 0, 123456789, seoul)
	year1 = time.Date(1, 1, 2, 0, 0, 0, 1000, time.UTC)
	last  = time.Date(9999, 12, 30, 23, 59, 59, 999999999, time.UTC)
	far   = time.Date(12000, 1, 1, 0, 0, 0, 0, time.UTC)
	raws  = json.RawMessage(`{"n":123456789012345678901234567890,"f":1.10,"s":"\u0000é\ud800","l":[1,null,true]}`)
	deep  = json.RawMessage(strings.Repeat(`{"d":`, 95) + "1" + strings.Repeat("}", 95)) // as deep as a record may be
)

// number is a JSON value that is only a number.
func number(s string) json.RawMessage { return json.RawMessage(s) }

// fits are the values that every store is tried with, by the type of the column.
var fits = map[string][]fit{
	"string": {
		{value: "", want: text("")},
		{value: "text", want: text("text")},
		{value: long, want: text(long)},
		{value: "bad\xff\x00", want: text("bad\uFFFD\uFFFD")},
		{value: "한국어 🎈", want: text("한국어 🎈")},
		{value: int64(math.MinInt64), want: text("-9223372036854775808")},
		{value: uint64(math.MaxUint64), want: text("18446744073709551615")},
		{value: 0.1, want: text("0.1")},
		{value: math.Inf(-1), want: text("-Inf")},
		{value: true, want: text("true")},
		{value: 1500 * time.Millisecond, want: text("1.5s")},
		{value: noon, want: text("2026-11-25T12:00:00.123456789+09:00")},
		{value: errors.New("broken"), want: text("broken")},
		{value: number("1.10"), want: text("1.10")},
		{value: json.RawMessage(`"a\u00e9\n"`), want: text("aé\n")},
		{value: []byte{0, 255}, want: text("AP8=")},
		{value: []int{1, 2}, want: text("[1,2]")},
		{value: nil, want: isNull},
	},
	"int": {
		{value: 0, want: num("0")},
		{value: int64(math.MinInt64), want: num("-9223372036854775808")},
		{value: int64(math.MaxInt64), want: num("9223372036854775807")},
		{value: uint64(math.MaxInt64), want: num("9223372036854775807")},
		{value: uint64(math.MaxInt64) + 1},
		{value: uint64(math.MaxUint64)},
		{value: 42.0, want: num("42")},
		{value: 42.5},
		{value: 1e19},
		{value: math.NaN()},
		{value: math.Inf(1)},
		{value: number("9007199254740993"), want: num("9007199254740993")},
		{value: number("9007199254740993.0"), want: num("9007199254740993")},
		{value: number("1e3"), want: num("1000")},
		{value: number("9223372036854775808")},
		{value: time.Second, want: num("1000000000")},
		{value: "42"},
		{value: true},
		{value: noon},
		{value: []int{1}},
		{value: nil, want: isNull},
	},
	"float": {
		{value: 0.1, want: float(0.1)},
		{value: math.Copysign(0, -1), want: float(0)},
		{value: math.MaxFloat64, want: float(math.MaxFloat64)},
		{value: math.SmallestNonzeroFloat64, want: float(math.SmallestNonzeroFloat64)},
		{value: math.NaN(), want: float(math.NaN()), edge: true},
		{value: math.Inf(1), want: float(math.Inf(1)), edge: true},
		{value: math.Inf(-1), want: float(math.Inf(-1)), edge: true},
		{value: 1 << 53, want: float(1 << 53)},
		{value: 1<<53 + 1},
		{value: uint64(1) << 63, want: float(1 << 63)},
		{value: uint64(math.MaxUint64)},
		{value: number("0.25"), want: float(0.25)},
		{value: number("123456789012345678901234567890")},
		{value: number("1e999")},
		{value: "0.1"},
		{value: nil, want: isNull},
	},
	"decimal(10,2)": {
		{value: 12, want: num("12")},
		{value: -0.25, want: num("-0.25")},
		{value: "99999999.99", want: num("99999999.99")},
		{value: "+007.50", want: num("7.5")},
		{value: number("1.5e2"), want: num("150")},
		{value: "100000000"},
		{value: 0.125},
		{value: math.NaN()},
		{value: "1.2.3"},
		{value: "text"},
		{value: true},
		{value: nil, want: isNull},
	},
	"bool": {
		{value: true, want: boolean(true)},
		{value: false, want: boolean(false)},
		{value: json.RawMessage("true"), want: boolean(true)},
		{value: 1},
		{value: "true"},
		{value: nil, want: isNull},
	},
	"timestamp": {
		{value: noon, want: moment("2026-11-25T03:00:00.123456Z")},
		{value: "2026-11-25T12:00:00.5+09:00", want: moment("2026-11-25T03:00:00.5Z")},
		{value: time.Unix(-1, 999_999_999), want: moment("1969-12-31T23:59:59.999999Z")},
		{value: year1, want: moment("0001-01-02T00:00:00.000001Z"), edge: true},
		{value: last, want: moment("9999-12-30T23:59:59.999999Z"), edge: true},
		{value: far},
		{value: "2026-11-25 12:00:00"},
		{value: "yesterday"},
		{value: 1764072000},
		{value: nil, want: isNull},
	},
	"datetime": {
		{value: noon.UTC(), want: moment("2026-11-25T12:00:00.123456")},
		{value: "2026-11-25T12:00:00Z", want: moment("2026-11-25T21:00:00")},
		{value: "2026-11-25 12:00:00.25", want: moment("2026-11-25T12:00:00.25")},
		{value: last, want: moment("9999-12-31T08:59:59.999999"), edge: true},
		{value: far},
		{value: 5},
		{value: nil, want: isNull},
	},
	"date": {
		{value: time.Date(2026, 11, 25, 14, 59, 59, 0, time.UTC), want: moment("2026-11-25")},
		{value: time.Date(2026, 11, 25, 15, 0, 0, 0, time.UTC), want: moment("2026-11-26")},
		{value: "2024-02-29", want: moment("2024-02-29")},
		{value: "2023-02-29"},
		{value: year1, want: moment("0001-01-02"), edge: true},
		{value: far},
		{value: nil, want: isNull},
	},
	"json": {
		{value: "a\"b\x00\xff", want: jsonText(`"a\"b\ufffd\ufffd"`)},
		{value: int64(math.MaxInt64), want: jsonText("9223372036854775807")},
		{value: uint64(math.MaxUint64), want: jsonText("18446744073709551615")},
		{value: math.NaN(), want: jsonText(`"NaN"`)},
		{value: number("1.10"), want: jsonText("1.10")},
		{value: true, want: jsonText("true")},
		{value: noon, want: jsonText(`"2026-11-25T12:00:00.123456789+09:00"`)},
		{value: time.Second, want: jsonText("1000000000")},
		{value: []byte{1, 2}, want: jsonText(`"AQI="`)},
		{value: raws, want: jsonText(`{"n":123456789012345678901234567890,"f":1.10,"s":"\ufffdé\ufffd","l":[1,null,true]}`)},
		{value: deep, want: jsonText(string(deep))},
		{value: map[string]any{"b": []any{1, "x"}}, want: jsonText(`{"b":[1,"x"]}`)},
		{value: nil, want: isNull},
	},
	"bytes": {
		{value: []byte{0, 1, 254, 255}, want: raw([]byte{0, 1, 254, 255})},
		{value: []byte{}, want: raw(nil)},
		{value: []byte(long), want: raw([]byte(long))},
		{value: "text\x00\xff", want: raw([]byte("text\x00\xff"))},
		{value: 5},
		{value: nil, want: isNull},
	},
}

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
