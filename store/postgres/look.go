package postgres

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/girok/girok/sink"
	"github.com/girok/girok/sink/table"
)

// Look implements sink.Looker, in a transaction that reads only.
func (c Config) Look(ctx context.Context, env sink.Env) ([]sink.Finding, error) {
	c.Config = c.Named(env, table.DateInName, time.Now())
	l := &looking{store: store{target: &target{config: c}, env: env}}
	defer l.leave()
	err := l.look(ctx)
	return l.found, l.failed(ctx, err)
}

// looking is one look.
type looking struct {
	store
	found []sink.Finding
}

func (l *looking) say(g sink.Grade, remedy, format string, args ...any) {
	l.found = append(l.found, sink.Finding{Grade: g, Text: fmt.Sprintf(format, args...), Remedy: remedy})
}

func (l *looking) look(ctx context.Context) (err error) {
	if l.conn, err = l.config.connect(ctx, "girok check "+l.env.Service+"/"+l.env.Handler); err != nil {
		return err
	}
	if _, err := run(ctx, l.conn, stmt{sql: "begin isolation level read committed read only"},
		stmt{sql: fmt.Sprintf("select set_config('lock_timeout', '%d', true), set_config('statement_timeout', '%d', true)", lockTimeout.Milliseconds(), lockTimeout.Milliseconds())}); err != nil {
		return err
	}
	for _, part := range []func(context.Context) error{l.server, l.places, l.table} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	return nil
}

// row is the first row of an answer, its columns by their names.
func (l *looking) row(ctx context.Context, s stmt) (map[string]string, error) {
	r, err := run(ctx, l.conn, s)
	if err != nil || len(r[0].Rows) == 0 {
		return nil, err
	}
	row := map[string]string{}
	for i, f := range r[0].FieldDescriptions {
		row[f.Name] = string(r[0].Rows[0][i])
	}
	return row, nil
}

// server tells of the server and of who girok is there.
func (l *looking) server(ctx context.Context) error {
	s, err := l.row(ctx, stmt{sql: `select current_setting('server_version') as version, current_user as user, current_database() as database,
  pg_is_in_recovery() as standby, current_setting('default_transaction_read_only') as read_only,
  current_setting('synchronous_commit') as commits, current_setting('fsync') as syncs`})
	if err != nil {
		return err
	}
	how, encrypted := l.encryption()
	l.say(sink.Fine, "", "PostgreSQL %s, database %s, as %s, %s", s["version"], s["database"], s["user"], how)
	if !encrypted && !l.local() {
		l.say(sink.Note, "sslmode: verify-full, with the server's CA in PGSSLROOTCERT or sslrootcert", "records cross the network without TLS")
	}
	if s["standby"] == "t" || s["read_only"] == "on" {
		l.say(sink.Wrong, "give the primary, or several hosts in dsn with target_session_attrs=read-write", "the server takes no writes: it is a standby, or default_transaction_read_only is on")
	}
	if s["syncs"] == "off" {
		l.say(sink.Note, "", "fsync is off at the server: a crash of its machine may take rows that are counted as delivered")
	} else if s["commits"] == "off" && !l.env.Durable {
		l.say(sink.Note, "durability: disk in the configuration switches it on for girok's transactions", "synchronous_commit is off at the server: its crash may take the last rows")
	}
	return nil
}

// encryption says how the connection is encrypted.
func (l *looking) encryption() (how string, encrypted bool) {
	c, ok := l.conn.Conn().(*tls.Conn)
	if !ok {
		return "without TLS", false
	}
	state := c.ConnectionState()
	how = tls.VersionName(state.Version)
	cc, err := l.config.parsed()
	if err != nil {
		return how, true
	}
	wanted := []*tls.Config{cc.TLSConfig}
	for _, f := range cc.Fallbacks {
		wanted = append(wanted, f.TLSConfig)
	}
	if slices.ContainsFunc(wanted, func(c *tls.Config) bool { return c != nil && c.InsecureSkipVerify && c.VerifyPeerCertificate == nil }) {
		how += " with a certificate that nobody checked"
	}
	return how, true
}

// local reports whether the server is on this machine.
func (l *looking) local() bool {
	switch at := l.conn.Conn().RemoteAddr().(type) {
	case *net.UnixAddr:
		return true
	case *net.TCPAddr:
		return at.IP.IsLoopback()
	}
	return false
}

