//go:build race

package girok

// raced: under the race detector sync.Pool forgets.
const raced = true
