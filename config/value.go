package config

import (
	"encoding"
	"errors"
	"math"
	"math/big"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// isScalarType reports whether a value of type t is written as a scalar.
func isScalarType(t reflect.Type) bool {
	switch {
	case t == secretType:
		return true
	case t.Kind() == reflect.Pointer:
		return isScalarType(t.Elem())
	case reflect.PointerTo(t).Implements(nodeDecoder):
		return false
	case reflect.PointerTo(t).Implements(textDecoder):
		return true
	}
	switch t.Kind() {
	case reflect.Bool, reflect.String, reflect.Float32, reflect.Float64:
		return true
	}
	return isInt(t) || isUint(t)
}

func isInt(t reflect.Type) bool {
	return t.Kind() >= reflect.Int && t.Kind() <= reflect.Int64
}

func isUint(t reflect.Type) bool {
	return t.Kind() >= reflect.Uint && t.Kind() <= reflect.Uint64
}

// scalar decodes a scalar onto v: the type wanted decides what the text means.
func (d *decoder) scalar(n *Node, v reflect.Value, r rules) {
	if n.kind != Scalar {
		d.wrongShape(n, v.Type(), typeInWords(v.Type(), r))
		return
	}
	if v.Type() == secretType {
		d.secret(n, v)
		return
	}
	if r.raw {
		n.MarkRaw()
	}
	text, ok := n.Text(d.ps)
	if !ok {
		return
	}
	var err error
	switch t := v.Type(); {
	case t == sizeType:
		err = setMeasured(v, text, r, ParseSize)
	case t == durationType || t == stdDuration:
		err = setMeasured(v, text, r, ParseDuration)
	case reflect.PointerTo(t).Implements(textDecoder):
		err = v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(text))
		if err != nil && n.shown(text) == "" {
			err = errors.New("not a value for this key") // the error could repeat what the reference stands for
		}
	case v.Kind() == reflect.Bool:
		err = setBool(v, text)
	case v.Kind() == reflect.String:
		err = setString(v, text, r)
	case isInt(t) || isUint(t):
		err = setInt(v, text, r)
	default:
		err = setFloat(v, text, r)
	}
	if err != nil {
		d.refuse(n, text, err, r)
	}
}

// refuse reports a scalar that is not what its key wants.
func (d *decoder) refuse(n *Node, text string, err error, r rules) {
	meant := ""
	if n.shown(text) != "" {
		meant = didYouMean(text, r.enum)
	}
	d.ps.Add(n.pos, n.Path(), "%v, got %s%s", err, n.got(), meant)
}

// secret keeps the reference, and finds out now whether it leads to something.
func (d *decoder) secret(n *Node, v reflect.Value) {
	s := secretOf(n)
	v.Set(reflect.ValueOf(s))
	if n.fixed || !hasReference(n.text) {
		return // of a stored configuration only Reveal can tell
	}
	if _, err := expand(n.text, n.src, inSecret); err != nil {
		n.reportExpansion(err, d.ps)
	}
}

// holdsSecret reports whether a value of type t has a Secret in it, so that a
// text in its place may be one.
func holdsSecret(t reflect.Type, depth int) bool {
	switch {
	case t == secretType:
		return true
	case depth > 8:
		return false
	case t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map:
		return holdsSecret(t.Elem(), depth+1)
	case t.Kind() == reflect.Struct:
		for i := range t.NumField() {
			if holdsSecret(t.Field(i).Type, depth+1) {
				return true
			}
		}
	}
	return false
}

// hideIfSecret keeps a text that stands in the place of a t out of problems.
func hideIfSecret(n *Node, t reflect.Type) {
	if n.Kind() == Scalar && holdsSecret(t, 0) {
		n.use.Or(useSecret)
	}
}

// wrongShape reports a value that can't be decoded onto a t.
func (d *decoder) wrongShape(n *Node, t reflect.Type, want string) {
	hideIfSecret(n, t)
	wantGot(n, d.ps, want)
}

// wantGot reports a value of the wrong shape.
func wantGot(n *Node, ps *Problems, want string) {
	hint := ""
	switch {
	case n.flow && want == "text":
		hint = "a text that begins with { or [ must be quoted"
	case n.Kind() == Scalar && strings.HasPrefix(want, "a list"):
		hint = "a list is written [a, b]"
	}
	ps.AddHint(n.Pos(), n.Path(), hint, "want %s, got %s", want, n.got())
}

// shown gives text if it stands in the file; "" if it is what a reference stands
// for, which nobody may print.
func (n *Node) shown(text string) string {
	if text == n.text {
		return text
	}
	return ""
}

// got describes the value for problems, never more than the file shows.
func (n *Node) got() string {
	if n.Kind() != Scalar {
		return n.Kind().String()
	}
	if n.is(useSecret) {
		return "a text that is not shown"
	}
	text := n.text
	if r := []rune(text); len(r) > 60 {
		text = string(r[:60]) + "…"
	}
	if !n.fixed && !n.is(useRaw) && hasReference(n.text) {
		return "what " + strconv.Quote(text) + " stands for"
	}
	return strconv.Quote(text)
}

