package config

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// Suggest gives the word of known that was probably meant by word: the nearest
// by edit distance, where two letters changed round count as one edit, or the
// only one that word begins. It gives "" if none is near.
func Suggest(word string, known []string) string {
	best, bestDistance := "", 0
	folded := strings.ToLower(word)
	for _, k := range known {
		if k == word {
			continue
		}
		d := editDistance(folded, strings.ToLower(k))
		if d > nearness(word, k) {
			continue
		}
		if best == "" || d < bestDistance {
			best, bestDistance = k, d
		}
	}
	if best != "" {
		return best
	}
	return onlyCompletion(folded, known)
}

// nearness is how many edits may lie between two words: one in three letters, at
// most three; of words of one or two letters only capitals may differ.
func nearness(a, b string) int {
	la, lb := utf8.RuneCountInString(a), utf8.RuneCountInString(b)
	if min(la, lb) < 3 {
		return 0
	}
	return min((max(la, lb)+2)/3, 3)
}

// onlyCompletion gives the one known word that begins with word.
func onlyCompletion(word string, known []string) string {
	if len(word) < 4 {
		return ""
	}
	found := ""
	for _, k := range known {
		if k == word || !strings.HasPrefix(strings.ToLower(k), word) {
			continue
		}
		if found != "" {
			return ""
		}
		found = k
	}
	return found
}

// editDistance counts insertions, deletions, replacements and transpositions of
// neighbours (optimal string alignment).
func editDistance(a, b string) int {
	ra, rb := []rune(a), []rune(b)
	if len(ra) > 64 || len(rb) > 64 {
		return 64
	}
	before, last := make([]int, len(rb)+1), make([]int, len(rb)+1)
	for j := range last {
		last[j] = j
	}
	for i := range ra {
		row := make([]int, len(rb)+1)
		row[0] = i + 1
		for j := range rb {
			cost := 1
			if ra[i] == rb[j] {
				cost = 0
			}
			row[j+1] = min(last[j+1]+1, row[j]+1, last[j]+cost)
			if i > 0 && j > 0 && ra[i] == rb[j-1] && ra[i-1] == rb[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last = last, row
	}
	return last[len(rb)]
}

// didYouMean gives `; did you mean "x"?` or nothing.
func didYouMean(word string, known []string) string {
	if s := Suggest(word, known); s != "" {
		return `; did you mean "` + s + `"?`
	}
	return ""
}

// knownWords lists the known words in order: few of them after a suggestion,
// more without one.
func knownWords(known []string, suggested bool) string {
	known = slices.Compact(slices.Sorted(slices.Values(known)))
	// What is no word ("." and "()" of Python's) would only puzzle.
	known = slices.DeleteFunc(known, func(k string) bool { return k == "." || k == "()" })
	most := 20
	if suggested {
		most = 3
	}
	if len(known) <= most {
		return strings.Join(known, ", ")
	}
	return strings.Join(known[:most], ", ") + ", …"
}
