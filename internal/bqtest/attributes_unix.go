//go:build unix && !linux

package bqtest

import "syscall"

func attributes() *syscall.SysProcAttr { return nil }
