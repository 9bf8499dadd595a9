// Package cuttest cuts the power of a disk under a program that logs, again and
// again, and counts what was lost and what was doubled. It needs root, loop
// devices and the programs mkfs.xfs, mkfs.ext4 and sqlite3:
//
//	go test -tags girok_mount ./cuttest -cuts 100 -v -timeout 1h
//
// Without the tag nothing of it is compiled.
//
// The spool lies on a small ext4 on a loop device. A cut is a clone of the
// device's backing file at one instant, while the program goes on: what the
// device had not got is lost with the page cache of the file system. Then the
// program is killed, the clone is mounted in its place, and the next program
// starts there. Two kinds of device:
//
//   - safe: what it was given is kept. The backing file lies on XFS, and FICLONE
//     copies it with what the page cache has of it.
//   - volatile: it has a cache of its own, and keeps what was flushed and pages at
//     random of the rest. The backing file lies on a second ext4, on a device
//     whose backing file is cloned: of the first only what was synced is in it.
package cuttest
