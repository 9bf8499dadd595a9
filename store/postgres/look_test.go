//go:build unix

package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/girok/girok/sink"
	"github.com/girok/girok/sink/sinktest"
)

var env = testEnv()

// look gives what a look finds, a line each: its grade and text, and whether
// something is to be done.
func look(t testing.TB, yaml string) string {
	t.Helper()
	c := sinktest.Decode(t, Kind, yaml).(Config)
	limited, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	found, err := c.Look(limited, env)
	if err != nil {
		found = append(found, sink.CouldNotLook(err))
	}
	var b strings.Builder
	for _, f := range found {
		do := ""
		if f.Remedy != "" {
			do = " !"
		}
		fmt.Fprintf(&b, "%s%s %s\n", f.Grade, do, f.Text)
	}
	return b.String()
}

// TestLook looks at tables of many kinds. Behind it the sink opens, or is refused
// for what was said.
func TestLook(t *testing.T) {
	good := "created_at timestamptz, level text, message text, attributes jsonb"
	columns := "columns: {created_at: time, level: levelname, message: message}\n"
	position := strings.Replace(positionDDL(""), "create table if not exists", "create table", 1) + ";"
	for _, c := range []struct {
		name, sql, yaml string
		want            []string // parts of what is said
		not             string
		opens           bool
	}{
		{"as it is made", "", "create: true", []string{"fine PostgreSQL 1", `note there is no table "SCHEMA"."logs": create: true makes it`}, "wrong", true},
		{"not there", "", "", []string{`wrong ! there is no table "SCHEMA"."logs" that girok may see`}, "", false},
		{"right", "create table logs (" + good + ");" + position, columns, []string{`fine table "SCHEMA"."logs" has the 4 columns, with their types`}, "wrong", true},
		{"no positions", "create table logs (" + good + ");", columns, []string{`wrong ! there is no table "SCHEMA"."girok_position"`}, "", false},
		{"columns missing", "create table logs (created_at timestamptz, LEVEL text);" + position, columns, []string{"wrong ! table", "lacks columns: message text, attributes jsonb"}, "level", false},
		{"columns to be added", "create table logs (created_at timestamptz, level text);" + position, columns + "new_columns: add", []string{"note table", "add adds them"}, "wrong", true},
		{"other types", "create type mood as enum ('INFO'); create table logs (created_at timestamp, level mood, message varchar(20), attributes text);" + position, columns,
			[]string{"note column created_at is timestamp without time zone where timestamp would be timestamptz", "note column level is", "mood where string", "note column message is character varying(20)"}, "attributes", true},
		{"types that take nothing", "create table logs (created_at boolean, level integer, message jsonb, attributes bytea);" + position, columns,
			[]string{"wrong ! column created_at is boolean, and takes no timestamp", "wrong ! column level is integer", "wrong ! column message is jsonb, and takes no string", "wrong ! column attributes is bytea"}, "", true},
		{"a column that nothing fills", "create table logs (" + good + ", tenant text not null, id bigserial, at timestamptz not null default now());" + position, columns,
			[]string{"wrong ! column tenant must not be NULL"}, "column id", true},
		{"not partitioned", "create table logs (" + good + ");" + position, columns + "partition: {by: created_at}", []string{"note", "is not partitioned"}, "wrong", true},
		{"a sequence", "create sequence logs;" + position, columns, []string{"is no table"}, "", false},
		{"positions of others", "create table logs (" + good + "); create table girok_position (n int);", columns, []string{"is not what girok keeps there"}, "", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPlace(t)
			if c.name != "as it is made" && c.name != "not there" {
				p.Run(t, "postgres", "create schema "+p.schema)
				p.run(t, c.sql)
			}
			before := p.everything(t)
			got := look(t, p.keys()+c.yaml)
			for _, want := range c.want {
				if !strings.Contains(got, strings.ReplaceAll(want, "SCHEMA", p.schema)) {
					t.Errorf("got\n%swant %s", got, want)
				}
			}
			if c.not != "" && strings.Contains(got, c.not) {
				t.Errorf("got\n%swant nothing of %s", got, c.not)
			}
			if after := p.everything(t); after != before {
				t.Errorf("a look changed the database:\n%s\n%s", before, after)
			}
			s, err := open(ctx, env, sinktest.Decode(t, Kind, p.keys()+c.yaml).(Config))
			if err == nil {
				s.Close()
			}
			if (err == nil) != c.opens {
				t.Errorf("the sink opens: %v", err)
			}
		})
	}
}

// everything is all that the place holds, by name.
func (p *place) everything(t testing.TB) string {
	return p.Run(t, "postgres", "select string_agg(format('%s %s %s %s', c.oid, relname, relkind, relnatts), ', ' order by c.oid) from pg_class c join pg_namespace n on n.oid = relnamespace where nspname = '"+p.schema+"'")
}

// TestLookAtRights looks as a user who may little.
func TestLookAtRights(t *testing.T) {
	p := newPlace(t)
	p.Run(t, "postgres", "create schema "+p.schema+"; create role "+p.schema+"_user login password 'quite secret' connection limit 2")
	t.Cleanup(func() { p.Run(t, "postgres", "drop schema "+p.schema+" cascade; drop role "+p.schema+"_user") })
	p.run(t, "create table logs (created_at timestamptz, attributes jsonb) partition by range (created_at);"+positionDDL(""))
	keys := strings.Replace(p.keys(), "user: girok", "user: "+p.schema+"_user", 1) + "columns: {created_at: time}\npartition: {by: created_at}\n"
	has := func(yaml string, wants ...string) {
		t.Helper()
		got := look(t, yaml)
		for _, want := range wants {
			if !strings.Contains(got, want) {
				t.Errorf("got\n%swant %s", got, want)
			}
		}
	}
	has(keys, "wrong ! PostgreSQL: permission denied for schema")
	p.run(t, "grant usage on schema "+p.schema+" to "+p.schema+"_user")
	has(keys, "girok may not insert into", "columns created_at, attributes", "wrong ! girok may not use", "note ! the table belongs to girok and has no default partition")
	p.run(t, "grant insert (created_at) on logs to "+p.schema+"_user; grant select, insert, update, delete on girok_position to "+p.schema+"_user; create table logs_default partition of logs default")
	has(keys, "columns attributes\n", "rows without one go to the default partition", "note ! the user has 2 connections at most, and 1 are taken")
	has(strings.Replace(keys, ".logs", ".others", 1)+"create: true", "wrong ! there is no table", "may make none in the schema")
	has(strings.Replace(keys, p.schema+".logs", p.schema+"_none.logs", 1)+"create: true", "wrong ! there is no schema")
	p.run(t, "grant insert on logs to "+p.schema+"_user; alter table logs enable row level security")
	has(keys, "wrong ! row security holds")
	p.run(t, "alter table logs disable row level security")
	if got := look(t, keys); strings.Contains(got, "wrong") {
		t.Errorf("with all rights: %s", got)
	}
	has(strings.Replace(keys, "quite secret", "wrong", 1), "wrong ! PostgreSQL: failed to connect", "password")
	has(strings.Replace(keys, fmt.Sprint("port: ", p.Port), "port: 1", 1), "wrong PostgreSQL: failed to connect", "refused")
}

// TestLookGivesUp: a server that does not answer holds nobody up.
func TestLookGivesUp(t *testing.T) {
	p := newPlace(t)
	c := sinktest.Decode(t, Kind, p.keys()).(Config)
	over, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := c.Look(over, env); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

var _ sink.Looker = Config{}
