package file

import (
	"context"
	"os"

	"github.com/girok/girok/internal/disk"
	"github.com/girok/girok/sink"
)

// Look implements sink.Looker.
func (c Config) Look(_ context.Context, env sink.Env) ([]sink.Finding, error) {
	path := c.Endpoint(env)
	return []sink.Finding{LookAt(path, disk.File(path))}, nil
}

// LookAt is what is to be said of a file that is to be written; refused says why it
// can't be, nil if nothing speaks against it.
func LookAt(path string, refused error) sink.Finding {
	if refused != nil {
		return sink.Finding{Grade: sink.Wrong, Text: refused.Error(), Remedy: "let this user write the file and its folder, or give another path"}
	}
	if _, err := os.Stat(path); err != nil {
		return sink.Finding{Grade: sink.Note, Text: "there is no file " + path + ": it is made"}
	}
	return sink.Finding{Text: path + " can be written"}
}
