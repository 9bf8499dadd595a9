package crash

// Window is a place in the code where a kill must lose and double nothing.
type Window int

// The windows of the road, in the order in which a record meets them.
const (
	RunBirth      Window = iota // the run's folder is there, its config is not
	Reserved                    // an append has its range, the frame is not committed
	Committed                   // the frame is committed, the call has not returned
	Roll                        // a new segment is made, the tail has not moved there
	Rolled                      // the tail has moved, the old segment has no PAD yet
	Reuse                       // a delivered segment's file is zeroed, the new header is not there
	Reload                      // another run has taken the place of this one, which is not let go yet
	BatchRead                   // a batch is cut, nothing of it is sent
	Sent                        // the rows are in the transaction, which is not committed
	Answered                    // the store has committed, deliver does not know it
	Noted                       // deliver knows it, the state does not
	LetterWritten               // a dead letter is written, its batch is not
	RunRemoval                  // a drained run is renamed, not removed
	RunForgotten                // it is removed, its position is still in the store
	NumWindows
)

// The windows of a file that is written from the spool, beside those above.
const (
	Journaled Window = NumWindows + iota // a batch is in the journal, nothing of it is sent
	Torn                                 // a part of its bytes is in the file, or some of its appends are answered
	Renamed                              // the file has its rotated name, there is no new one
	Begun                                // the new file is there, nothing is in the journal for it
	Packed                               // the compressed copy is whole, the file is still there
	NumSingle
)

// The windows of several processes, beside those above.
const (
	HandOver Window = NumSingle + iota // the sinks of a destination that another process wants are closed, its lock is held
	HandedOn                           // its lock is let go, its runs wait for another turn
	NumShared
)

// The windows of dead letters that are given back, beside those above.
const (
	ReplayMade      Window = NumShared + iota // the run is made, under its hidden name
	ReplayNoted                               // the note is on the disk, the run is not published
	ReplayPublished                           // the run is there, and so are the letters
	ReplayLetter                              // a letter is gone, the others are there
	ReplayEnded                               // all letters are gone, the note is there
	NumReplay
)

// The windows of a full spool, beside those above.
const (
	RoomNoted Window = NumReplay + iota // what is lost with a segment is written down, the segment is there
	RoomMade                            // it is gone, the loss is not counted
	NumRoom
)

// The windows of records that are given to another place, beside those above and
// ReplayPublished and ReplayEnded.
const (
	RedirectMade   Window = NumRoom + iota // their run is made, under its hidden name
	RedirectNoted                          // the note is on the disk, the state does not name the run
	RedirectMarked                         // the state names it, it is not published
	RedirectGiven                          // the note is gone, the old run is still there
	NumAll
)

var names = [NumAll]string{
	"birth", "reserved", "committed", "roll", "rolled", "reuse", "reload", "batch", "sent", "answered", "noted", "letter", "removal", "forgotten",
	"journaled", "torn", "renamed", "begun", "packed",
	"handover", "handed",
	"replay-made", "replay-noted", "replay-published", "replay-letter", "replay-ended",
	"room-noted", "room-made",
	"redirect-made", "redirect-noted", "redirect-marked", "redirect-given",
}

func (w Window) String() string { return names[w] }

// Parse is the inverse of Window.String.
func Parse(s string) (Window, bool) {
	for i, n := range names {
		if n == s {
			return Window(i), true
		}
	}
	return 0, false
}
