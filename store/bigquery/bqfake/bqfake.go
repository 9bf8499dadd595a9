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
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
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

// What OnAppend can say beside a status.
var (
	ErrLost   = errors.New("bqfake: applied, and the answer is lost")
	ErrSilent = errors.New("bqfake: applied, and no answer comes from here on")
	ErrBroken = errors.New("bqfake: the connection breaks before anything is applied")
)

// Refusal is an error in the answer to an append, which is not applied. The connection
// goes on.
type Refusal struct {
	Code    codes.Code
	Message string
}

func (e *Refusal) Error() string { return e.Message }

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

type stream struct {
	table     string
	rows      int64
	finalized bool
}

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
		for range 200 { // the port of before may be busy for a moment
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

// ForgetStreams makes all streams unknown, as days without an append do.
func (s *Server) ForgetStreams() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.streams)
}

// Running sets RunningFor while the server answers.
func (s *Server) Running(looks int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.RunningFor = looks
}

// AnswerAfter sets how long after it has come an append is answered; those behind it are
// read and applied meanwhile.
func (s *Server) AnswerAfter(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = d
}

// FinalizeAll ends all streams.
func (s *Server) FinalizeAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, st := range s.streams {
		st.finalized = true
	}
}

type rawCodec struct{}

var _ encoding.CodecV2 = rawCodec{}

func (rawCodec) Name() string { return "proto" }
func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(*v.(*[]byte))}, nil
}
func (rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	*v.(*[]byte) = data.Materialize()
	return nil
}

const service = "/google.cloud.bigquery.storage.v1.BigQueryWrite/"

// serve answers all calls of the Storage Write API.
func (s *Server) serve(_ any, call grpc.ServerStream) error {
	method, _ := grpc.MethodFromServerStream(call)
	switch name, ok := strings.CutPrefix(method, service); {
	case !ok:
	case name == "AppendRows":
		return s.appendRows(call)
	case name == "CreateWriteStream":
		return s.unary(call, s.create)
	case name == "FinalizeWriteStream":
		return s.unary(call, s.finalize)
	case name == "GetWriteStream": // girok does not ask; Google's clients do
		return s.unary(call, s.get)
	}
	return status.Errorf(codes.Unimplemented, "unknown method %s", method)
}

func (s *Server) unary(call grpc.ServerStream, do func(in []byte) ([]byte, error)) error {
	var in []byte
	if err := call.RecvMsg(&in); err != nil {
		return err
	}
	out, err := do(in)
	if err != nil {
		return err
	}
	return call.SendMsg(&out)
}

// create makes a stream. "Given a table … the write stream is created":
// https://cloud.google.com/bigquery/docs/reference/storage/rpc/google.cloud.bigquery.storage.v1#createwritestreamrequest
func (s *Server) create(in []byte) ([]byte, error) {
	m, err := parse(in)
	if err != nil {
		return nil, err
	}
	table := string(m.bytes[1])
	inner, err := parse(m.bytes[2])
	if err != nil || inner.nums[2] != 1 {
		return nil, status.Error(codes.InvalidArgument, "want a stream of type COMMITTED")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tables[table] == nil {
		return nil, status.Errorf(codes.NotFound, "Requested entity was not found: %s", table)
	}
	s.made++
	name := fmt.Sprintf("%s/streams/fake%d", table, s.made)
	s.streams[name] = &stream{table: table}
	return protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), name), nil
}

// get tells of a stream its name and that it is COMMITTED: WriteStream,
// https://cloud.google.com/bigquery/docs/reference/storage/rpc/google.cloud.bigquery.storage.v1#writestream
func (s *Server) get(in []byte) ([]byte, error) {
	m, err := parse(in)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	name := string(m.bytes[1])
	if st := s.streams[name]; st == nil || s.tables[st.table] == nil {
		return nil, status.Errorf(codes.NotFound, "Requested entity was not found: %s", name)
	}
	out := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), name)
	return protowire.AppendVarint(protowire.AppendTag(out, 2, protowire.VarintType), 1), nil
}

// finalize ends a stream, again if it is ended: "row_count: Number of rows in the
// finalized stream."
// https://cloud.google.com/bigquery/docs/reference/storage/rpc/google.cloud.bigquery.storage.v1#finalizewritestreamresponse
func (s *Server) finalize(in []byte) ([]byte, error) {
	m, err := parse(in)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.streams[string(m.bytes[1])]
	if st == nil || s.tables[st.table] == nil {
		return nil, status.Errorf(codes.NotFound, "Requested entity was not found: %s", m.bytes[1])
	}
	st.finalized = true
	return protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), uint64(st.rows)), nil
}

// StorageErrorCodes:
// https://cloud.google.com/bigquery/docs/reference/storage/rpc/google.cloud.bigquery.storage.v1#storageerrorcode
const (
	streamFinalized     = 6
	extraFields         = 7
	offsetAlreadyExists = 8
	offsetOutOfRange    = 9
)