// places tells whether there is room for the one connection that a handler has.
func (l *looking) places(ctx context.Context) error {
	s, err := l.row(ctx, stmt{sql: `select current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int as most,
  (select count(*) from pg_stat_activity where backend_type = 'client backend') as taken,
  (select rolconnlimit from pg_roles where rolname = current_user) as mine,
  (select count(*) from pg_stat_activity where usename = current_user) as used,
  (select datconnlimit from pg_database where datname = current_database()) as here,
  (select count(*) from pg_stat_activity where datname = current_database()) as inside`})
	if err != nil {
		return err
	}
	for _, q := range [][3]string{
		{"the server", s["most"], s["taken"]}, {"the user", s["mine"], s["used"]}, {"the database", s["here"], s["inside"]},
	} {
		most, err1 := strconv.Atoi(q[1])
		used, err2 := strconv.Atoi(q[2])
		if err1 != nil || err2 != nil || most < 0 { // -1: no limit
			continue
		}
		if most-used < 2 {
			l.say(sink.Note, "raise the limit, or put a pooler in front", "%s has %d connections at most, and %d are taken; each handler needs one", q[0], most, used)
		}
	}
	return nil
}

// table compares the table, if it is there, and tells of rights.
func (l *looking) table(ctx context.Context) error {
	schema, name := split(l.config.Table)
	s, err := l.row(ctx, stmt{`select coalesce(n.nspname, nullif($2, ''), current_schema()) as schema, c.oid as oid, c.relkind as kind,
  row_security_active(c.oid) as filtered, has_table_privilege(c.oid, 'insert') as insert,
  pg_has_role(c.relowner, 'usage') as own, pg_get_userbyid(c.relowner) as owner,
  (select partdefid from pg_partitioned_table where partrelid = c.oid) as rest
from (select to_regclass($1) as oid) o left join pg_class c on c.oid = o.oid left join pg_namespace n on n.oid = c.relnamespace`,
		[]string{qualified(schema, name), schema}})
	if err != nil {
		return err
	}
	if s["schema"] == "" {
		l.say(sink.Wrong, "write table: schema.table", "there is no schema for the table %s in the user's search_path", name)
		return nil
	}
	t := &tables{schema: s["schema"], name: name, table: qualified(s["schema"], name), position: qualified(s["schema"], positionTable)}
	if s["oid"] == "" {
		if err := l.absent(ctx, t, t.table); err != nil {
			return err
		}
	} else {
		l.usable(t, s)
		if err := l.columns(ctx, t, s["insert"] == "t"); err != nil {
			return err
		}
	}
	return l.position(ctx, t, s["oid"] == "")
}

// absent tells of a table that is not there.
func (l *looking) absent(ctx context.Context, t *tables, missing string) error {
	if !l.config.Create {
		l.say(sink.Wrong, "create: true makes it, or run:\n"+l.config.DDL(l.env), "there is no table %s that girok may see", missing)
		return nil
	}
	s, err := l.row(ctx, stmt{`select to_regnamespace($1) is not null as there,
  case when to_regnamespace($1) is null then has_database_privilege(current_database(), 'create') else has_schema_privilege(to_regnamespace($1), 'create') end as may`,
		[]string{quote(t.schema)}})
	switch {
	case err != nil:
		return err
	case s["may"] == "t":
		l.say(sink.Note, "", "there is no table %s: create: true makes it", missing)
	case s["there"] == "t":
		l.say(sink.Wrong, "grant create on schema "+quote(t.schema)+", or run:\n"+l.config.DDL(l.env), "there is no table %s, and girok may make none in the schema", missing)
	default:
		l.say(sink.Wrong, "make the schema "+quote(t.schema)+", or grant create on the database", "there is no schema %s, and girok may make none", t.schema)
	}
	return nil
}

// usable tells what of a table as a whole is in the way.
func (l *looking) usable(t *tables, s map[string]string) {
	own, kind := s["own"] == "t", s["kind"]
	switch kind {
	case "r", "p", "f":
	case "v":
		l.say(sink.Note, "", "%s is a view: rows go in if it has a trigger instead of insert", t.table)
	default:
		l.say(sink.Wrong, "give the name of a table", "%s is no table", t.table)
	}
	if s["filtered"] == "t" {
		l.say(sink.Wrong, "alter the user with bypassrls, or take row security off the table", "row security holds for girok's user, and with it PostgreSQL has no COPY into %s", t.table)
	}
	if !own && l.config.NewColumns == "add" {
		l.say(sink.Note, "grant girok's user the role "+quote(s["owner"])+", or write new_columns: rest", "new_columns: add can't add any: the table belongs to %s", s["owner"])
	}
	if l.config.Partition.By == "" {
		return
	}
	switch rest := s["rest"] != "" && s["rest"] != "0"; {
	case kind != "p":
		l.say(sink.Note, "", "%s is not partitioned: it is filled as it is", t.table)
	case !own && rest:
		l.say(sink.Note, "grant girok's user the role "+quote(s["owner"]), "the table belongs to %s, so girok makes no partitions: rows without one go to the default partition", s["owner"])
	case !own:
		l.say(sink.Note, "make a default partition, or grant girok's user the role "+quote(s["owner"]), "the table belongs to %s and has no default partition: rows of a day without a partition go to the dead letters", s["owner"])
	}
}

