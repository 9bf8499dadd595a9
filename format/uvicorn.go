package format

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/girok/girok/record"
)

const (
	classUvicorn       = "uvicorn.logging.DefaultFormatter"
	classUvicornAccess = "uvicorn.logging.AccessFormatter"
)

// uvicorn has the fields that uvicorn's two formatters add to Python's: levelprefix,
// and with access client_addr, request_line and status_code. The arguments that
// uvicorn's server logs with are attributes here: client_addr, method, full_path,
// http_version, status_code.
type uvicorn struct {
	access bool
	color  Color
}

// newUvicorn makes the formatter of one of uvicorn's classes.
func newUvicorn(o Options, access bool, color Color) (Formatter, error) {
	t, err := o.Text()
	if err != nil {
		return nil, err
	}
	t.uvicorn, t.calls = &uvicorn{access: access, color: color}, false
	for i := range t.pieces {
		t.pieces[i].plain = t.pieces[i].plain && t.pieces[i].field != fieldMessage // which may be another with colours
	}
	return &coloredText{t}, nil
}

// coloredText is a text that may have colours.
type coloredText struct{ *Text }

// On implements Colored.
func (c *coloredText) On(terminal bool) Formatter {
	if c.uvicorn.color != ColorAuto || !terminal {
		return c
	}
	t := c.of(c.pid, c.start)
	t.uvicorn = &uvicorn{access: c.uvicorn.access, color: ColorAlways}
	return &coloredText{t}
}

// Of is c for another process: see Text.Of.
func (c *coloredText) Of(pid int, started time.Time) Formatter {
	return &coloredText{c.of(pid, started)}
}

// field loads one of uvicorn's fields; false if name is none of them.
func (u *uvicorn) field(x *operand, name string, v *record.View) bool {
	switch {
	case name == "levelprefix":
		x.setString(u.prefix(v.Level))
		return true
	case !u.access:
		return false
	case name == "request_line":
		return u.requestLine(x, v)
	case name == "status_code":
		return u.status(x, v)
	}
	return false
}

var levelColors = map[record.Level]string{
	5: "\x1b[34m", record.Debug: cyan, record.Info: green, record.Warning: yellow, record.Error: red, record.Critical: "\x1b[91m",
}

// prefix is "INFO:     ", the column that uvicorn's lines begin with.
func (u *uvicorn) prefix(l record.Level) string {
	const column = 8
	name := levelName(l)
	space := strings.Repeat(" ", max(column-len(name), 0))
	if color := levelColors[l]; u.color == ColorAlways && color != "" {
		name = color + name + plain
	}
	return name + ":" + space
}

// requestLine loads "GET /x HTTP/1.1".
func (u *uvicorn) requestLine(x *operand, v *record.View) bool {
	if !x.attr(v, "request_line") {
		var parts [3][]byte
		for i, key := range []string{"method", "full_path", "http_version"} {
			if !x.attr(v, key) {
				return false
			}
			parts[i] = x.appendStr(nil)
		}
		x.setText(fmt.Appendf(nil, "%s %s HTTP/%s", parts[0], parts[1], parts[2]))
	}
	if u.color == ColorAlways {
		x.setString(bold + string(x.appendStr(nil)) + plain)
		x.text = nil
	}
	return true
}

// status loads "200 OK".
func (u *uvicorn) status(x *operand, v *record.View) bool {
	if !x.attr(v, "status_code") {
		return false
	}
	text := string(x.appendStr(nil))
	code, err := strconv.Atoi(text)
	if err != nil {
		return true
	}
	text += " " + phrases[code]
	if u.color == ColorAlways {
		classes := []string{1: "\x1b[97m", 2: green, 3: yellow, 4: red, 5: "\x1b[91m"}
		if c := code / 100; c >= 1 && c < len(classes) {
			text = classes[c] + text + plain
		}
	}
	x.kind, x.str, x.text = isText, text, nil
	return true
}

// phrases are Python's names of HTTP's codes.
var phrases = map[int]string{
	100: "Continue", 101: "Switching Protocols", 102: "Processing", 103: "Early Hints",
	200: "OK", 201: "Created", 202: "Accepted", 203: "Non-Authoritative Information", 204: "No Content", 205: "Reset Content",
	206: "Partial Content", 207: "Multi-Status", 208: "Already Reported", 226: "IM Used",
	300: "Multiple Choices", 301: "Moved Permanently", 302: "Found", 303: "See Other", 304: "Not Modified", 305: "Use Proxy",
	307: "Temporary Redirect", 308: "Permanent Redirect",
	400: "Bad Request", 401: "Unauthorized", 402: "Payment Required", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed",
	406: "Not Acceptable", 407: "Proxy Authentication Required", 408: "Request Timeout", 409: "Conflict", 410: "Gone",
	411: "Length Required", 412: "Precondition Failed", 413: "Request Entity Too Large", 414: "Request-URI Too Long",
	415: "Unsupported Media Type", 416: "Requested Range Not Satisfiable", 417: "Expectation Failed", 418: "I'm a Teapot",
	421: "Misdirected Request", 422: "Unprocessable Entity", 423: "Locked", 424: "Failed Dependency", 425: "Too Early",
	426: "Upgrade Required", 428: "Precondition Required", 429: "Too Many Requests", 431: "Request Header Fields Too Large",
	451: "Unavailable For Legal Reasons",
	500: "Internal Server Error", 501: "Not Implemented", 502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout",
	505: "HTTP Version Not Supported", 506: "Variant Also Negotiates", 507: "Insufficient Storage", 508: "Loop Detected",
	510: "Not Extended", 511: "Network Authentication Required",
}

// colorMessage is the message with the colours that the program itself gave, as
// uvicorn's own records have it.
func (u *uvicorn) colorMessage(x *operand, v *record.View) bool {
	return u.color == ColorAlways && x.attr(v, "color_message") && !bytes.Contains(x.text, []byte("%s"))
}
