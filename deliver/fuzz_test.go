package deliver

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/girok/girok/record"
	"github.com/girok/girok/spool"
)

// fuzzed is a service's folder with a file among the dead letters, and one that is
// nobody's.
func fuzzed(t *testing.T, name string, b []byte) (service string, whole func()) {
	service = filepath.Join(t.TempDir(), "svc [x]")
	other := filepath.Join(service, "other")
	path := filepath.Join(service, "dead", name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	for file, b := range map[string][]byte{path: b, other: nil} {
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return service, func() {
		t.Helper()
		if _, err := os.Stat(other); err != nil {
			t.Errorf("a file is gone that is none of the letters: %v", err)
		}
	}
}

// Whatever lies in a dead letter: it is listed or told, and one that is listed is
// given back or stays.
func FuzzLetter(f *testing.F) {
	e := record.NewEncoder(nil)
	e.Begin(&record.Header{Mask: 1, Level: record.Info, Message: "m"})
	good, err := json.Marshal(&Letter{Handler: "h", Run: "1122334455667788", Position: 4096, Frame: e.Finish()})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"run":"x","frame":"AAAA"}`))
	f.Add([]byte(`{"run":"1122334455667788","position":-1}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, b []byte) {
		service, whole := fuzzed(t, "h-1/a.json", b)
		list, err := Letters(service)
		if (err == nil) != (len(list) == 1) {
			t.Fatalf("%d letters, and the error is %v", len(list), err)
		}
		if err != nil {
			return
		}
		cfg := spool.RunConfig{Service: "svc", Handlers: []spool.HandlerConfig{{Name: "h", Class: "fake", Keys: fakeKeys("a")}}}
		err = Replay(service, cfg, []*Letter{&list[0]})
		_, gone := os.Stat(list[0].File)
		runs, _ := os.ReadDir(filepath.Join(service, "runs"))
		if (err == nil) != os.IsNotExist(gone) || (err == nil) != (len(runs) == 1 && runs[0].Name()[0] != '.') {
			t.Errorf("given back with the error %v: the letter is there: %v, runs: %v", err, gone == nil, runs)
		}
		whole()
	})
}

// Whatever lies in the note of a replay: nothing goes but letters.
func FuzzReplayNote(f *testing.F) {
	f.Add([]byte(`{"run":"1122334455667788","letters":["h-1/a.json"]}`))
	f.Add([]byte(`{"run":"1122334455667788","letters":["../other"]}`))
	f.Add([]byte(`{"run":"../../x","letters":["h-1/../../other"]}`))
	f.Add([]byte(`{"run":"1122334455667788","gap":{"folder":"x","bit":1,"told":3}}`))
	f.Add([]byte(`{"run":"1122334455667788","gap":{"folder":"../..","bit":64,"told":3}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		service, whole := fuzzed(t, "1122334455667788"+noteSuffix, b)
		_ = RecoverReplays(service) // an error is as good
		whole()
	})
}
