package sinktest

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"time"
)

// fit is a value of an attribute, and what has to become of it in a column of some type.
type fit struct {
	value any
	want  want // what the column holds; nil: the value does not fit, and its row is rejected
	edge  bool // a store's own type may be narrower: its row may be rejected
}

func takes(value any, want want) fit   { return fit{value: value, want: want} }
func refuses(value any) fit            { return fit{value: value} }
func perhaps(value any, want want) fit { return fit{value: value, want: want, edge: true} }

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

// fits are the values that every store is tried with, by the type of the column: for
// each some that it takes, exactly, and some that it has to refuse. The rule is in the
// documentation of package table. Days and wall clocks are those of Seoul here.
var fits = map[string][]fit{
	"string": {
		takes("", text("")),
		takes("text", text("text")),
		takes(long, text(long)),
		takes("bad\xff\x00", text("bad\uFFFD\uFFFD")),
		takes("한국어 🎈", text("한국어 🎈")),
		takes(int64(math.MinInt64), text("-9223372036854775808")),
		takes(uint64(math.MaxUint64), text("18446744073709551615")),
		takes(0.1, text("0.1")),
		takes(math.Inf(-1), text("-Inf")),
		takes(true, text("true")),
		takes(1500*time.Millisecond, text("1.5s")),
		takes(noon, text("2026-11-25T12:00:00.123456789+09:00")),
		takes(errors.New("broken"), text("broken")),
		takes(number("1.10"), text("1.10")),
		takes(json.RawMessage(`"a\u00e9\n"`), text("aé\n")),
		takes([]byte{0, 255}, text("AP8=")),
		takes([]int{1, 2}, text("[1,2]")),
		takes(nil, isNull),
	},
	"int": {
		takes(0, num("0")),
		takes(int64(math.MinInt64), num("-9223372036854775808")),
		takes(int64(math.MaxInt64), num("9223372036854775807")),
		takes(uint64(math.MaxInt64), num("9223372036854775807")),
		refuses(uint64(math.MaxInt64) + 1),
		refuses(uint64(math.MaxUint64)),
		takes(42.0, num("42")),
		refuses(42.5),
		refuses(1e19),
		refuses(math.NaN()),
		refuses(math.Inf(1)),
		takes(number("9007199254740993"), num("9007199254740993")),
		takes(number("9007199254740993.0"), num("9007199254740993")),
		takes(number("1e3"), num("1000")),
		refuses(number("9223372036854775808")),
		takes(time.Second, num("1000000000")),
		refuses("42"),
		refuses(true),
		refuses(noon),
		refuses([]int{1}),
		takes(nil, isNull),
	},
	"float": {
		takes(0.1, float(0.1)),
		takes(math.Copysign(0, -1), float(0)),
		takes(math.MaxFloat64, float(math.MaxFloat64)),
		takes(math.SmallestNonzeroFloat64, float(math.SmallestNonzeroFloat64)),
		perhaps(math.NaN(), float(math.NaN())),
		perhaps(math.Inf(1), float(math.Inf(1))),
		perhaps(math.Inf(-1), float(math.Inf(-1))),
		takes(int64(1)<<53, float(1<<53)),
		refuses(int64(1)<<53 + 1),
		takes(uint64(1)<<63, float(1<<63)),
		refuses(uint64(math.MaxUint64)),
		takes(number("0.25"), float(0.25)),
		refuses(number("123456789012345678901234567890")),
		refuses(number("1e999")),
		refuses("0.1"),
		takes(nil, isNull),
	},
	"decimal(10,2)": {
		takes(12, num("12")),
		takes(-0.25, num("-0.25")),
		takes("99999999.99", num("99999999.99")),
		takes("+007.50", num("7.5")),
		takes(number("1.5e2"), num("150")),
		refuses("100000000"),
		refuses(0.125),
		refuses(math.NaN()),
		refuses("1.2.3"),
		refuses("text"),
		refuses(true),
		takes(nil, isNull),
	},
	"bool": {
		takes(true, boolean(true)),
		takes(false, boolean(false)),
		takes(json.RawMessage("true"), boolean(true)),
		refuses(1),
		refuses("true"),
		takes(nil, isNull),
	},
	"timestamp": {
		takes(noon, moment("2026-11-25T03:00:00.123456Z")),
		takes("2026-11-25T12:00:00.5+09:00", moment("2026-11-25T03:00:00.5Z")),
		takes(time.Unix(-1, 999_999_999), moment("1969-12-31T23:59:59.999999Z")),
		perhaps(year1, moment("0001-01-02T00:00:00.000001Z")),
		perhaps(last, moment("9999-12-30T23:59:59.999999Z")),
		refuses(far),
		refuses("2026-11-25 12:00:00"),
		refuses("yesterday"),
		refuses(1764072000),
		takes(nil, isNull),
	},
	"datetime": {
		takes(noon.UTC(), moment("2026-11-25T12:00:00.123456")),
		takes("2026-11-25T12:00:00Z", moment("2026-11-25T21:00:00")),
		takes("2026-11-25 12:00:00.25", moment("2026-11-25T12:00:00.25")),
		perhaps(last, moment("9999-12-31T08:59:59.999999")),
		refuses(far),
		refuses(5),
		takes(nil, isNull),
	},
	"date": {
		takes(time.Date(2026, 11, 25, 14, 59, 59, 0, time.UTC), moment("2026-11-25")),
		takes(time.Date(2026, 11, 25, 15, 0, 0, 0, time.UTC), moment("2026-11-26")),
		takes("2024-02-29", moment("2024-02-29")),
		refuses("2023-02-29"),
		perhaps(year1, moment("0001-01-02")),
		refuses(far),
		takes(nil, isNull),
	},
	"json": {
		takes("a\"b\x00\xff", jsonText(`"a\"b\ufffd\ufffd"`)),
		takes(int64(math.MaxInt64), jsonText("9223372036854775807")),
		takes(uint64(math.MaxUint64), jsonText("18446744073709551615")),
		takes(math.NaN(), jsonText(`"NaN"`)),
		takes(number("1.10"), jsonText("1.10")),
		takes(true, jsonText("true")),
		takes(noon, jsonText(`"2026-11-25T12:00:00.123456789+09:00"`)),
		takes(time.Second, jsonText("1000000000")),
		takes([]byte{1, 2}, jsonText(`"AQI="`)),
		takes(raws, jsonText(`{"n":123456789012345678901234567890,"f":1.10,"s":"\ufffdé\ufffd","l":[1,null,true]}`)),
		takes(deep, jsonText(string(deep))),
		takes(map[string]any{"b": []any{1, "x"}}, jsonText(`{"b":[1,"x"]}`)),
		takes(nil, isNull),
	},
	"bytes": {
		takes([]byte{0, 1, 254, 255}, raw([]byte{0, 1, 254, 255})),
		takes([]byte{}, raw(nil)),
		takes([]byte(long), raw([]byte(long))),
		takes("text\x00\xff", raw([]byte("text\x00\xff"))),
		refuses(5),
		takes(nil, isNull),
	},
}
