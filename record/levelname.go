package record

import (
	"maps"
	"sync"
	"sync/atomic"
)

// addedNames are the names that AddLevelName has given. What the pointer leads to
// never changes.
type addedNames struct {
	times uint64 // that AddLevelName was called
	name  map[Level]string
	level map[string]Level
}

var (
	added  atomic.Pointer[addedNames] // nil: none
	adding sync.Mutex
)

// AddLevelName gives a level a name for the whole program, as Python's
// logging.addLevelName does: lines show it, and configurations that are read
// from then on know it. The names of before are still known.
func AddLevelName(l Level, name string) {
	adding.Lock()
	defer adding.Unlock()
	next := &addedNames{name: map[Level]string{}, level: map[string]Level{}}
	if old := added.Load(); old != nil {
		maps.Copy(next.name, old.name)
		maps.Copy(next.level, old.level)
		next.times = old.times
	}
	next.times++
	next.name[l], next.level[name] = name, l
	added.Store(next)
}

// LevelNames tells the names that levels have apart from those that they had: it is
// another number after each AddLevelName, and 0 before the first.
func LevelNames() uint64 {
	if a := added.Load(); a != nil {
		return a.times
	}
	return 0
}

// AddedName is the name that AddLevelName has given a level.
func AddedName(l Level) (name string, ok bool) {
	if a := added.Load(); a != nil {
		name, ok = a.name[l]
	}
	return name, ok
}

func addedLevel(name string) (l Level, ok bool) {
	if a := added.Load(); a != nil {
		l, ok = a.level[name]
	}
	return l, ok
}
