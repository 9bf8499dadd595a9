// Package bqfake is a strict stand-in for BigQuery in tests: what the Storage Write
// API promises of committed streams, and the faults that no emulator can be made to
// show: answers that are lost, connections that break, streams that outlive a crash of
// the server, bad rows, quotas. Of the REST API it has what a table needs, load jobs
// from uploads, and tabledata.insertAll.
//
// What it answers is what the pages say that are named beside each answer. Rows are
// kept in memory.
package bqfake

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/descriptorpb"
)

// Server is a fake BigQuery. Its methods are safe for concurrent use.
type Server struct {
	mu      sync.Mutex
	tables  map[string]*Table // by projects/…/datasets/…/tables/…
	sets    map[string]bool   // datasets, by projects/…/datasets/…
	streams map[string]*stream
	jobs    map[string]*job   // by projects/…/jobs/…
	uploads map[string]upload // begun, by their number
	known   map[string]bool   // insertIds, each behind its table
	made    int

	// OnAppend is called with each append before anything of it is done, and may have
	// it fail: a status is the answer of the call, a *Refusal that of the append, ErrLost
	// applies the append and breaks the connection in the place of an answer, ErrSilent
	// applies it and those that come behind it and answers none of them, ErrBroken breaks
	// the connection before. What was answered before comes to the client in any case.
	OnAppend func(stream string, offset int64) error

	// OnLoad is called with the id of each job when its rows have come, and OnInsert
	// with each insertAll. They may say the same as OnAppend; a *JobError has the job fail.
	OnLoad   func(id string) error
	OnInsert func() error
	// RunningFor is how often a job is still running when it is looked at.
	RunningFor int

	// MostRows, if it is not 0, is how many rows an append may have that is ever
	// answered: a larger one waits until its connection is gone, and is not applied.
	MostRows int

	answer time.Duration
	// HangsUp has the connection end behind the answer to an append that was refused,
	// whatever else was sent on it.
	HangsUp bool

	rest, grpc   string // addresses
	http         *http.Server
	rpc          *grpc.Server
	Appends      int // that were applied
	Jobs         int // that were begun
	DiscardsRows bool
	// ReadsLater keeps the rows of appends as they come, unread, until ReadRows: what a
	// server does elsewhere takes no time here then.
	ReadsLater bool
}

// Table is a table with its rows: the messages as they came, and the descriptor that
// each was sent with.
type Table struct {
	Resource map[string]any // as tables.get answers
	Rows     []Row
	Count    int // rows that came in, also those that DiscardsRows did not keep
	etag     int
	unread   []unread
}

// unread is the rows of an append.
type unread struct {
	shape      *descriptorpb.DescriptorProto
	serialized []byte
}

// Row is a row: the values by column.
type Row map[string]any

// New makes a server; Start begins to answer.
func New() *Server {
	return &Server{
		tables: map[string]*Table{}, sets: map[string]bool{}, streams: map[string]*stream{},
		jobs: map[string]*job{}, uploads: map[string]upload{}, known: map[string]bool{},
	}
}

// REST and GRPC are the addresses for the keys endpoint and grpc_endpoint.
func (s *Server) REST() string { return "http://" + s.rest + "/bigquery/v2" }
func (s *Server) GRPC() string { return s.grpc }

// Start listens, on the addresses of before if it was stopped.
func (s *Server) Start() error {
	listen := func(address string) (net.Listener, error) {
		if address == "" {
			address = "127.0.0.1:0"
		}
		var l net.Listener
		var err error
		for range 6000 { // the port of before may be busy for a moment
			if l, err = net.Listen("tcp", address); err == nil {
				return l, nil
			}
			time.Sleep(10 * time.Millisecond)
		}
		return nil, err
	}
	r, err := listen(s.rest)
	if err != nil {
		return err
	}
	g, err := listen(s.grpc)
	if err != nil {
		return errors.Join(err, r.Close())
	}
	s.rest, s.grpc = r.Addr().String(), g.Addr().String()
	s.http = &http.Server{Handler: http.HandlerFunc(s.serveREST)}
	s.rpc = grpc.NewServer(grpc.UnknownServiceHandler(s.serve), grpc.ForceServerCodecV2(rawCodec{}), grpc.MaxRecvMsgSize(64<<20))
	go s.http.Serve(r)
	go s.rpc.Serve(g)
	return nil
}

// Stop breaks all connections, as a crash does. Tables and streams stay.
func (s *Server) Stop() {
	s.http.Close()
	s.rpc.Stop()
}

// Table is a table by its dataset and name; nil if there is none. Its rows must not be
// looked at while appends come in.
func (s *Server) Table(project, dataset, name string) *Table {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tables["projects/"+project+"/datasets/"+dataset+"/tables/"+name]
}

// ReadRows reads what ReadsLater has left.
func (s *Server) ReadRows() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, t := range s.tables {
		for _, u := range t.unread {
			rows, bad, err := decode(u.serialized, u.shape, t.columns(), false)
			if err != nil || len(bad) > 0 {
				return fmt.Errorf("rows of %s: %w, %d are bad", name, err, len(bad))
			}
			t.Rows = append(t.Rows, rows...)
		}
		t.unread = nil
	}
	return nil
}
