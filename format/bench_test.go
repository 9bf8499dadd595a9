package format

import (
	"log/slog"
	"testing"
	"time"

	"github.com/girok/girok/record"
)

// encoded is the payload of a record with these attributes.
func encoded(tb testing.TB, h record.Header, attrs ...slog.Attr) []byte {
	tb.Helper()
	e := record.NewEncoder(nil)
	defer e.Release()
	e.Begin(&h)
	for _, a := range attrs {
		e.Attr(a)
	}
	return append([]byte(nil), e.Finish()...)
}

func viewOf(tb testing.TB, h record.Header, attrs ...slog.Attr) *record.View {
	tb.Helper()
	v := new(record.View)
	if err := v.Parse(encoded(tb, h, attrs...)); err != nil {
		tb.Fatal(err)
	}
	return v
}

func five(tb testing.TB) *record.View {
	return viewOf(tb, record.Header{
		Level: record.Info, Time: time.Unix(1709646306, 123456789), Logger: "shop.orders", Message: "order placed",
	}, slog.String("user", "kim"), slog.Int("items", 3), slog.Float64("score", 0.9312),
		slog.Bool("gift", true), slog.Duration("took", 1500*time.Microsecond))
}

func BenchmarkJSON(b *testing.B) {
	v, f := five(b), NewJSON(JSONOptions{})
	buf := make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		buf = f.Append(buf[:0], v)
	}
}

func BenchmarkText(b *testing.B) {
	f, err := New("%(asctime)s | %(levelname)s - %(message)s (%(user)s)", "", nil)
	if err != nil {
		b.Fatal(err)
	}
	v := five(b)
	buf := make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		buf = f.Append(buf[:0], v)
	}
}

func BenchmarkDefault(b *testing.B) {
	v, f := five(b), Default(nil)
	buf := make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		buf = f.Append(buf[:0], v)
	}
}

func BenchmarkPyJSON(b *testing.B) {
	f, err := Keys{Class: classJSON2}.New(nil)
	if err != nil {
		b.Fatal(err)
	}
	v := five(b)
	buf := make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		buf = f.Append(buf[:0], v)
	}
}
