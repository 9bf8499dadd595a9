package record
import ("testing";"log/slog";"time")
func BenchmarkZZ(b *testing.B){
	attrs := []slog.Attr{slog.String("method","GET-something"),slog.Int("status",200),slog.Float64("score",0.9312),slog.Bool("ok",true),slog.Duration("took",1234567)}
	now := time.Now()
	e := NewEncoder(nil)
	h := &Header{Mask:1, Level: Info, Time: now, Logger:"MLLogger", Message:"request served in time"}
	b.ReportAllocs()
	for b.Loop() { e.Begin(h); for i := range attrs { e.Attr(attrs[i]) }; e.Finish() }
}
func BenchmarkZZBegin(b *testing.B){
	now := time.Now()
	e := NewEncoder(nil)
	h := &Header{Mask:1, Level: Info, Time: now, Logger:"MLLogger", Message:"request served in time"}
	for b.Loop() { e.Begin(h); e.Finish() }
}
