package spool

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/girok/girok/internal/rights"
)

// mappable: a file's pages can be made resident and writable ahead of the
// stores, and its space allocated, so that a store neither waits nor faults.
const mappable = true

// createFile makes a file of size bytes, allocated.
func createFile(path string, size int64) (*os.File, error) {
	f, err := rights.OpenFile(path, os.O_RDWR|os.O_EXCL)
	if err != nil {
		return nil, err
	}
	if err := allocate(f, size); err != nil {
		f.Close()
		os.Remove(path)
		return nil, &os.PathError{Op: "allocate", Path: path, Err: err}
	}
	return f, nil
}

func allocate(f *os.File, size int64) error {
	for {
		switch err := unix.Fallocate(int(f.Fd()), 0, 0, size); err {
		case unix.EINTR:
		case unix.EOPNOTSUPP, unix.ENOSYS: // ext2, ext3, FAT: what is written has its space
			return writeZeros(f, size)
		default:
			return err
		}
	}
}

func writeZeros(f *os.File, size int64) error {
	zeros := make([]byte, min(size, 256<<10))
	for at := int64(0); at < size; {
		n, err := f.WriteAt(zeros[:min(size-at, int64(len(zeros)))], at)
		if at += int64(n); err != nil {
			return err
		}
	}
	return nil
}

// syncData puts a file's bytes on the disk; how long it is is known already.
func syncData(f *os.File) error {
	c, err := f.SyscallConn()
	if err != nil {
		return err
	}
	cerr := c.Control(func(fd uintptr) {
		for err = unix.EINTR; err == unix.EINTR; {
			err = unix.Fdatasync(int(fd))
		}
	})
	if cerr != nil {
		return cerr
	}
	if err != nil {
		return &os.PathError{Op: "fdatasync", Path: f.Name(), Err: err}
	}
	return nil
}

// populate takes the write faults of pages now. Where the kernel is older than
// 5.14 the application's stores take them.
func populate(mem []byte) { _ = unix.Madvise(mem, unix.MADV_POPULATE_WRITE) }

// largePages asks for pages of 2 MiB. It is only speed: a kernel or a file system
// without them keeps the small ones.
func largePages(mem []byte) { _ = unix.Madvise(mem, unix.MADV_HUGEPAGE) }

// LookDisk looks at the file system of a folder that exists.
func LookDisk(dir string) (Disk, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return Disk{}, &os.PathError{Op: "statfs", Path: dir, Err: err}
	}
	d := describeDisk(int64(st.Type))
	d.Free = st.Bavail * uint64(st.Bsize)
	return d, nil
}

func describeDisk(magic int64) Disk {
	const local = "survives kill -9, a crash of the program and a reboot; a power cut may take the last seconds"
	switch magic {
	case unix.EXT4_SUPER_MAGIC:
		return Disk{Type: "ext4", Survives: local, Trusted: true}
	case unix.XFS_SUPER_MAGIC:
		return Disk{Type: "xfs", Survives: local, Trusted: true}
	case unix.BTRFS_SUPER_MAGIC:
		return Disk{Type: "btrfs", Survives: local, Trusted: true}
	case unix.F2FS_SUPER_MAGIC:
		return Disk{Type: "f2fs", Survives: local, Trusted: true}
	case 0x2fc12fc1:
		return Disk{Type: "zfs", Survives: local, Trusted: true}
	case unix.TMPFS_MAGIC:
		return Disk{Type: "tmpfs", Survives: "survives kill -9, not a reboot or a container restart; its pages count as memory", Trusted: true}
	case unix.OVERLAYFS_SUPER_MAGIC:
		return Disk{Type: "overlay", Survives: "survives kill -9, not the removal of the container: put the spool on a volume", Trusted: true}
	case unix.NFS_SUPER_MAGIC:
		return untrusted("NFS")
	case unix.SMB_SUPER_MAGIC, unix.SMB2_SUPER_MAGIC, unix.CIFS_SUPER_MAGIC:
		return untrusted("SMB")
	case unix.FUSE_SUPER_MAGIC:
		return untrusted("FUSE")
	case unix.V9FS_MAGIC:
		return untrusted("9p")
	case 0x6a656a63:
		return untrusted("virtiofs")
	}
	return Disk{Type: fmt.Sprintf("type %#x", magic), Survives: local + " (file system not known to girok)", Trusted: true}
}

func untrusted(name string) Disk {
	return Disk{Type: name, Survives: "not trusted with a mapping: records stay in memory and a kill loses them, unless spool.trust is true"}
}