// silence is how long after the last append a connection breaks that answers none.
const silence = 50 * time.Millisecond

// given is what becomes of an append: its answer, or how the call ends.
type given struct {
	out    []byte
	due    time.Time
	silent bool // neither it nor what is behind it is answered
	err    error
}

// appendRows answers appends in the order in which they come; several may be under way.
// "Requests are processed in the order in which they arrive":
// https://cloud.google.com/bigquery/docs/write-api
func (s *Server) appendRows(call grpc.ServerStream) error {
	answers := make(chan given, 1024)
	go s.readAppends(call, answers)
	for g := range answers {
		if g.err != nil || g.silent {
			return g.end(answers)
		}
		time.Sleep(time.Until(g.due))
		if err := call.SendMsg(&g.out); err != nil {
			return err
		}
		if m, err := parse(g.out); err == nil && s.HangsUp && len(m.bytes[2]) > 0 {
			return status.Error(codes.Aborted, "the connection ends after an error")
		}
	}
	return nil
}

// end is how the call ends from g on.
func (g given) end(answers <-chan given) error {
	for g.err == nil {
		select {
		case next, more := <-answers:
			if g.err = next.err; !more {
				return nil
			}
		case <-time.After(silence):
			g.err = status.Error(codes.Unavailable, "connection reset")
		}
	}
	if g.err == io.EOF {
		return nil
	}
	return g.err
}

// readAppends reads appends and applies them, until one ends the call.
func (s *Server) readAppends(call grpc.ServerStream, answers chan<- given) {
	defer close(answers)
	var c appending
	for {
		var g given
		g.out, g.err = s.readAppend(call, &c)
		if errors.Is(g.err, ErrSilent) {
			g.err, g.silent = nil, true
		}
		s.mu.Lock()
		g.due = time.Now().Add(s.answer)
		s.mu.Unlock()
		select {
		case answers <- g:
		case <-call.Context().Done():
			return
		}
		if g.err != nil {
			return
		}
	}
}

// appending is what a connection remembers of the requests before.
type appending struct {
	name  string
	shape *descriptorpb.DescriptorProto
}

// readAppend reads one append and applies it; io.EOF: the client sends no more.
func (s *Server) readAppend(call grpc.ServerStream, c *appending) ([]byte, error) {
	var in []byte
	if err := call.RecvMsg(&in); err != nil {
		return nil, err
	}
	m, err := parse(in)
	if err != nil {
		return nil, err
	}
	if b, ok := m.bytes[1]; ok {
		c.name = string(b)
	}
	data, err := parse(m.bytes[4])
	if err != nil {
		return nil, err
	}
	if b, ok := data.bytes[1]; ok {
		schema, err := parse(b)
		if err != nil {
			return nil, err
		}
		c.shape = &descriptorpb.DescriptorProto{}
		if err := proto.Unmarshal(schema.bytes[1], c.shape); err != nil {
			return nil, status.Errorf(codes.InvalidArgument, "the writer schema: %v", err)
		}
	}
	offset := int64(-1)
	if b, ok := m.bytes[2]; ok {
		value, err := parse(b)
		if err != nil {
			return nil, err
		}
		offset = int64(value.nums[1])
	}
	if s.MostRows > 0 && countRows(data.bytes[2]) > s.MostRows {
		<-call.Context().Done()
		return nil, call.Context().Err()
	}
	return s.append(c.name, offset, c.shape, data.bytes[2], len(in))
}

// maxRequest: "maximum request size: 10 MB"
// https://cloud.google.com/bigquery/quotas#write-api-limits
const maxRequest = 10 << 20

