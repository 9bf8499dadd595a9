package files

import (
	"context"

	"github.com/girok/girok/internal/disk"
	"github.com/girok/girok/sink"
)

// Look implements sink.Looker.
func (c Config) Look(_ context.Context, env sink.Env) ([]sink.Finding, error) {
	dir := c.Endpoint(env)
	if err := disk.Folder(dir); err != nil {
		return []sink.Finding{{Grade: sink.Wrong, Text: err.Error(), Remedy: "let this user write the folder, or give another path"}}, nil
	}
	return []sink.Finding{{Text: dir + " can be written"}}, nil
}
