package table

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/girok/girok/internal/disk"
	"github.com/girok/girok/sink"
)

// LookAtFile tells of the file of an embedded database, and whether it is there.
// ddl is what makes its tables.
func (c Config) LookAtFile(path, ddl string) (found sink.Finding, there bool, err error) {
	st, err := os.Stat(path)
	switch dir := filepath.Dir(path); {
	case err == nil && !st.Mode().IsRegular():
		return sink.Finding{Grade: sink.Wrong, Text: path + " is no file", Remedy: "give another path"}, false, nil
	case err == nil && (!disk.MayWrite(path) || !disk.Possible(dir)):
		return sink.Finding{Grade: sink.Wrong, Text: "girok may not write " + path + " and its folder", Remedy: "give it the right to: files appear beside the database while it is open"}, true, nil
	case err == nil:
		return sink.Finding{Text: fmt.Sprintf("%s, %d bytes", path, st.Size())}, true, nil
	case !errors.Is(err, fs.ErrNotExist):
		return sink.Finding{}, false, err
	case !c.Create:
		return sink.Finding{Grade: sink.Wrong, Text: "there is no file " + path, Remedy: "create: true makes it, its folder and its tables, or run:\n" + ddl}, false, nil
	case !disk.Possible(dir):
		return sink.Finding{Grade: sink.Wrong, Text: "there is no file " + path + ", and girok may not make it", Remedy: "give it the right to write the folder, or make the folder"}, false, nil
	}
	return sink.Finding{Grade: sink.Note, Text: "there is no file " + path + ": create: true makes it"}, false, nil
}

// Absent tells that a table is not there.
func (c Config) Absent(name, ddl string) sink.Finding {
	f := sink.Finding{Grade: sink.Note, Text: "there is no table " + name + ": create: true makes it"}
	if !c.Create {
		f = sink.Finding{Grade: sink.Wrong, Text: "there is no table " + name, Remedy: "create: true makes it, or run:\n" + ddl}
	}
	return f
}