// append does one append. An error but ErrSilent ends the call.
func (s *Server) append(name string, offset int64, shape *descriptorpb.DescriptorProto, serialized []byte, size int) ([]byte, error) {
	var lost error
	if s.OnAppend != nil {
		var refused *Refusal
		switch err := s.OnAppend(name, offset); {
		case errors.Is(err, ErrLost):
			lost = status.Error(codes.Unavailable, "connection reset")
		case errors.Is(err, ErrSilent):
			lost = err
		case errors.Is(err, ErrBroken):
			return nil, status.Error(codes.Unavailable, "connection reset")
		case errors.As(err, &refused):
			return refusal(refused.Code, 0, name, refused.Message, nil), nil
		case err != nil:
			return nil, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.streams[name]
	if st == nil || s.tables[st.table] == nil {
		return nil, status.Errorf(codes.NotFound, "Requested entity was not found. Entity: %s", name)
	}
	out, err := s.apply(name, st, offset, shape, serialized, size)
	if err == nil {
		err = lost
	}
	return out, err
}

func (s *Server) apply(name string, st *stream, offset int64, shape *descriptorpb.DescriptorProto, serialized []byte, size int) ([]byte, error) {
	refuse := func(code codes.Code, storage uint64, format string, args ...any) ([]byte, error) {
		return refusal(code, storage, name, fmt.Sprintf(format, args...), nil), nil
	}
	switch {
	case size > maxRequest:
		return refuse(codes.InvalidArgument, 0, "The request is larger than 10 MB")
	case shape == nil:
		return refuse(codes.InvalidArgument, 0, "The first request of a connection has no writer schema")
	case st.finalized: // "STREAM_FINALIZED: Stream is finalized."
		return refuse(codes.InvalidArgument, streamFinalized, "Stream %s has been finalized and cannot be appended to", name)
	case offset >= 0 && offset < st.rows: // "OFFSET_ALREADY_EXISTS: … at that offset have already been written"
		return refuse(codes.AlreadyExists, offsetAlreadyExists, "The offset is within stream, expected offset %d, received %d", st.rows, offset)
	case offset > st.rows: // "OFFSET_OUT_OF_RANGE: … beyond the end of the stream"
		return refuse(codes.OutOfRange, offsetOutOfRange, "The offset is beyond stream, expected offset %d, received %d", st.rows, offset)
	}
	t := s.tables[st.table]
	cols := t.columns()
	for _, f := range shape.Field {
		if cols.find(f.GetName()) == nil {
			return refuse(codes.InvalidArgument, extraFields, "Input schema has more fields than BigQuery schema, extra fields: '%s'", f.GetName())
		}
	}
	later := s.DiscardsRows || s.ReadsLater
	rows, bad, err := decode(serialized, shape, cols, later)
	if err != nil {
		return refuse(codes.InvalidArgument, 0, "Error in parsing the rows: %v", err)
	}
	if len(bad) > 0 { // "If a row has an error, no rows of the request are added": RowError
		return refusal(codes.InvalidArgument, 0, name, "Errors found while processing rows. Please refer to the row_errors field for details.", bad), nil
	}
	n := int64(len(rows))
	if later {
		n, rows = int64(countRows(serialized)), nil
	}
	if s.ReadsLater {
		t.unread = append(t.unread, unread{shape, serialized})
	}
	t.Rows = append(t.Rows, rows...)
	t.Count += int(n)
	at := st.rows
	st.rows += n
	s.Appends++
	result := protowire.AppendTag(nil, 1, protowire.BytesType)
	result = protowire.AppendBytes(result, protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), uint64(at)))
	return protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), result), nil
}

// rowError is one of a refused append.
type rowError struct {
	index   int
	message string
}

// refusal is an AppendRowsResponse with an error.
func refusal(code codes.Code, storage uint64, stream, message string, rows []rowError) []byte {
	text := func(dst []byte, n protowire.Number, s string) []byte {
		return protowire.AppendString(protowire.AppendTag(dst, n, protowire.BytesType), s)
	}
	num := func(dst []byte, n protowire.Number, v uint64) []byte {
		return protowire.AppendVarint(protowire.AppendTag(dst, n, protowire.VarintType), v)
	}
	sub := func(dst []byte, n protowire.Number, b []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(dst, n, protowire.BytesType), b)
	}
	st := text(num(nil, 1, uint64(code)), 2, message)
	if storage != 0 {
		detail := text(text(num(nil, 1, storage), 2, stream), 3, message)
		st = sub(st, 3, sub(text(nil, 1, "type.googleapis.com/google.cloud.bigquery.storage.v1.StorageError"), 2, detail))
	}
	out := sub(nil, 2, st)
	for _, r := range rows {
		out = sub(out, 4, text(num(num(nil, 1, uint64(r.index)), 2, 1), 3, r.message)) // 1: FIELDS_ERROR
	}
	return out
}

// message is a message's fields: the last of each number, as protocol buffers have it.
type message struct {
	nums  map[protowire.Number]uint64
	bytes map[protowire.Number][]byte
}

func parse(b []byte) (message, error) {
	m := message{map[protowire.Number]uint64{}, map[protowire.Number][]byte{}}
	for len(b) > 0 {
		n, typ, k := protowire.ConsumeTag(b)
		if k < 0 {
			return m, status.Error(codes.InvalidArgument, "a message that can't be parsed")
		}
		b = b[k:]
		switch typ {
		case protowire.VarintType:
			m.nums[n], k = protowire.ConsumeVarint(b)
		case protowire.Fixed64Type:
			m.nums[n], k = protowire.ConsumeFixed64(b)
		case protowire.BytesType:
			m.bytes[n], k = protowire.ConsumeBytes(b)
		default:
			k = protowire.ConsumeFieldValue(n, typ, b)
		}
		if k < 0 {
			return m, status.Error(codes.InvalidArgument, "a message that can't be parsed")
		}
		b = b[k:]
	}
	return m, nil
}
