package girok

import (
	"os"
	"strings"
	"testing"
	"testing/fstest"
)

const embedded = `version: 1
formatters: {plain: {format: "%(levelname)s %(message)s"}}
handlers: {out: {class: file, filename: out.log, formatter: plain}}
root: {level: INFO, handlers: [out]}
`

func TestOpenFSAndBytes(t *testing.T) {
	for name, open := range map[string]func() (*Logs, error){
		"fs": func() (*Logs, error) {
			return OpenFS(fstest.MapFS{"c/config.yaml": {Data: []byte(embedded)}}, "c/config.yaml")
		},
		"bytes": func() (*Logs, error) { return OpenBytes("config", []byte(embedded)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			logs, err := open()
			if err != nil {
				t.Fatal(err)
			}
			logs.Logger("a").Info("hello")
			if err := logs.Close(); err != nil {
				t.Fatal(err)
			}
			b, err := os.ReadFile("out.log")
			if err != nil || string(b) != "INFO hello\n" {
				t.Errorf("%q, %v", b, err)
			}
		})
	}
	_, err := OpenBytes("inline", []byte("version: 2"))
	if err == nil || !strings.HasPrefix(err.Error(), "inline:1:10: version:") {
		t.Errorf("error %v", err)
	}
	if _, err := OpenFS(fstest.MapFS{}, "none.yaml"); err == nil {
		t.Error("a file that is not there opens")
	}
}
