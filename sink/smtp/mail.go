package smtp

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"mime"
	"strings"

	"github.com/girok/girok/record"
)

// maxLine is the longest line of a body that is sent as it is, in bytes, as
// Python has it.
const maxLine = 78

// mail is the mail of a record, with line ends that the client makes CRLF of.
func (h *Handler) mail(v *record.View) []byte {
	encoding, body := encodeBody(h.env.Append(nil, v))
	var b bytes.Buffer
	for _, h := range [][2]string{{"From", h.config.From}, {"To", strings.Join(h.config.To, ",")}, {"Subject", h.config.Subject}} {
		b.WriteString(strings.TrimSuffix(h[0]+": "+header(h[1]), " ") + "\n")
	}
	fmt.Fprintf(&b, "Date: %s\n", v.Time().In(h.env.Location).Format("Mon, 02 Jan 2006 15:04:05 -0700"))
	fmt.Fprintf(&b, "Content-Type: text/plain; charset=\"utf-8\"\nContent-Transfer-Encoding: %s\nMIME-Version: 1.0\n\n", encoding)
	b.Write(body)
	return b.Bytes()
}

// header encodes what is not ASCII, in the shorter of the two ways.
func header(s string) string {
	q, b := mime.QEncoding.Encode("utf-8", s), mime.BEncoding.Encode("utf-8", s)
	if len(b) < len(q) {
		return b
	}
	return q
}

// encodeBody is the body and how it is encoded: as it is if no line is too long.
func encodeBody(text []byte) (encoding string, body []byte) {
	lines := splitLines(text)
	ascii, long := true, false
	for _, l := range lines {
		long = long || len(l) > maxLine
		ascii = ascii && !bytes.ContainsFunc(l, func(r rune) bool { return r >= 0x80 })
	}
	whole := joined(lines)
	switch {
	case !long && ascii:
		return "7bit", whole
	case !long:
		return "8bit", whole
	}
	// As in Python the first ten lines decide, and line ends count on one side only.
	first := lines[:min(10, len(lines))]
	if len(quotedPrintable(first)) > base64.StdEncoding.EncodedLen(len(joined(first)))+1 {
		return "base64", base64Lines(whole)
	}
	return "quoted-printable", quotedPrintable(lines)
}

// joined is lines, each with its end.
func joined(lines [][]byte) []byte { return append(bytes.Join(lines, []byte("\n")), '\n') }

// splitLines splits at \n, \r\n and \r.
func splitLines(text []byte) [][]byte {
	text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	text = bytes.ReplaceAll(text, []byte("\r"), []byte("\n"))
	return bytes.Split(bytes.TrimSuffix(text, []byte("\n")), []byte("\n"))
}

// quotedPrintable encodes lines so that none is longer than maxLine, broken where
// Python's email.quoprimime breaks them.
func quotedPrintable(lines [][]byte) []byte {
	var out, line []byte
	for _, l := range lines {
		line = line[:0]
		for _, c := range l {
			if c > '~' || c < ' ' && c != '\t' || c == '=' {
				line = fmt.Appendf(line, "=%02X", c)
			} else {
				line = append(line, c)
			}
		}
		last := len(line) - 1 - maxLine // where the last piece may begin
		start := 0
		for start <= last {
			stop := start + maxLine - 1
			switch { // no escape is broken up
			case line[stop-2] == '=':
				stop -= 2
			case line[stop-1] == '=':
				stop--
			}
			out = append(append(out, line[start:stop]...), "=\n"...)
			start = stop
		}
		rest := line[start:]
		if n := len(rest) - 1; n >= 0 && (rest[n] == ' ' || rest[n] == '\t') {
			out = append(out, rest[:n]...)
			switch room := start - last; {
			case room >= 3:
				out = fmt.Appendf(out, "=%02X", rest[n])
			case room == 2:
				out = append(out, rest[n], '=', '\n')
			default:
				out = fmt.Appendf(out, "=\n=%02X", rest[n])
			}
		} else {
			out = append(out, rest...)
		}
		out = append(out, '\n')
	}
	return out
}

// base64Lines encodes a text in lines of 76 characters.
func base64Lines(text []byte) []byte {
	all := base64.StdEncoding.EncodeToString(text)
	var out []byte
	for len(all) > 76 {
		out = append(append(out, all[:76]...), '\n')
		all = all[76:]
	}
	return append(append(out, all...), '\n')
}
