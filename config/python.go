package config

import "math/big"

// Truth is a boolean as Python takes it: any value, by whether it is empty, so
// that 'false' in quotes is true.
type Truth bool

// FromNode implements [Unmarshaler].
func (t *Truth) FromNode(n *Node, ps *Problems) {
	if n.Kind() == None {
		return
	}
	switch v := n.Py(ps).(type) {
	case nil:
		*t = false
	case bool:
		*t = Truth(v)
	case string:
		*t = v != ""
	case float64:
		*t = v != 0
	case int:
		*t = v != 0
	case []any:
		*t = len(v) > 0
	case map[string]any:
		*t = len(v) > 0
	default:
		*t = true
	}
}

// DescribeType implements [Describer].
func (Truth) DescribeType() string { return "true or false" }

// Number is a number as Python takes it: whole or not, by the rules of YAML 1.1;
// true is 1.
type Number float64

// FromNode implements [Unmarshaler].
func (f *Number) FromNode(n *Node, ps *Problems) {
	if n.IsZero() {
		return
	}
	switch v := n.Py(ps).(type) {
	case bool:
		*f = 0
		if v {
			*f = 1
		}
	case int:
		*f = Number(v)
	case *big.Int:
		x, _ := v.Float64()
		*f = Number(x)
	case float64:
		*f = Number(v)
	default:
		wantGot(n, ps, "a number")
	}
}

// DescribeType implements [Describer].
func (Number) DescribeType() string { return "a number" }
