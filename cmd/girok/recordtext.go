package main

import (
	"time"

	"github.com/girok/girok/record"
)

// appendText appends a record's payload as a line for people, without its end.
func appendText(b, payload []byte) []byte {
	var v record.View
	if err := v.Parse(payload); err != nil {
		return append(b, err.Error()...)
	}
	b = v.Time().UTC().AppendFormat(b, time.RFC3339Nano)
	b = append(b, ' ')
	if v.Kind == record.Log {
		b = append(b, v.Level.String()...)
	} else {
		b = append(b, v.Kind.String()...)
	}
	b = append(b, ' ')
	b = append(b, loggerOf(&v)...)
	b = append(b, ": "...)
	b = append(b, plain(string(record.AppendValidUTF8(nil, v.Message)))...)
	if a := v.Attrs(); !a.Empty() {
		b = append(b, ' ')
		b = a.AppendJSON(b)
	}
	return b
}

// appendMembers appends a record's payload as members of a JSON object.
func appendMembers(b, payload []byte) []byte {
	var v record.View
	if err := v.Parse(payload); err != nil {
		b = append(b, `"error":`...)
		return record.AppendJSONString(b, err.Error())
	}
	b = append(b, `"time":"`...)
	b = v.Time().UTC().AppendFormat(b, time.RFC3339Nano)
	b = append(b, `","kind":"`...)
	b = append(b, v.Kind.String()...)
	b = append(b, `","level":"`...)
	b = append(b, v.Level.String()...)
	b = append(b, `","logger":`...)
	b = record.AppendJSONString(b, loggerOf(&v))
	b = append(b, `,"message":`...)
	b = record.AppendJSONString(b, v.Message)
	if v.Source != nil {
		b = append(b, `,"source":`...)
		b = record.AppendJSONString(b, v.Source)
	}
	if v.ID != nil {
		b = append(b, `,"id":`...)
		b = record.AppendJSONString(b, v.ID)
	}
	if c, ok := v.Caller(); ok {
		b = append(b, `,"file":`...)
		b = record.AppendJSONString(b, c.File)
	}
	b = append(b, `,"attributes":`...)
	a := v.Attrs()
	return a.AppendJSON(b)
}

func loggerOf(v *record.View) string {
	if len(v.Logger) == 0 {
		return "root"
	}
	return string(v.Logger)
}

// messageOf is the beginning of a record's message.
func messageOf(payload []byte) string {
	const most = 60
	var v record.View
	if err := v.Parse(payload); err != nil {
		return err.Error()
	}
	s := []rune(string(v.Message))
	if len(s) > most {
		return string(s[:most]) + "…"
	}
	return string(s)
}
