package encodings

import (
	"fmt"
	"strings"

	"golang.org/x/text/unicode/runenames"

	"github.com/girok/girok/sink/file"
)

// Names is the Option of girok.Open that knows the names of characters, for files with
// `errors: namereplace`: \N{HANGUL SYLLABLE HAN} stands for what their encoding lacks.
// The names make a program 1 MB larger. They are those of Unicode 15; what has none, or one that is
// newer, is escaped, \u0378 for example.
var Names file.Encodings = func(plain string) (file.Encoding, bool) {
	return file.Encoding{Append: appendName}, plain == file.NameReplace
}

func appendName(dst []byte, r rune) ([]byte, bool) {
	n := name(r)
	if n == "" {
		return dst, false
	}
	return append(append(append(dst, `\N{`...), n...), '}'), true
}

// name is that of a character, as CPython has it; "" if it has none.
func name(r rune) string {
	n := runenames.Name(r)
	switch {
	case !strings.HasPrefix(n, "<"):
		return n
	case r >= 0xac00 && r <= 0xd7a3:
		return hangul(int(r - 0xac00))
	case strings.HasPrefix(n, "<CJK Ideograph"):
		return fmt.Sprintf("CJK UNIFIED IDEOGRAPH-%X", r)
	}
	return "" // controls, those of private use
}

// hangul is the name of syllable n, made of those of its letters.
func hangul(n int) string {
	const vowels, lasts = 21, 28
	first := strings.Split("G GG N D DD R M B BB S SS  J JJ C K T P H", " ")
	vowel := strings.Split("A AE YA YAE EO E YEO YE O WA WAE OE YO U WEO WE WI YU EU YI I", " ")
	last := strings.Split(" G GG GS N NJ NH D L LG LM LB LS LT LP LH M B BS S SS NG J C K T P H", " ")
	return "HANGUL SYLLABLE " + first[n/(vowels*lasts)] + vowel[n/lasts%vowels] + last[n%lasts]
}