// columns compares the columns.
func (l *looking) columns(ctx context.Context, t *tables, insert bool) error {
	if err := l.lookAt(ctx, t); err != nil {
		return err
	}
	r, err := run(ctx, l.conn, stmt{`select attname, attnotnull and not atthasdef and attidentity = '', has_column_privilege(attrelid, attnum, 'insert')
from pg_attribute where attrelid = $1::text::regclass and attnum > 0 and not attisdropped`, []string{t.table}})
	if err != nil {
		return err
	}
	required, closed := map[string]bool{}, map[string]bool{}
	for _, row := range r[0].Rows {
		required[string(row[0])] = string(row[1]) == "t"
		closed[string(row[0])] = string(row[2]) != "t" && !insert
	}
	var list []table.There
	for _, c := range t.there {
		list = append(list, table.There{Name: c.name, Declared: c.decl, Required: required[c.name], Fit: c.fit})
	}
	l.found = append(l.found, l.config.Compare(t.table, list, declared, func(cols []table.Column) string { return alteration(t.table, cols) + ";\n" })...)
	var denied []string
	for _, c := range l.config.List() {
		if at := t.named(c.Name); at != nil && closed[at.name] {
			denied = append(denied, at.name)
		}
	}
	if len(denied) > 0 {
		l.say(sink.Wrong, "grant insert on "+t.table, "girok may not insert into %s: columns %s", t.table, strings.Join(denied, ", "))
	}
	return nil
}

// fit is how the values of a type go into a column.
func (c *there) fit(want table.ColumnType) table.Fit {
	have, short := typeOf(c.decl), c.oid == oidInt2 || c.oid == oidInt4 || strings.HasPrefix(c.decl, "character") && strings.Contains(c.decl, "(")
	fit := table.FitByDefault(want, have)
	switch {
	case have.Type == table.JSON && (want.Type == table.Int || want.Type == table.Decimal || want.Type == table.Bool):
		return table.Converted // their texts are JSON
	case want.Type == table.JSON && have.Type == table.String && binaryFits(want.Type, c.oid) && !short,
		want.Type == table.Decimal && c.decl == "numeric":
		return table.Exact
	case fit == table.Exact && (short || !binaryFits(want.Type, c.oid)):
		return table.Converted
	}
	return fit
}

// position tells of girok_position.
func (l *looking) position(ctx context.Context, t *tables, alone bool) error {
	s, err := l.row(ctx, stmt{`select o.oid as oid, has_table_privilege(o.oid, 'select') and has_table_privilege(o.oid, 'insert') and
  has_table_privilege(o.oid, 'update') and has_table_privilege(o.oid, 'delete') as may,
  (select count(*) from pg_attribute where attrelid = o.oid and attname in ('service', 'handler', 'run', 'next', 'idx', 'owner', 'moved_at')) as columns
from (select to_regclass($1) as oid) o`, []string{t.position}})
	switch {
	case err != nil:
		return err
	case s["oid"] == "" && !alone:
		return l.absent(ctx, t, t.position)
	case s["oid"] == "":
		return nil // told with the table
	case s["columns"] != "7":
		l.say(sink.Wrong, "give the handler's table another schema, or make it again:\n"+positionDDL(t.schema)+";\n", "%s is not what girok keeps there", t.position)
	case s["may"] != "t":
		l.say(sink.Wrong, "grant select, insert, update, delete on "+t.position, "girok may not use %s", t.position)
	default:
		return l.stands(ctx, t)
	}
	return nil
}

// stands tells whether the handler has written there.
func (l *looking) stands(ctx context.Context, t *tables) error {
	s, err := l.row(ctx, stmt{"select count(*) as runs, max(moved_at) as last from " + t.position + " where service = $1 and handler = $2", []string{l.env.Service, l.env.Handler}})
	if err == nil && s["runs"] != "0" {
		l.say(sink.Fine, "", "positions of %s runs of this handler are there, the last moved at %s", s["runs"], s["last"])
	}
	return err
}
