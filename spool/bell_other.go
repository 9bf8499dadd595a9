//go:build !linux

package spool

import "errors"

const canRing = false

func ring(string) {}

func listen(string, func()) (stop func(), err error) { return nil, errors.ErrUnsupported }
