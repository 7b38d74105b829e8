//go:build unix && !linux

package devpg

import "syscall"

// dieWithParent has no means here: the next Start in the folder stops what was left running.
func dieWithParent(*syscall.SysProcAttr) {}
