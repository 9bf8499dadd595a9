//go:build race

package file

// raceEnabled: under the race detector sync.Pool drops things on purpose.
const raceEnabled = true
