//go:build !unix

package rights

import "errors"

// Group is the id of the group that a folder is shared with: none here.
func Group(string) int { return 0 }

// Share is an error: there are no groups of Unix here.
func Share(string, int) error { return errNoGroups }

// Check finds nothing wrong: rights are not those of Unix here.
func Check(string, int) error { return nil }

// Member reports whether this process may use what is shared with a group.
func Member(int) bool { return false }

// Lookup is an error: there are no groups of Unix here.
func Lookup(string) (int, error) { return 0, errNoGroups }

var errNoGroups = errors.New("folders can't be shared with a group on this system")
