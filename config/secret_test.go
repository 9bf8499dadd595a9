package config

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

const password = "hunter2"

// secretConfig writes a configuration with secrets of every form and decodes it.
func secretConfig(t *testing.T) (dir string, doc *Document, headers map[string]Secret) {
	t.Helper()
	t.Setenv("GIROK_TEST_SECRET", password)
	dir = t.TempDir()
	write(t, filepath.Join(dir, "pw"), password+"\r\n")
	write(t, filepath.Join(dir, "c.yaml"), `
headers:
  literal: hunter2
  "a/b~c#d}": hunter2
  variable: ${GIROK_TEST_SECRET}
  relative: ${file:pw}
  absolute: ${file:`+dir+`/pw}
  mixed: ${GIROK_TEST_UNSET:-hunt}er2
  escaped: $${hunter2}
`)
	doc, err := Load(filepath.Join(dir, "c.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return dir, doc, decodeHeaders(t, doc.Root)
}

func decodeHeaders(t *testing.T, n *Node) map[string]Secret {
	t.Helper()
	var c struct {
		Headers map[string]Secret `yaml:"headers"`
	}
	var ps Problems
	Decode(n, &ps, &c)
	if err := ps.Err(); err != nil {
		t.Fatal(err)
	}
	return c.Headers
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// revealed checks what each secret stands for.
func revealed(t *testing.T, headers map[string]Secret, want string) {
	t.Helper()
	for name, s := range headers {
		expected := want
		if name == "escaped" {
			expected = "${" + want + "}"
		}
		got, err := s.Reveal()
		if err != nil || got != expected {
			t.Errorf("%s: got %q, %v; want %q", name, got, err, expected)
		}
	}
}

func TestSecretReveal(t *testing.T) {
	dir, _, headers := secretConfig(t)
	revealed(t, headers, password)

	// Everything is looked up anew.
	t.Setenv("GIROK_TEST_SECRET", "swordfish")
	write(t, filepath.Join(dir, "pw"), "swordfish\n")
	data, _ := os.ReadFile(filepath.Join(dir, "c.yaml"))
	text := strings.ReplaceAll(string(data), "-hunt}er2", "-sword}fish")
	write(t, filepath.Join(dir, "c.yaml"), strings.ReplaceAll(text, password, "swordfish"))
	revealed(t, headers, "swordfish")

	// A file that went away leaves what was read first.
	write(t, filepath.Join(dir, "c.yaml"), "\t")
	if got, err := headers["literal"].Reveal(); got != password || err != nil {
		t.Errorf("after the file went away: got %q, %v", got, err)
	}
}

// TestSecretNeverPrints tries whatever could print one.
func TestSecretNeverPrints(t *testing.T) {
	_, _, headers := secretConfig(t)
	literal := NewSecret(password)
	type outer struct {
		Shown  Secret
		hidden Secret
		Inside map[string]Secret
	}
	var out bytes.Buffer
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "secret", literal, "in", outer{literal, literal, headers})
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "secret", literal, "in", outer{literal, literal, headers})
	for _, value := range []any{literal, &literal, headers, outer{literal, literal, headers}, &outer{hidden: literal},
		[]Secret{literal}, map[Secret]int{literal: 1}, NewSecret("${GIROK_TEST_SECRET}")} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%T %p", "%10.3v", "%!"} {
			fmt.Fprintf(&out, verb+"\n", value, value)
		}
		if data, err := json.Marshal(value); err == nil {
			out.Write(data)
		}
	}
	_ = gob.NewEncoder(&out).Encode(outer{Shown: literal})
	if data, err := xml.Marshal(literal); err == nil {
		out.Write(data)
	}
	hex := fmt.Sprintf("%x", password)
	if s := out.String(); strings.Contains(s, password) || strings.Contains(s, hex) {
		t.Errorf("the secret is in:\n%s", s)
	}
	if got := fmt.Sprintf("%v %+v %#v %s", literal, literal, literal, literal); got != "*** *** *** ***" {
		t.Errorf("got %s", got)
	}
	if data, _ := json.Marshal(literal); string(data) != `"***"` {
		t.Errorf("JSON: got %s", data)
	}
	if json.Unmarshal([]byte(`"***"`), &literal) == nil {
		t.Error("JSON was read back into a Secret")
	}
}

// TestSecretThroughJSON: what the run stores has references only, and they lead
// back to the secrets, from anywhere.
func TestSecretThroughJSON(t *testing.T) {
	dir, doc, _ := secretConfig(t)
	data, err := doc.Root.JSON(nil)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(data), password) {
		t.Fatalf("a secret is in %s", data)
	}
	t.Chdir(t.TempDir())
	stored, err := FromJSON("run.json", data)
	if err != nil {
		t.Fatal(err)
	}
	headers := decodeHeaders(t, stored)
	revealed(t, headers, password)
	again, _ := stored.JSON(nil)
	if !bytes.Equal(again, data) {
		t.Errorf("written again: %s, first %s", again, data)
	}
	for name, s := range headers {
		if s.Ref() != stored.Get("headers").Get(name).Raw() {
			t.Errorf("%s: Ref changed to %s", name, s.Ref())
		}
	}

	// What can't be found any more is an error without the secret.
	write(t, filepath.Join(dir, "c.yaml"), "headers: {variable: hunter2}")
	if _, err := headers["literal"].Reveal(); err == nil || strings.Contains(err.Error(), password) {
		t.Errorf("key taken out: got %v", err)
	}
	if err := os.Remove(filepath.Join(dir, "c.yaml")); err != nil {
		t.Fatal(err)
	}
	if _, err := headers["literal"].Reveal(); err == nil || !strings.Contains(err.Error(), "c.yaml") {
		t.Errorf("file taken out: got %v", err)
	}
}

