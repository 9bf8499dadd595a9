package spool

import (
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/girok/girok/record"
)

// folderTime is how the folder of a run tells when it began, in UTC. In the order of the
// letters they are in the order of time.
const folderTime = "20060102T150405Z"

// begin notes that a run of a folder of runs begins now; runs is empty if it has none.
func (c *RunConfig) begin(id record.RunID, runs string) {
	clock := time.Now()
	c.Format, c.ID, c.PID, c.Created, c.Began = formatVersion, id.String(), os.Getpid(), clock, time.Time{}
	if runs == "" {
		return
	}
	if c.Created = afterAll(runs, clock); !c.Created.Equal(clock) {
		c.Began = clock
	}
}

// Start is when the run began, as the clock had it. Created is for the order of runs.
func (c *RunConfig) Start() time.Time {
	if c.Began.IsZero() {
		return c.Created
	}
	return c.Began
}

// folder is the name of the run's folder.
func (c *RunConfig) folder() string { return c.Created.UTC().Format(folderTime) + "-" + c.ID }

// afterAll is what the clock says, or a later time where the runs in a folder need one:
// the run that begins last is the newest, also when the clock was set back.
func afterAll(runs string, clock time.Time) time.Time {
	entries, err := os.ReadDir(runs)
	if err != nil {
		return clock // who makes the run's folder learns of it
	}
	now, last := clock.UTC().Format(folderTime), ""
	var beside []string // of the same second
	for _, e := range entries {
		at, _, _ := strings.Cut(strings.TrimPrefix(e.Name(), madePrefix), "-")
		if at == now {
			beside = append(beside, e.Name())
		}
		if _, err := time.Parse(folderTime, at); err == nil {
			last = max(last, at)
		}
	}
	// In the last year that a name can tell there may be nothing after it.
	if last > now && last < "9999" {
		t, _ := time.Parse(folderTime, last)
		return t.Add(time.Second).In(clock.Location())
	}
	created := clock
	for _, name := range beside {
		if r, err := openRun(filepath.Join(runs, name)); err == nil && !r.Config.Created.Before(created) {
			created = r.Config.Created.Add(time.Microsecond).In(clock.Location())
		}
	}
	return created
}
