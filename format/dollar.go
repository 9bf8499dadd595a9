package format

// compileDollar cuts a format of style $ into pieces: $name, ${name}, $$.
func compileDollar(format string, lenient bool) ([]piece, error) {
	var pieces []piece
	var text []byte
	for i := 0; i < len(format); {
		if format[i] != '$' {
			text = append(text, format[i])
			i++
			continue
		}
		rest := format[i+1:]
		if len(rest) > 0 && rest[0] == '$' {
			text = append(text, '$')
			i += 2
			continue
		}
		braces := 0
		if len(rest) > 0 && rest[0] == '{' {
			braces, rest = 2, rest[1:]
		}
		n := identifier(rest)
		if n == 0 || braces > 0 && (len(rest) == n || rest[n] != '}') {
			return nil, &SyntaxError{i, "invalid format: bare '$' not allowed; write $$ for a dollar sign"}
		}
		p := piece{before: string(text), name: rest[:n], spec: spec{prec: -1, conv: 's'}, plain: true}
		p.field, p.key = fieldOf(p.name)
		pieces, text = append(pieces, p), nil
		i += 1 + n + braces
	}
	if len(pieces) == 0 && !lenient {
		return nil, &SyntaxError{Msg: "invalid format: no fields; write ${message}"}
	}
	if len(text) > 0 {
		pieces = append(pieces, piece{before: string(text)})
	}
	return pieces, nil
}

// identifier is the length of the name that s begins with, in ASCII as Python's
// string.Template wants it.
func identifier(s string) int {
	for i := range len(s) {
		b := s[i]
		letter := b == '_' || b|0x20 >= 'a' && b|0x20 <= 'z'
		if !letter && (i == 0 || b < '0' || b > '9') {
			return i
		}
	}
	return len(s)
}
