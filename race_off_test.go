//go:build !race

package girok

const raced = false
