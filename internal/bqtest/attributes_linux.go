package bqtest

import "syscall"

// attributes: the child ends with the test, whatever ends that.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