func setBool(v reflect.Value, text string) error {
	value, ok := yamlBool(text)
	if !ok {
		return errors.New("want true or false")
	}
	v.SetBool(value)
	return nil
}

func setString(v reflect.Value, text string, r rules) error {
	if len(r.enum) > 0 && !slices.Contains(r.enum, text) {
		return errors.New("want " + typeInWords(v.Type(), r))
	}
	v.SetString(text)
	return nil
}

// setInt reads YAML's whole numbers but those of base sixty: 12:30 is no number
// for anybody who is not told.
func setInt(v reflect.Value, text string, r rules) error {
	wrong := errors.New("want " + typeInWords(v.Type(), r))
	text = strings.Replace(text, "0o", "0", 1)
	if len(text) > 100 || strings.Contains(text, ":") || !pyInt.Get().MatchString(text) {
		return wrong
	}
	value, ok := parseInt(text)
	low, high := intRange(v.Type(), r)
	if !ok || value.Cmp(low) < 0 || value.Cmp(high) > 0 {
		return wrong
	}
	if isUint(v.Type()) {
		v.SetUint(value.Uint64())
	} else {
		v.SetInt(value.Int64())
	}
	return nil
}

// intRange gives the range of an integer type, narrowed by its tags.
func intRange(t reflect.Type, r rules) (low, high *big.Int) {
	one := big.NewInt(1)
	if isUint(t) {
		low = big.NewInt(0)
		high = new(big.Int).Sub(new(big.Int).Lsh(one, uint(t.Bits())), one)
	} else {
		high = new(big.Int).Sub(new(big.Int).Lsh(one, uint(t.Bits()-1)), one)
		low = new(big.Int).Sub(new(big.Int).Neg(high), one)
	}
	if r.min != "" {
		low = mustInt(r.min)
	}
	if r.max != "" {
		high = mustInt(r.max)
	}
	return low, high
}

func mustInt(tag string) *big.Int {
	value, ok := new(big.Int).SetString(tag, 10)
	if !ok {
		panic("config: a min or max tag of a whole number is " + strconv.Quote(tag))
	}
	return value
}

func setFloat(v reflect.Value, text string, r rules) error {
	wrong := errors.New("want " + typeInWords(v.Type(), r))
	if strings.ContainsAny(text, "xXpPiInN:") {
		return wrong // hexadecimal, infinite, not a number, base sixty
	}
	value, err := strconv.ParseFloat(strings.ReplaceAll(text, "_", ""), v.Type().Bits())
	if err != nil || !inFloatRange(value, r) {
		return wrong
	}
	v.SetFloat(value)
	return nil
}

func inFloatRange(value float64, r rules) bool {
	low, high := math.Inf(-1), math.Inf(1)
	if r.min != "" {
		low = mustFloat(r.min)
	}
	if r.max != "" {
		high = mustFloat(r.max)
	}
	return value >= low && value <= high
}

func mustFloat(tag string) float64 {
	value, err := strconv.ParseFloat(tag, 64)
	if err != nil {
		panic("config: a min or max tag of a number is " + strconv.Quote(tag))
	}
	return value
}

// setMeasured sets a size or a duration.
func setMeasured[T Size | Duration](v reflect.Value, text string, r rules, parse func(string) (T, error)) error {
	value, err := parse(text)
	if err != nil {
		return err
	}
	bound := func(tag string, otherwise T) T {
		if tag == "" {
			return otherwise
		}
		limit, err := parse(tag)
		if err != nil {
			panic("config: a min or max tag is " + strconv.Quote(tag) + ": " + err.Error())
		}
		return limit
	}
	if value < bound(r.min, math.MinInt64) || value > bound(r.max, math.MaxInt64) {
		return errors.New("want " + typeInWords(v.Type(), r))
	}
	v.SetInt(int64(value))
	return nil
}

// textOf writes a default in the spelling of the file.
func textOf(v reflect.Value) string {
	switch value := v.Interface().(type) {
	case time.Duration:
		return Duration(value).String()
	case Secret:
		return ""
	case encoding.TextMarshaler:
		text, err := value.MarshalText()
		if err == nil {
			return string(text)
		}
	}
	switch v.Kind() {
	case reflect.String:
		return v.String()
	case reflect.Bool:
		return strconv.FormatBool(v.Bool())
	case reflect.Float32, reflect.Float64:
		return strconv.FormatFloat(v.Float(), 'g', -1, v.Type().Bits())
	}
	switch {
	case isInt(v.Type()):
		return strconv.FormatInt(v.Int(), 10)
	case isUint(v.Type()):
		return strconv.FormatUint(v.Uint(), 10)
	}
	return ""
}
