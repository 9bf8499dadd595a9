package format

import (
	"testing"
	"time"

	"github.com/girok/girok/record"
)

// TestStrftime has what glibc prints in the C locale.
func TestStrftime(t *testing.T) {
	seoul := time.FixedZone("KST", 9*3600)
	at := time.Unix(1709613906, 0) // 2024-03-05 13:45:06 in Seoul
	tests := []struct{ layout, want string }{
		{"%Y-%m-%dT%H:%M:%S%z", "2024-03-05T13:45:06+0900"},
		{"%a %A %b %B %h|%c|%x|%X", "Tue Tuesday Mar March Mar|Tue Mar  5 13:45:06 2024|03/05/24|13:45:06"},
		{"%I %p %P %r %R %T %D %F", "01 PM pm 01:45:06 PM 13:45 13:45:06 03/05/24 2024-03-05"},
		{"%j %U %W %V %G %g %u %w", "065 09 10 10 2024 24 2 2"},
		{"%C %y %e %k %l|%s|%Z %%%n%t", "20 24  5 13  1|1709613906|KST %\n\t"},
		{"%f|%L|%J|%i|%q|%Q|%N|%K|%v|%1|%!|%", "%f|%L|%J|%i|%q|%Q|%N|%K|%v|%1|%!|%"},
		{"%-d %_d %5d %-5d %_5d %05d %3y %-3y", "5  5 00005     5     5 00005 024  24"},
		{"%^a %#a %#Z %#p %^B %^P|%10a|%010a|%5%|", "TUE TUE kst pm MARCH pm|       Tue|0000000Tue|    %|"},
		{"%Ey %Od %EY %EH %OD %10F %_j %-e %0e %15s", "24 05 2024 %EH %OD 2024-03-05  65 5 05      1709613906"},
		{"%9z|%_9z|%-z|%09z", "        +000000900|        +      900|+900|00000000+000000900"},
		{"%7 |%E%0|%^q|%05q|%-E%Y|%6", "    %7 |%0|%^Q|0%05q|%Y|    %6"},
		{"%H시 %M분", "13시 45분"},
		{"", ""}, {"plain", "plain"},
	}
	for _, tt := range tests {
		if got := string(parseLayout(tt.layout).append(nil, at.In(seoul))); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.layout, got, tt.want)
		}
	}
	for _, tt := range []struct {
		sec          int64
		layout, want string
	}{
		{1704067199, "%U %W %V %G %g %u %w %j", "53 52 52 2023 23 7 0 365"}, // a Sunday
		{1704067200, "%U %W %V %G %I %l", "00 01 01 2024 12 12"},
		{1735689599, "%U %W %V %G %y %j", "52 53 01 2025 24 366"},
		{-62135596800 + 86400*365*98, "%Y %C %y %F", "98 0 98 98-12-08"},
		{-1, "%s %F %T", "-1 1969-12-31 23:59:59"},
	} {
		if got := string(parseLayout(tt.layout).append(nil, time.Unix(tt.sec, 0).UTC())); got != tt.want {
			t.Errorf("%d %q: got %q, want %q", tt.sec, tt.layout, got, tt.want)
		}
	}
}

func TestAscTime(t *testing.T) {
	kolkata := time.FixedZone("IST", 19800)
	tests := []struct {
		sec     int64
		nanos   uint32
		datefmt string
		loc     *time.Location
		want    string
	}{
		{1709646306, 0, "", time.UTC, "2024-03-05 13:45:06,000"},
		{1709646306, 1_000_000, "", time.UTC, "2024-03-05 13:45:06,001"},
		{1709646306, 999_999_000, "", time.UTC, "2024-03-05 13:45:06,999"},
		{1709646306, 999_999_999, "", time.UTC, "2024-03-05 13:45:07,000"}, // CPython's float rounds up
		{-1, 500_000_000, "", time.UTC, "1969-12-31 23:59:59,500"},
		{1709646306, 5, "", kolkata, "2024-03-05 19:15:06,000"},
		{1709646306, 5, "%H:%M %Z", kolkata, "19:15 IST"},
	}
	for _, tt := range tests {
		f, err := New("%(asctime)s", tt.datefmt, tt.loc)
		if err != nil {
			t.Fatal(err)
		}
		v := record.View{Seconds: tt.sec, Nanos: tt.nanos}
		if got := string(f.Append(nil, &v)); got != tt.want {
			t.Errorf("%d.%09d: got %q, want %q", tt.sec, tt.nanos, got, tt.want)
		}
	}
}
