package deliver

import (
	"errors"
	"io/fs"
	"path/filepath"

	"github.com/girok/girok/spool"
)

// unread tells, when the reader of a run has come to where it can't go on, whether
// that is because the run can't be read just now: this user has no right to a
// segment, the disk does not read it, no more files can be open. It is tried again
// whenever the lane looks at its runs.
func (l *lane) unread(c *cursor) {
	err, told := c.reader.Err, c.unread.Load()
	switch {
	case err == nil && told != nil:
		c.unread.Store(nil)
		c.slot().SetState(spool.Delivering, "")
		l.dest.d.opts.Log.Info("a run can be read again", "handler", l.handler, "run", c.run.ID.String())
	case err != nil && (told == nil || *told != err.Error()):
		text := err.Error()
		c.slot().SetState(spool.Retrying, reasonFirst(err))
		c.unread.Store(&text)
		l.dest.d.opts.Log.Error("a run can't be read just now: its records wait; trying again", "handler", l.handler, "run", c.run.ID.String(), "error", text)
	}
}

// reasonFirst is an error for a page, which has room for its beginning.
func reasonFirst(err error) string {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err.Error() + ": " + filepath.Base(p.Path)
	}
	return err.Error()
}
