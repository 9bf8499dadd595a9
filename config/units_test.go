package config

import (
	"strings"
	"testing"
	"time"
)

func TestParseSize(t *testing.T) {
	for text, want := range map[string]Size{
		"0": 0, "123": 123, "1_000": 1000, "7B": 7, "512KiB": 512 << 10, "4MiB": 4 << 20, "1GiB": 1 << 30,
		"2TiB": 2 << 40, "10MB": 10_000_000, "1kB": 1000, "1KB": 1000, "3GB": 3e9, "1TB": 1e12,
		"1.5GiB": 3 << 29, "0.1KiB": 102, "4 MiB": 4 << 20,
	} {
		if got, err := ParseSize(text); err != nil || got != want {
			t.Errorf("%s: got %d, %v; want %d", text, got, err, want)
		}
	}
	for text, part := range map[string]string{
		"": "512KiB", "many": "512KiB", "-1": "512KiB", "4M": "units: TiB, TB", "4mib": "units", "1.5": "units",
		"4MiBx": "units", "1e3": "512KiB", "9999999TiB": "below 8EiB", "4  MiB": "512KiB", ".5GiB": "512KiB",
	} {
		if got, err := ParseSize(text); err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%s: got %d, %v; want an error with %q", text, got, err, part)
		}
	}
}

func TestSizeString(t *testing.T) {
	for size, want := range map[Size]string{
		0: "0", 123: "123", 1024: "1KiB", 4 << 20: "4MiB", 10e6: "10MB", 1500: "1500", 2000: "2kB",
		3 << 29: "1536MiB", 1e12: "1TB", 1 << 40: "1TiB",
	} {
		if got := size.String(); got != want {
			t.Errorf("%d: got %s, want %s", int64(size), got, want)
		}
		var back Size
		if err := back.UnmarshalText([]byte(want)); err != nil || back != size {
			t.Errorf("%s read back: got %d, %v", want, back, err)
		}
	}
}

func TestParseDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0": 0, "5s": 5 * time.Second, "10m": 10 * time.Minute, "1h30m": 90 * time.Minute, "1.5h": 90 * time.Minute,
		"250ms": 250 * time.Millisecond, "7d": 7 * day, "1d12h": 36 * time.Hour, "0s": 0,
	} {
		if got, err := ParseDuration(text); err != nil || time.Duration(got) != want {
			t.Errorf("%s: got %s, %v; want %s", text, got, err, want)
		}
	}
	for text, part := range map[string]string{
		"5": "with a unit, as 5s", "1_000": "with a unit", "1.5": "with a unit", "-5": "with a unit",
		"": "as 5s, 10m", "soon": "as 5s, 10m", "5 s": "as 5s, 10m", "1w": "as 5s, 10m", "2d0": "as 5s, 10m",
		"-5s": "not negative", "-1d": "as 5s", "1d-48h": "not negative", "9999999d": "292 years", "106751d30h": "not negative",
	} {
		if got, err := ParseDuration(text); err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%s: got %s, %v; want an error with %q", text, got, err, part)
		}
	}
}

func TestDurationString(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0", time.Second: "1s", 10 * time.Minute: "10m", time.Hour: "1h", 90 * time.Minute: "1h30m",
		36 * time.Hour: "36h", 61 * time.Second: "1m1s", 250 * time.Millisecond: "250ms", time.Hour + time.Second: "1h0m1s",
	} {
		if got := Duration(d).String(); got != want {
			t.Errorf("%s: got %s, want %s", d, got, want)
		}
		var back Duration
		if err := back.UnmarshalText([]byte(want)); err != nil || time.Duration(back) != d {
			t.Errorf("%s read back: got %s, %v", want, back, err)
		}
	}
}
