package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/girok/girok/record"
	"github.com/girok/girok/sink"
	"github.com/girok/girok/sink/table"
)

// How many partitions are made before they are needed.
const (
	daysAhead   = 7
	monthsAhead = 2
)

// period is what one partition holds.
type period struct {
	name     string // the end of the partition's name
	from, to string // as PostgreSQL reads them
}

// period is the one that a moment lies in.
func (c Config) period(at time.Time, loc *time.Location) period {
	y, m, d := at.In(loc).Date()
	suffix, next := "_p200601", func(n int) time.Time { return time.Date(y, m+time.Month(n), 1, 0, 0, 0, 0, loc) }
	if c.Partition.Every == "day" {
		suffix, next = "_p20060102", func(n int) time.Time { return time.Date(y, m, d+n, 0, 0, 0, 0, loc) }
	}
	layout := "2006-01-02 15:04:05-07:00"
	if c.partitionType() != table.Timestamp {
		layout = "2006-01-02"
	}
	return period{next(0).Format(suffix), next(0).Format(layout), next(1).Format(layout)}
}

// ahead are the periods that partitions are made for: the one before now, for
// records that are late, this one, and those to come.
func (c Config) ahead(now time.Time, loc *time.Location) (list []period) {
	if c.Partition.By == "" {
		return nil
	}
	y, m, d := now.In(loc).Date()
	if c.Partition.Every == "day" {
		for i := -1; i <= daysAhead; i++ {
			list = append(list, c.period(time.Date(y, m, d+i, 12, 0, 0, 0, loc), loc))
		}
		return list
	}
	for i := -1; i <= monthsAhead; i++ {
		list = append(list, c.period(time.Date(y, m+time.Month(i), 15, 12, 0, 0, 0, loc), loc))
	}
	return list
}

func (p period) ddl(schema, name string) string {
	return fmt.Sprintf("create table if not exists %s partition of %s for values from (%s) to (%s)",
		qualified(schema, named(name, p.name)), qualified(schema, name), literal(p.from), literal(p.to))
}

// partition is what a store remembers of partitions: what it does not try to make
// again.
type partition struct {
	made  map[string]bool
	day   string    // of which the periods ahead are made
	after time.Time // none is tried before it: others hold the table's locks
}

// A partition waits for locks that stop everybody else as long as it waits: a
// short time, and not again at once. Until then the default partition takes rows.
const (
	partitionLock  = 2 * time.Second
	partitionPause = time.Minute
)

// maxMade bounds the memory of periods.
const maxMade = 4096

// partitions makes those ahead, once a day, and those of the batch's first and last
// record, before its transaction. What can't be made is told and not tried again
// until the table is looked at anew: rows go to the default partition then.
func (s *store) partitions(ctx context.Context, b *sink.Batch) error {
	if s.config.Partition.By == "" || !s.config.Create || !s.tables.partitioned {
		return nil
	}
	loc := s.config.Location(s.env.Location)
	if s.ahead.made == nil || len(s.ahead.made) > maxMade {
		s.ahead = partition{made: map[string]bool{}, after: s.ahead.after}
	}
	var want []period
	now := time.Now()
	if now.Before(s.ahead.after) {
		return nil
	}
	if day := now.In(loc).Format(time.DateOnly); day != s.ahead.day {
		s.ahead.day = day
		want = s.config.ahead(now, loc)
	}
	if s.config.Partition.By == s.config.TimeColumn() && b.Len() > 0 {
		var v record.View
		for _, i := range []int{0, b.Len() - 1} {
			if b.At(i, &v) == nil && v.Time().Before(now.AddDate(0, 0, daysAhead)) && v.Time().After(now.AddDate(-10, 0, 0)) {
				want = append(want, s.config.period(v.Time(), loc))
			}
		}
	}
	for _, p := range want {
		if s.ahead.made[p.name] {
			continue
		}
		s.ahead.made[p.name] = true
		err := s.makePartition(ctx, p)
		var e *pgconn.PgError
		if code(err) == "55P03" {
			s.ahead = partition{after: now.Add(partitionPause)}
			return nil
		}
		if errors.As(err, &e) && !isOfServer(e) {
			s.env.Log.Warn("a partition can't be made; its rows go to the default partition", "table", s.tables.table, "partition", p.name, "error", e.Message)
		} else if err != nil {
			s.ahead = partition{}
			return err
		}
	}
	return nil
}

// makePartition makes one that is not there. To look first spares the locks that
// "if not exists" takes.
func (s *store) makePartition(ctx context.Context, p period) error {
	r, err := run(ctx, s.conn, stmt{"select to_regclass($1) is null", []string{qualified(s.tables.schema, named(s.tables.name, p.name))}})
	if err != nil || string(r[0].Rows[0][0]) != "t" {
		return err
	}
	return s.make(ctx, fmt.Sprintf("set local lock_timeout = %d", partitionLock.Milliseconds()), p.ddl(s.tables.schema, s.tables.name))
}
