package spool

// Disk says what a folder's file system is and what it survives.
type Disk struct {
	Type     string // ext4, tmpfs, nfs …
	Survives string // in words, for check and Open
	Trusted  bool   // a mapping there keeps what was stored
	Free     uint64 // bytes
}
