// Package table maps records to the rows of a table. Every store with columns
// shares it: the keys of the configuration, the sources of a column, one list
// of types, what fits into which, and the rules for text. A store adds how its
// database spells a type and how a [Value] gets onto its wire.
//
// # What fits into which type
//
// A conversion is exact or it is a mismatch. NULL fits everywhere; an attribute
// that the record lacks is NULL.
//
//	string     anything: its text. Durations are "1.5s", times RFC 3339, bytes
//	           base64, groups and lists JSON, numbers in JSON as they were written
//	int        whole numbers from -2^63 to 2^63-1, also floats that are whole;
//	           durations as nanoseconds
//	float      floats; integers and durations that a float64 holds exactly; numbers
//	           in JSON (a fraction is rounded to the nearest float64). A store that
//	           can't hold NaN or the infinities says so in Options
//	decimal    numbers, and strings that are numbers, with at most p-s digits before
//	           and s after the point; a float counts as its shortest text
//	bool       true and false
//	timestamp  times, and strings in RFC 3339, from year 1 to 9999; cut to µs
//	datetime   the same as wall clock in the handler's zone; also strings without a
//	           zone, "2026-11-25T20:32:58" or with a blank for the T
//	date       the day of the same in the handler's zone; also "2026-11-25"
//	json       anything. NaN and the infinities are strings, durations nanoseconds
//	bytes      byte strings; strings and errors as the bytes they are
//
// An integer is never taken as a time, nor a string as an int, float or bool.
//
// # Text
//
// For every store text is valid UTF-8 without NUL: each bad byte and each NUL
// becomes U+FFFD, in JSON also the escapes of NUL and of half a surrogate pair.
// Bytes stay as they are.
package table
