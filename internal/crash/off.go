//go:build !girok_crash

// Package crash names the windows in which a process may be killed, so that the
// kill test can aim at each. In an ordinary build the calls compile to nothing.
package crash

// At marks a window.
func At(Window) {}

// Enabled reports whether windows are compiled in.
const Enabled = false
