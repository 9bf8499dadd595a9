package format

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/girok/girok/record"
)

func TestLogRecord(t *testing.T) {
	e := record.NewEncoder(nil)
	defer e.Release()
	at := time.Unix(1709646306, 123456000)
	e.Begin(&record.Header{Level: record.Error, Time: at, Logger: "shop", Message: "placed"})
	e.Caller(record.EncodeCaller(record.Caller{File: "shop/orders.go", Function: "shop.Place", Line: 7}))
	for _, a := range []slog.Attr{slog.Int("n", 5), slog.String("name", "clash"), slog.Group("g", slog.Bool("b", true))} {
		e.Attr(a)
	}
	var v record.View
	if err := v.Parse(e.Finish()); err != nil {
		t.Fatal(err)
	}
	l := NewLogRecord(time.UTC, time.Time{})
	var got []string
	l.Each(&v, func(name []byte, val *record.Value, str []byte) {
		switch string(name) {
		case "relativeCreated", "process":
			return // of this process
		case "created":
			if val.Type != record.Float || val.Float() != 1709646306.123456 {
				t.Errorf("created is %v", val)
			}
		case "levelno":
			if val.Type != record.Int || val.Int() != 40 {
				t.Errorf("levelno is %v", val)
			}
		case "exc_info":
			if val.Type != record.Null {
				t.Errorf("exc_info is %v", val)
			}
		}
		got = append(got, string(name)+"="+string(str))
	})
	want := "name=shop msg=placed args=() levelname=ERROR levelno=40 pathname=shop/orders.go filename=orders.go module=orders " +
		"exc_info=None exc_text=None stack_info=None lineno=7 funcName=Place created=1709646306.123456 msecs=123.0 " +
		"thread=0 threadName=MainThread processName=MainProcess n=5 extra.name=clash g={'b': True}"
	if s := strings.Join(got, " "); s != want {
		t.Errorf("got  %s\nwant %s", s, want)
	}
}
