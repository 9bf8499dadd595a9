package pgtest

import "syscall"

// attributes: who a child is. It ends with the test, whatever ends that.
func attributes(c *syscall.Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: c, Pdeathsig: syscall.SIGQUIT, Setpgid: true}
}
