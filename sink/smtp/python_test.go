package smtp

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"
)

// bodies tells how CPython sends texts.
const bodies = `
import json, sys
from email.message import EmailMessage
sent = []
for text in json.load(sys.stdin):
    m = EmailMessage()
    m.set_content(text)
    sent.append([m["Content-Transfer-Encoding"], m._payload.replace("\r\n", "\n").encode("utf-8", "surrogateescape").decode()])
json.dump(sent, sys.stdout)
`

// TestBodiesAsPython: a body is encoded and broken as CPython's email does it.
func TestBodiesAsPython(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("NOT TESTED, needs python3: that mails are encoded as CPython encodes them")
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	parts := []string{"a", "word ", " ", "\t", "=", "한글", "é", "\n", "\r\n", "\x7f", "\x1b[31m", "🎉", strings.Repeat("x", 70), strings.Repeat("y ", 36), "=3D=3D", "\x00"}
	texts := make([]string, 3000)
	for i := range texts {
		for range 1 + rng.IntN(30) {
			texts[i] += parts[rng.IntN(len(parts))]
		}
	}
	in, err := json.Marshal(texts)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(python, "-c", bodies)
	cmd.Stdin = bytes.NewReader(in)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var want [][2]string
	if err := json.Unmarshal(out, &want); err != nil {
		t.Fatal(err)
	}
	encodings := map[string]int{}
	for i, text := range texts {
		encoding, body := encodeBody([]byte(text))
		if encoding != want[i][0] || string(body) != want[i][1] {
			t.Fatalf("%q:\ngot  %s %q\nwant %s %q", text, encoding, body, want[i][0], want[i][1])
		}
		encodings[encoding]++
	}
	if len(encodings) < 4 {
		t.Errorf("only %v", encodings)
	}
}
