package config

import (
	"errors"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/girok/girok/internal/pattern"
)

// Size is a number of bytes, written "512KiB", "4MiB", "1GiB", "10MB" (10^7) or
// as a plain number of bytes.
type Size int64

// Duration is a time.Duration, written "5s", "10m", "1h30m", "7d" (a day is 24
// hours) or "0". It is never negative.
type Duration time.Duration

// sizeUnits is in order of size.
var sizeUnits = []struct {
	name  string
	bytes int64
}{
	{"TiB", 1 << 40}, {"TB", 1e12}, {"GiB", 1 << 30}, {"GB", 1e9}, {"MiB", 1 << 20}, {"MB", 1e6},
	{"KiB", 1 << 10}, {"kB", 1e3}, {"KB", 1e3}, {"B", 1},
}

var (
	sizeText = pattern.Lazy{Expr: `^([0-9][0-9_]*)(\.[0-9]+)? ?([A-Za-z]*)$`}
	dayText  = pattern.Lazy{Expr: `^([0-9]+)d(.*)$`}
)

const day = 24 * time.Hour

const (
	wantSize     = "a size, as 512KiB, 4MiB, 1GiB or 10MB"
	wantDuration = "a duration, as 5s, 10m, 1h30m or 7d"
)

// ParseSize reads a size. The error names the units.
func ParseSize(text string) (Size, error) {
	m := sizeText.Get().FindStringSubmatch(text)
	if m == nil {
		return 0, errors.New("want " + wantSize)
	}
	unit := int64(0)
	if m[3] == "" && m[2] == "" {
		unit = 1
	}
	names := make([]string, 0, len(sizeUnits))
	for _, u := range sizeUnits {
		names = append(names, u.name)
		if m[3] == u.name {
			unit = u.bytes
		}
	}
	if unit == 0 {
		return 0, errors.New("want " + wantSize + " (units: " + strings.Join(names, ", ") + ")")
	}
	number, ok := new(big.Rat).SetString(strings.ReplaceAll(m[1], "_", "") + m[2])
	if !ok {
		return 0, errors.New("want " + wantSize)
	}
	number.Mul(number, new(big.Rat).SetInt64(unit))
	whole := new(big.Int).Quo(number.Num(), number.Denom())
	if !whole.IsInt64() {
		return 0, errors.New("want a size below 8EiB")
	}
	return Size(whole.Int64()), nil
}

// String gives the size in the largest unit that divides it: "4MiB", "10MB", "123".
func (s Size) String() string {
	for _, u := range sizeUnits[:8] {
		if s != 0 && int64(s)%u.bytes == 0 {
			return strconv.FormatInt(int64(s)/u.bytes, 10) + u.name
		}
	}
	return strconv.FormatInt(int64(s), 10)
}

// MarshalText gives String.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText is ParseSize.
func (s *Size) UnmarshalText(text []byte) (err error) {
	*s, err = ParseSize(string(text))
	return err
}

// ParseDuration reads a duration. A number without a unit is refused, except 0.
func ParseDuration(text string) (Duration, error) {
	days, rest := time.Duration(0), text
	if m := dayText.Get().FindStringSubmatch(text); m != nil {
		n, err := strconv.ParseInt(m[1], 10, 64)
		if err != nil || n > int64(math.MaxInt64/day) {
			return 0, errors.New("want a duration below 292 years")
		}
		days, rest = time.Duration(n)*day, m[2]
	}
	if rest == "" && days > 0 {
		return Duration(days), nil
	}
	d, err := time.ParseDuration(rest)
	if _, bare := strconv.ParseFloat(strings.ReplaceAll(text, "_", ""), 64); bare == nil && err != nil {
		return 0, errors.New("want a duration with a unit, as 5s")
	}
	if err != nil || rest != text && d == 0 && rest == "0" {
		return 0, errors.New("want " + wantDuration)
	}
	if d < 0 || days+d < 0 {
		return 0, errors.New("want a duration that is not negative, as 5s")
	}
	return Duration(days + d), nil
}

// String gives the duration without parts that are zero: "1h30m", "5s", "0".
func (d Duration) String() string {
	text := time.Duration(d).String()
	if d == 0 {
		return "0"
	}
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// MarshalText gives String.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText is ParseDuration.
func (d *Duration) UnmarshalText(text []byte) (err error) {
	*d, err = ParseDuration(string(text))
	return err
}
