package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/girok/girok/internal/disk"
	"github.com/girok/girok/internal/rights"
)

// Usable says why this user can't have runs in dir, a service's folder, which is shared
// with group if that is not 0; nil if nothing speaks against it. It makes nothing, and
// does not know what only trying tells.
func Usable(dir string, group int) error {
	if group != 0 && !rights.Member(group) {
		return fmt.Errorf("the spool is shared with group %d, and user %d is not in it", group, os.Getuid())
	}
	for i, d := range foldersOf(dir) {
		err := rights.Check(d, group)
		if err != nil && !errors.Is(err, fs.ErrNotExist) && (group == 0 || !isEmpty(d)) { // an empty one is given to the group
			return err
		}
		if i == 0 {
			continue // nothing is made in it but the others
		}
		if err := disk.Folder(d); err != nil {
			return err
		}
	}
	return nil
}

// isEmpty reports whether nothing is in a folder.
func isEmpty(dir string) bool {
	list, err := os.ReadDir(dir)
	return err == nil && len(list) == 0
}
