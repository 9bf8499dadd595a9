package sqlite

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/girok/girok/sink"
)

// asSomebody lets f touch files as a user who owns nothing.
func asSomebody(t *testing.T, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		if os.Getuid() == 0 {
			if err := syscall.Setfsuid(65534); err != nil {
				t.Error(err)
				return
			}
		}
		f()
	}()
	<-done
}

func filesIn(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestQueryLeavesNothing(t *testing.T) {
	s, r, path := opened(t, "")
	if err := s.Write(ctx, batch(r, "a", "b")); err != nil {
		t.Fatal(err)
	}
	s.Close()
	before := filesIn(t, filepath.Dir(path))
	rows, err := Query(ctx, path, "select * from logs")
	if err != nil {
		t.Fatal(err)
	}
	rows.Close()
	rows.Close()
	if _, err := Query(ctx, path, "select * from nowhere"); err == nil {
		t.Error("there is a table nowhere")
	}
	if after := filesIn(t, filepath.Dir(path)); !slices.Equal(before, after) {
		t.Errorf("there were %s, and there are %s", before, after)
	}
}

func TestQueryWhereNothingCanBeWritten(t *testing.T) {
	s, r, path := opened(t, "")
	if err := s.Write(ctx, batch(r, "a", "b")); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Dir(path)
	copyTo := func(to string, suffixes ...string) string {
		for _, suffix := range suffixes {
			b, err := os.ReadFile(path + suffix)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(to, "x.db"+suffix), b, 0o444); err != nil {
				t.Fatal(err)
			}
		}
		// Go makes the folder around it for the user alone.
		if err := errors.Join(os.Chmod(filepath.Dir(to), 0o755), os.Chmod(to, 0o555)); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.Chmod(to, 0o755) })
		return filepath.Join(to, "x.db")
	}
	torn := copyTo(t.TempDir(), "", "-wal") // as a backup of a living one has it
	s.Close()
	whole := copyTo(t.TempDir(), "")
	asSomebody(t, func() {
		rows, err := Query(ctx, whole, "select count(*) from logs")
		if err != nil {
			t.Errorf("nothing lies beside it: %v", err)
			return
		}
		defer rows.Close()
		if row, err := rows.Next(ctx); err != nil || row[0] != int64(2) {
			t.Errorf("got %v, %v", row, err)
		}
		_, err = Query(ctx, torn, "select count(*) from logs")
		var refused *sink.Refused
		if !errors.As(err, &refused) || !strings.Contains(refused.Remedy, torn+"-shm, which can't be made") {
			t.Errorf("a part lies in the -wal: %v", err)
		}
		if _, err := Query(ctx, whole, "delete from logs"); err == nil {
			t.Error("delete was possible")
		}
	})
	for _, p := range []string{whole, torn} {
		if names := filesIn(t, filepath.Dir(p)); slices.Contains(names, "x.db-shm") {
			t.Errorf("it left %s", names)
		}
	}
	if names := filesIn(t, dir); len(names) != 1 {
		t.Errorf("the sink left %s", names)
	}
}
