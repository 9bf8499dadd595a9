package main

import (
	_ "embed"
	"encoding/csv"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
)

// irisCSV is described in iris/SOURCE.md.
//
//go:embed iris/iris.csv
var irisCSV string

const features = 4

// flower is one measured flower: features in cm, and its species as an index.
type flower struct {
	x     [features]float64
	label int
}

// parseIris reads the data: a first line "flowers,features,name,name,…", then a
// flower a line.
func parseIris(text string) (labels []string, all []flower, err error) {
	r := csv.NewReader(strings.NewReader(text))
	r.FieldsPerRecord = features + 1
	lines, err := r.ReadAll()
	if err != nil {
		return nil, nil, fmt.Errorf("iris: %w", err)
	}
	if len(lines) == 0 {
		return nil, nil, fmt.Errorf("iris: no lines")
	}
	labels = lines[0][2:]
	for i, line := range lines[1:] {
		f, err := parseFlower(line, len(labels))
		if err != nil {
			return nil, nil, fmt.Errorf("iris: line %d: %w", i+2, err)
		}
		all = append(all, f)
	}
	return labels, all, nil
}

func parseFlower(line []string, labels int) (f flower, err error) {
	for i := range f.x {
		if f.x[i], err = strconv.ParseFloat(line[i], 64); err != nil {
			return f, err
		}
	}
	if f.label, err = strconv.Atoi(line[features]); err != nil {
		return f, err
	}
	if f.label < 0 || f.label >= labels {
		return f, fmt.Errorf("species %d is none of %d", f.label, labels)
	}
	return f, nil
}

// split holds 15 of the 50 flowers of each species out, chosen by the seed: the
// model never sees them while it learns.
func split(all []flower, labels int, seed uint64) (train, held []flower) {
	const share = 0.3
	rng := rand.New(rand.NewPCG(seed, 0))
	for label := range labels {
		var same []flower
		for _, f := range all {
			if f.label == label {
				same = append(same, f)
			}
		}
		rng.Shuffle(len(same), func(i, j int) { same[i], same[j] = same[j], same[i] })
		n := int(share * float64(len(same)))
		held, train = append(held, same[:n]...), append(train, same[n:]...)
	}
	return train, held
}

// model is softmax regression: a weight for each species and feature, and one
// for each species alone. It does not change once it is trained.
type model struct {
	labels    []string
	mean, std [features]float64 // of the training flowers
	weights   [][features + 1]float64
}

const (
	steps        = 500
	learningRate = 0.5
	decay        = 1e-3 // pulls weights towards zero
)

// train fits a model by gradient descent over all flowers at once. The same
// flowers give the same model.
func train(labels []string, flowers []flower) *model {
	m := &model{labels: labels, weights: make([][features + 1]float64, len(labels))}
	m.scale(flowers)
	for range steps {
		m.step(flowers)
	}
	return m
}

// scale finds mean and standard deviation of each feature.
func (m *model) scale(flowers []flower) {
	n := float64(len(flowers))
	for i := range features {
		for _, f := range flowers {
			m.mean[i] += f.x[i] / n
		}
		for _, f := range flowers {
			m.std[i] += (f.x[i] - m.mean[i]) * (f.x[i] - m.mean[i]) / n
		}
		m.std[i] = math.Sqrt(m.std[i])
	}
}

// step moves the weights once against the gradient.
func (m *model) step(flowers []flower) {
	gradient := make([][features + 1]float64, len(m.weights))
	for _, f := range flowers {
		x, p := m.scaled(f.x), m.scores(f.x)
		p[f.label]--
		for k := range gradient {
			for i := range x {
				gradient[k][i] += p[k] * x[i] / float64(len(flowers))
			}
		}
	}
	for k := range m.weights {
		for i := range m.weights[k] {
			m.weights[k][i] -= learningRate * (gradient[k][i] + decay*m.weights[k][i])
		}
	}
}

// scaled is x with mean 0 and deviation 1, and a constant 1 behind it.
func (m *model) scaled(x [features]float64) (z [features + 1]float64) {
	for i := range x {
		z[i] = (x[i] - m.mean[i]) / m.std[i]
	}
	z[features] = 1
	return z
}

// scores is the probability of each species.
func (m *model) scores(x [features]float64) []float64 {
	z := m.scaled(x)
	p := make([]float64, len(m.weights))
	top := math.Inf(-1)
	for k, w := range m.weights {
		for i := range z {
			p[k] += w[i] * z[i]
		}
		top = max(top, p[k])
	}
	sum := 0.0
	for k := range p {
		p[k] = math.Exp(p[k] - top)
		sum += p[k]
	}
	for k := range p {
		p[k] /= sum
	}
	return p
}

// predict is the likeliest species and its probability.
func (m *model) predict(x [features]float64) (label string, score float64) {
	best, p := 0, m.scores(x)
	for k := range p {
		if p[k] > p[best] {
			best = k
		}
	}
	return m.labels[best], p[best]
}

// right counts the flowers that the model names as they are.
func (m *model) right(flowers []flower) (n int) {
	for _, f := range flowers {
		if label, _ := m.predict(f.x); label == m.labels[f.label] {
			n++
		}
	}
	return n
}
