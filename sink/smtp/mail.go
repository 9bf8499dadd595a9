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
	whole := append(bytes.Join(lines, []byte("\n")), '\n')
	switch {
	case !long && ascii:
		return "7bit", whole
	case !long:
		return "8bit", whole
	}
	quoted := quotedPrintable(lines)
	if based := base64Lines(whole); len(based) < len(quoted) {
		return "base64", based
	}
	return "quoted-printable", quoted
}

// splitLines splits at \n, \r\n and \r.
func splitLines(text []byte) [][]byte {
	text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	text = bytes.ReplaceAll(text, []byte("\r"), []byte("\n"))
	return bytes.Split(bytes.TrimSuffix(text, []byte("\n")), []byte("\n"))
}

// quotedPrintable encodes lines so that none is longer than maxLine.
func quotedPrintable(lines [][]byte) []byte {
	var out []byte
	for _, l := range lines {
		start := len(out)
		for i, c := range l {
			last := i == len(l)-1
			one := []byte{c}
			if c > '~' || c < ' ' && c != '\t' || c == '=' || last && (c == ' ' || c == '\t') {
				one = fmt.Appendf(nil, "=%02X", c)
			}
			room := maxLine - (len(out) - start) - len(one)
			if room < 0 || room == 0 && !last {
				out = append(out, "=\n"...)
				start = len(out)
			}
			out = append(out, one...)
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
