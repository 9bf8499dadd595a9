package config

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
	"testing"
	"time"
)

// parseRoot reads YAML that must be right.
func parseRoot(t testing.TB, text string) *Node {
	t.Helper()
	doc, err := Parse("test.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return doc.Root
}

// TestPyScalar follows PyYAML 6.0's safe_load.
func TestPyScalar(t *testing.T) {
	huge, _ := new(big.Int).SetString("123456789012345678901234567890", 10)
	high, low := math.MaxInt, math.MinInt
	for text, want := range map[string]any{
		"": nil, "~": nil, "null": nil, "Null": nil, "NULL": nil, "nULL": "nULL", "None": "None",
		"yes": true, "Yes": true, "YES": true, "on": true, "ON": true, "true": true, "True": true,
		"no": false, "No": false, "off": false, "OFF": false, "False": false,
		"y": "y", "n": "n", "yEs": "yEs", "tRue": "tRue", "'no'": "no", `"1"`: "1",
		"0": 0, "-0": 0, "1": 1, "+20": 20, "-7": -7, "1_000": 1000, "1__0_": 10,
		"024": 20, "-024": -20, "00": 0, "0_7": 7, "08": "08", "0o24": "0o24", "_1": "_1",
		"0b10100": 20, "0b1_0": 2, "0b2": "0b2", "0b_": "0b_", "-0b11": -3,
		"0x14": 20, "0X14": "0X14", "0xfF_": 255, "0x_": "0x_", "-0x1": -1,
		"12:30": 750, "12:30:00": 45000, "1:00": 60, "-1:30": -90, "1:60": "1:60", "0:30": "0:30",
		"123456789012345678901234567890": huge,
		strconv.Itoa(high):               high, strconv.Itoa(low): low,
		"1.5": 1.5, "20.": 20.0, ".5": 0.5, "-1.5": -1.5, "-.5": "-.5", "1_0.5": 10.5, "1.5_": 1.5,
		"2.0e+1": 20.0, "2.0e1": "2.0e1", "2e1": "2e1", "1e3": "1e3", ".5e-1": 0.05, ".": ".",
		"1:30.5": 90.5, ".inf": math.Inf(1), "-.INF": math.Inf(-1), "+.Inf": math.Inf(1), "inf": "inf",
		"!!str 5": "5", "!!int '5'": 5, "!!float 5": 5.0, "!!bool 'yes'": true, "!!null ''": nil,
		"a": "a", "'it''s'": "it's", `"\x41"`: "A", "1.2.3": "1.2.3", "10s": "10s", "=": "=",
		"2024-01-02":           PyTime{time.Date(2024, 1, 2, 0, 0, 0, 0, time.UTC), true, true},
		"2024-1-2":             "2024-1-2",
		"2024-13-02":           "2024-13-02",
		"2024-02-30":           "2024-02-30",
		"2024-01-02 03:04:05":  PyTime{time.Date(2024, 1, 2, 3, 4, 5, 0, time.UTC), false, true},
		"2024-1-2T3:04:05.25Z": PyTime{time.Date(2024, 1, 2, 3, 4, 5, 250_000_000, time.UTC), false, false},
		"2024-01-02 25:00:00":  "2024-01-02 25:00:00",
	} {
		got := parseRoot(t, "k: "+text).Get("k").PyScalar()
		if fmt.Sprintf("%T %v", got, got) != fmt.Sprintf("%T %v", want, want) {
			t.Errorf("%s: got %T %v, want %T %v", text, got, got, want, want)
		}
	}
	got := parseRoot(t, "k: .nan").Get("k").PyScalar()
	if f, ok := got.(float64); !ok || !math.IsNaN(f) {
		t.Errorf(".nan: got %v", got)
	}
	zoned := parseRoot(t, "k: 2024-01-02 03:04:05.1234567 -9:30").Get("k").PyScalar().(PyTime)
	if want := "2024-01-02T03:04:05.123456-09:30"; zoned.Time.Format(time.RFC3339Nano) != want {
		t.Errorf("zone: got %s, want %s", zoned.Time.Format(time.RFC3339Nano), want)
	}
}

func TestPyScalarOfOtherKinds(t *testing.T) {
	root := parseRoot(t, "a: [1, x]\nb: {no: yes}\n")
	for _, key := range []string{"a", "b", "absent"} {
		if got := root.Get(key).PyScalar(); got != nil {
			t.Errorf("%s: got %v, want nil", key, got)
		}
	}
	if got := fmt.Sprint(root.Py(nil)); got != "map[a:[1 x] b:map[no:true]]" {
		t.Errorf("Py: got %s", got)
	}
	if got := root.Get("b").Keys()[0].PyScalar(); got != false {
		t.Errorf("the key no: got %v, want false", got)
	}
}

// TestPyScalarExpands: an unquoted reference gets its type afterwards.
func TestPyScalarExpands(t *testing.T) {
	t.Setenv("GIROK_TEST_OFF", "false")
	t.Setenv("GIROK_TEST_LEVEL", "10")
	t.Setenv("GIROK_TEST_EMPTY", "")
	for text, want := range map[string]any{
		"${GIROK_TEST_OFF}": false, `"${GIROK_TEST_OFF}"`: "false", "${GIROK_TEST_LEVEL}": 10,
		"a${GIROK_TEST_LEVEL}": "a10", "${GIROK_TEST_EMPTY}": "", "${GIROK_TEST_UNSET}": "${GIROK_TEST_UNSET}",
		"${GIROK_TEST_UNSET:-null}": "null", "${GIROK_TEST_UNSET:-1_0}": 10, "$message": "$message",
	} {
		if got := parseRoot(t, "k: "+text).Get("k").PyScalar(); got != want {
			t.Errorf("%s: got %T %v, want %T %v", text, got, got, want, want)
		}
	}
	var ps Problems
	parseRoot(t, "k: [x, '${GIROK_TEST_UNSET}']").Py(&ps)
	if len(ps) != 1 || ps[0].Path != "k[1]" {
		t.Errorf("Py: got %v, want one problem at k[1]", ps)
	}
}
