package config

import "testing"

func TestPythonValues(t *testing.T) {
	tests := []struct {
		yaml  string
		truth Truth
		num   Number // -1: a mistake
	}{
		{"v: true", true, 1},
		{"v: no", false, 0},
		{"v: 'false'", true, -1},
		{"v: ''", false, -1},
		{"v: 0", false, 0},
		{"v: 0.0", false, 0},
		{"v: 3.5e+1", true, 35},
		{"v: 1_000", true, 1000},
		{"v: 024", true, 20},
		{"v: []", false, -1},
		{"v: [0]", true, -1},
		{"v: {}", false, -1},
		{"v: {a: 1}", true, -1},
		{"v: 2024-01-02", true, -1},
		{"v: 123456789012345678901234567890", true, 123456789012345678901234567890},
	}
	for _, tt := range tests {
		t.Run(tt.yaml, func(t *testing.T) {
			doc, err := Parse("x", []byte(tt.yaml))
			if err != nil {
				t.Fatal(err)
			}
			var a struct {
				V Truth `yaml:"v"`
			}
			b := struct {
				V Number `yaml:"v"`
			}{-1}
			var ps Problems
			Decode(doc.Root, &ps, &a)
			if len(ps) > 0 || a.V != tt.truth {
				t.Errorf("truth: %v, %v", a.V, ps)
			}
			Decode(doc.Root, &ps, &b)
			if b.V != tt.num || (len(ps) > 0) != (tt.num == -1) {
				t.Errorf("number: %v, %v", b.V, ps)
			}
		})
	}
}
