//go:build unix && !linux

package pgtest

import "syscall"

// attributes: who a child is.
func attributes(c *syscall.Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: c, Setpgid: true}
}
