package table

import (
	"fmt"
	"slices"
	"strings"

	"github.com/girok/girok/sink"
)

// There is a column of a table as it is in the database.
type There struct {
	Name     string
	Declared string // its type as the database spells it
	Required bool   // it must not be NULL and has no default
	Fit      func(ColumnType) Fit
}

// Fit is how the values of a type go into a column.
type Fit uint8

// The fits.
const (
	Exact     Fit = iota // each does
	Converted            // the database converts them, and rejects what it can't
	None                 // none does
)

// Compare says how a table differs from what the configuration wants. declared is
// how a type would be declared there, alter what adds columns to it.
func (c Config) Compare(name string, there []There, declared func(ColumnType) string, alter func([]Column) string) (found []sink.Finding) {
	var missing []Column
	filled := map[int]bool{}
	for _, col := range c.List() {
		i := indexOf(there, col.Name)
		if i < 0 {
			missing = append(missing, col)
			continue
		}
		filled[i] = true
		at := &there[i]
		fit := at.Fit(col.Type)
		if fit == None && col.Type.Type == String && (col.source == fromAttr || col.source == fromText) {
			fit = Converted // its texts may be numbers, or whatever the column is
		}
		switch fit {
		case None:
			found = append(found, sink.Finding{Grade: sink.Wrong,
				Text:   fmt.Sprintf("column %s is %s, and takes no %s, which would be %s", at.Name, at.Declared, col.Type, declared(col.Type)),
				Remedy: "give the column this type, or write columns: " + col.Name + ": {from: …, type: …} with one that it takes"})
		case Converted:
			found = append(found, sink.Finding{Grade: sink.Note,
				Text: fmt.Sprintf("column %s is %s where %s would be %s: the database converts, and what it can't convert goes to the dead letters", at.Name, at.Declared, col.Type, declared(col.Type))})
		}
	}
	for i := range there {
		if there[i].Required && !filled[i] {
			found = append(found, sink.Finding{Grade: sink.Wrong,
				Text:   fmt.Sprintf("column %s must not be NULL, has no default, and nothing fills it: every row would be rejected", there[i].Name),
				Remedy: "name it under columns, or give it a default"})
		}
	}
	if len(missing) > 0 {
		found = append(found, c.missing(name, missing, declared, alter))
	}
	if len(found) == 0 {
		return []sink.Finding{{Text: fmt.Sprintf("table %s has the %d columns, with their types", name, len(filled))}}
	}
	return found
}

func indexOf(there []There, name string) int {
	if i := slices.IndexFunc(there, func(t There) bool { return t.Name == name }); i >= 0 {
		return i
	}
	return slices.IndexFunc(there, func(t There) bool { return strings.EqualFold(t.Name, name) })
}

func (c Config) missing(name string, cols []Column, declared func(ColumnType) string, alter func([]Column) string) sink.Finding {
	list := make([]string, len(cols))
	for i, col := range cols {
		list[i] = col.Name + " " + declared(col.Type)
	}
	f := sink.Finding{Text: fmt.Sprintf("table %s lacks columns: %s", name, strings.Join(list, ", "))}
	if c.NewColumns == "add" {
		f.Grade = sink.Note
		f.Text += "; new_columns: add adds them"
		return f
	}
	f.Grade = sink.Wrong
	f.Remedy = "new_columns: add adds them, or run:\n" + alter(cols)
	return f
}

// FitByDefault is what fits between the list of types where a database converts
// as little as it has to: for a column whose type is like have.
func FitByDefault(want, have ColumnType) Fit {
	number := func(t Type) bool { return t == Int || t == Float || t == Decimal }
	moment := func(t Type) bool { return t == Timestamp || t == DateTime || t == Date }
	switch {
	case want == have:
		return Exact
	case have.Type == String, number(want.Type) && number(have.Type), moment(want.Type) && moment(have.Type):
		return Converted
	}
	return None
}
