package girok

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/girok/girok/format"
	"github.com/girok/girok/record"
)

// messageOf is the message of a log call. slog's messages are texts; a program in
// Go merges arguments into them itself. Here a formatter of girok's does it, with
// the arguments as attributes.
func messageOf(s *logStep) (string, error) {
	var msg string
	if err := json.Unmarshal(s.Msg, &msg); err != nil || s.Msg[0] != '"' {
		return "", cannot("a message that is no text")
	}
	if len(s.Args) == 0 || string(s.Args) == "null" || string(s.Args) == "[]" || string(s.Args) == "{}" {
		return msg, nil
	}
	var attrs []slog.Attr
	add := func(name string, raw json.RawMessage) error {
		v, err := goValue(raw)
		attrs = append(attrs, slog.Any(name, v))
		return err
	}
	if s.Args[0] == '{' {
		var args map[string]json.RawMessage
		if err := json.Unmarshal(s.Args, &args); err != nil {
			return "", err
		}
		for name, raw := range args {
			if err := add(name, raw); err != nil {
				return "", err
			}
		}
		return merged(msg, attrs)
	}
	var args []json.RawMessage
	if err := json.Unmarshal(s.Args, &args); err != nil {
		return "", err
	}
	for _, raw := range args {
		if err := add("", raw); err != nil {
			return "", err
		}
	}
	return merged(msg, attrs)
}

// merged is a message with its arguments, which have names or none.
func merged(msg string, args []slog.Attr) (string, error) {
	named := len(args) > 0 && args[0].Key != ""
	for i := range args {
		if args[i].Key = "arg_" + args[i].Key; !named {
			args[i].Key += strconv.Itoa(i)
		}
	}
	if named {
		return formatted(strings.ReplaceAll(msg, "%(", "%(arg_"), args)
	}
	n := 0
	return formatted(placeholder.ReplaceAllStringFunc(msg, func(s string) string {
		if s == "%%" {
			return s
		}
		n++
		return fmt.Sprintf("%%(arg_%d)%s", n-1, s[1:])
	}), args)
}

var placeholder = regexp.MustCompile(`%[^a-zA-Z%]*[a-zA-Z%]`)

// formatted is a format of Python's with the attributes in it.
func formatted(text string, attrs []slog.Attr) (string, error) {
	f, err := format.Options{Format: text, Lenient: true}.Text()
	if err != nil {
		return "", cannot("a message with the arguments of %s: %v", text, err)
	}
	e := record.NewEncoder(nil)
	defer e.Release()
	e.Begin(&record.Header{Time: time.Unix(0, 0), Level: record.Info})
	for _, a := range attrs {
		e.Attr(a)
	}
	e.Finish()
	return string(f.Append(nil, e.View())), nil
}
