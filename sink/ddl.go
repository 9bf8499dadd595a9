package sink

// Maker is a Config whose sink makes its tables with `create: true`.
type Maker interface {
	Config
	// DDL is what it makes, as statements that may be run by hand; each ends with
	// a semicolon and a line break.
	DDL(env Env) string
}