// TestJSONKeepSecrets: without having been decoded, the caller says what is secret.
func TestJSONKeepSecrets(t *testing.T) {
	t.Setenv("GIROK_TEST_SECRET", password)
	root := parseRoot(t, "a: {password: hunter2, other: '${GIROK_TEST_SECRET}'}\nb: '${GIROK_TEST_SECRET}'\n")
	got, err := root.JSON(func(path string) bool { return path == "a.password" || path == "b" })
	want := `{"a":{"password":"${key:test.yaml#/a/password}","other":"hunter2"},"b":"${GIROK_TEST_SECRET}"}`
	if err != nil || string(got) != want {
		t.Errorf("got %s, %v; want %s", got, err, want)
	}
}

func TestSecretZeroAndProgram(t *testing.T) {
	var zero Secret
	if text, err := zero.Reveal(); text != "" || err != nil || !zero.IsZero() || zero.Ref() != "" {
		t.Errorf("zero: %q, %v", text, err)
	}
	t.Setenv("GIROK_TEST_SECRET", password)
	s := NewSecret("${GIROK_TEST_SECRET}")
	if text, err := s.Reveal(); text != password || err != nil || s.IsZero() {
		t.Errorf("program: %q, %v", text, err)
	}
	if _, err := NewSecret("${GIROK_TEST_UNSET}").Reveal(); err == nil {
		t.Error("an unset variable gave no error")
	}
}

func TestSecretInFS(t *testing.T) {
	fsys := fstest.MapFS{
		"conf/c.yaml":    {Data: []byte("extends: base.yaml\nheaders: {a: '${file:pw}'}")},
		"conf/base.yaml": {Data: []byte("headers: {b: hunter2}")},
		"conf/pw":        {Data: []byte("hunter2\n")},
	}
	doc, err := LoadFS(fsys, "conf/c.yaml")
	if err != nil {
		t.Fatal(err)
	}
	revealed(t, decodeHeaders(t, doc.Root), password)
	if doc.Dir() != "" {
		t.Errorf("Dir: got %s", doc.Dir())
	}
}

func TestSecretOfAProgram(t *testing.T) {
	type keys struct {
		Password Secret `yaml:"password"`
		Text     string `yaml:"text"`
	}
	decode := func(yaml string) (keys, *Node, error) {
		doc, err := Parse("x.yaml", []byte(yaml))
		if err != nil {
			t.Fatal(err)
		}
		var k keys
		var ps Problems
		Decode(doc.Root, &ps, &k)
		return k, doc.Root, ps.Err()
	}
	if _, _, err := decode("password: ${secret:not.offered}"); err == nil || !strings.Contains(err.Error(), "this program has no secret not.offered") {
		t.Errorf("not offered: %v", err)
	}
	value := "one"
	Offer("a.b-c_1", func() (string, error) { return value, nil })
	if _, _, err := decode("text: ${secret:a.b-c_1}"); err == nil || !strings.Contains(err.Error(), "only stand where a secret is wanted") {
		t.Errorf("in a text: %v", err)
	}
	if _, _, err := decode("password: ${secret:a b}"); err == nil || !strings.Contains(err.Error(), "wants a name") {
		t.Errorf("a bad name: %v", err)
	}
	k, _, err := decode("password: <${secret:a.b-c_1}>")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := k.Password.Reveal(); got != "<one>" || err != nil {
		t.Errorf("%q %v", got, err)
	}
	k, n, err := decode("password: ${secret:a.b-c_1}")
	if err != nil {
		t.Fatal(err)
	}
	stored, err := n.JSON(nil)
	if err != nil || string(stored) != `{"password":"${secret:a.b-c_1}"}` {
		t.Fatalf("%s %v", stored, err)
	}
	back, err := FromJSON("run", stored)
	if err != nil {
		t.Fatal(err)
	}
	var ps Problems
	Decode(back, &ps, &k)
	value = "two"
	if got, err := k.Password.Reveal(); got != "two" || err != nil || ps.Err() != nil || back.Revealed() != nil {
		t.Errorf("stored: %q %v %v %v", got, err, ps, back.Revealed())
	}
	Offer("a.b-c_1", func() (string, error) { return "", errors.New("the vault is shut") })
	if err := back.Revealed(); err == nil || err.Error() != "the vault is shut" {
		t.Errorf("shut: %v", err)
	}
}
