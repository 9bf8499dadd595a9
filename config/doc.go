// Package config reads YAML strictly and remembers where everything stands.
//
// A configuration goes through three steps:
//
//	doc, err := config.Load("config.yaml")     // bytes → tree of Nodes, `extends` merged
//	config.Decode(doc.Root, &ps, &target)      // Nodes → structs, every key known, every value of its type
//	err = ps.Err()                             // every mistake of the file at once, at file:line:col
//
// Nothing stops at the first mistake: each one becomes a [Problem] with the
// place of the key or value, its path, and where possible a remedy.
//
// The text of a value may hold references, replaced when it is decoded:
// ${VAR}, ${VAR:-default}, ${file:/path}; $${ stands for a literal ${. Keys and
// fields tagged raw are left alone.
//
// A field of type [Secret] keeps the reference and not the value, and never
// prints.
//
// The package imports the YAML parser and the standard library only.
package config
