package file

import "github.com/girok/girok/record"

// Watched is Python's WatchedFileHandler: when its path does not lead to the file
// that is open, for another program has moved or removed it, it is opened anew
// before the next record.
type Watched struct{ Handler }

// NewWatched makes a handler. It touches nothing.
func NewWatched(o Options) *Watched {
	w := &Watched{}
	w.init(o)
	return w
}

// Handle writes one record.
func (w *Watched) Handle(v *record.View) error {
	if err := w.look(); err != nil {
		return err
	}
	return w.Handler.Handle(v)
}

// HandleCall is Handle for a call that is not encoded.
func (w *Watched) HandleCall(c *record.Call) (ok bool, err error) {
	if w.calls == nil {
		return false, nil
	}
	if err := w.look(); err != nil {
		return true, err
	}
	return w.Handler.HandleCall(c)
}

// look opens the file anew if it was moved.
func (w *Watched) look() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.opened || w.closed || w.late || !w.moved() {
		return nil
	}
	return w.reopen()
}
