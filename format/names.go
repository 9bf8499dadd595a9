package format

import "github.com/girok/girok/record"

// nameSet is names that are looked for among many that are none of them.
type nameSet struct {
	all    map[string]bool
	begins [256]uint64 // their lengths, modulo 64, by what they begin with
}

func newNameSet(sets ...map[string]bool) *nameSet {
	s := &nameSet{all: map[string]bool{}}
	for _, set := range sets {
		for name := range set {
			s.all[name] = true
			if name != "" {
				s.begins[name[0]] |= 1 << (len(name) & 63)
			}
		}
	}
	return s
}

// hasName reports whether a name is one of them, or empty.
func hasName[T string | []byte](s *nameSet, name T) bool {
	return len(name) == 0 || s.begins[name[0]]>>(len(name)&63)&1 != 0 && s.all[string(name)]
}

// troubleNames are those under which an error or a stack may come.
var troubleNames = setOf(attrError, attrStack, attrExcInfo, attrExcText, attrStackInfo, attrRecord)

// isOneOf reports whether one of the attributes has a name that is one of the set, or
// none.
func isOneOf(a record.Attrs, names *nameSet) bool {
	var key []byte
	var val record.Value
	for a.Next(&key, &val) {
		if hasName(names, key) {
			return true
		}
	}
	return false
}
