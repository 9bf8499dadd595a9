package main

import (
	"reflect"
	"testing"
)

func mustParse(t *testing.T) ([]string, []flower) {
	t.Helper()
	labels, all, err := parseIris(irisCSV)
	if err != nil {
		t.Fatal(err)
	}
	return labels, all
}

func TestIrisIsWhole(t *testing.T) {
	labels, all := mustParse(t)
	count := map[string]int{}
	for _, f := range all {
		count[labels[f.label]]++
	}
	if want := map[string]int{"setosa": 50, "versicolor": 50, "virginica": 50}; !reflect.DeepEqual(count, want) {
		t.Errorf("got %v, want %v", count, want)
	}
	if first := (flower{[features]float64{5.1, 3.5, 1.4, 0.2}, 0}); all[0] != first {
		t.Errorf("the first is %v, want %v", all[0], first)
	}
}

func TestParseIrisTellsTheLine(t *testing.T) {
	for text, want := range map[string]string{
		"1,4,a,b,c\n1,2,3,x,0\n": `iris: line 2: strconv.ParseFloat: parsing "x": invalid syntax`,
		"1,4,a,b,c\n1,2,3,4,3\n": "iris: line 2: species 3 is none of 3",
		"1,4,a,b,c\n1,2,3,4,z\n": `iris: line 2: strconv.Atoi: parsing "z": invalid syntax`,
		"":                       "iris: no lines",
	} {
		if _, _, err := parseIris(text); err == nil || err.Error() != want {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
}

// TestHeldOutAccuracy: the flowers that are held out are named right, for the
// program's split and for others, so that the number it prints is no lucky one.
func TestHeldOutAccuracy(t *testing.T) {
	labels, all := mustParse(t)
	const splits = 20
	sum := 0.0
	for seed := uint64(splitSeed); seed < splitSeed+splits; seed++ {
		learn, held := split(all, len(labels), seed)
		if len(learn) != 105 || len(held) != 45 {
			t.Fatalf("%d and %d flowers", len(learn), len(held))
		}
		accuracy := float64(train(labels, learn).right(held)) / float64(len(held))
		if accuracy < 0.85 {
			t.Errorf("split %d: %.3f", seed, accuracy)
		}
		sum += accuracy
	}
	t.Logf("mean over %d splits: %.3f", splits, sum/splits)
	if sum/splits < 0.93 {
		t.Errorf("mean %.3f", sum/splits)
	}
}

// TestShuffledSpeciesCantBeLearnt: a model of species that mean nothing is no
// better than chance, so the test above tests learning.
func TestShuffledSpeciesCantBeLearnt(t *testing.T) {
	labels, all := mustParse(t)
	for i := range all {
		all[i].label = i % len(labels)
	}
	learn, held := split(all, len(labels), splitSeed)
	if n := train(labels, learn).right(held); n > 25 {
		t.Errorf("%d of %d right", n, len(held))
	}
}

func TestScoresAreProbabilities(t *testing.T) {
	labels, all := mustParse(t)
	m := train(labels, all)
	if again := train(labels, all); !reflect.DeepEqual(m, again) {
		t.Error("the same flowers gave another model")
	}
	for _, f := range all {
		sum := 0.0
		for _, p := range m.scores(f.x) {
			if p < 0 || p > 1 {
				t.Fatalf("%v: %v", f, p)
			}
			sum += p
		}
		if sum < 1-1e-9 || sum > 1+1e-9 {
			t.Fatalf("%v: sum %v", f, sum)
		}
	}
}
