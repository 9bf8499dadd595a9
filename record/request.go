package record

import "encoding/binary"

// A request is several records that one sender gave at once. They lie in one
// frame, so after a crash all are there or none. Its payload:
//
//	 0  8  mask: what any of its records has
//	 8  1  0
//	 9  1  encoding 3
//	10  2  0
//	12  4  number of records
//	16     text id of the request, text where it stands in its source (either may
//	       be empty), text shared: attributes that each record has behind its own;
//	       then each record: 4 bytes length, payload with a mask of its own
//
// A record's place is the position of the frame and its index in it.

const offCount = 12

// RequestEncoder makes the payload of a request. It is not safe for concurrent
// use. The zero value is ready for Begin.
type RequestEncoder struct {
	buf []byte
}

// Begin starts a request. shared is what Encoder.Attrs gave, or nil.
func (r *RequestEncoder) Begin(id, offset string, shared []byte) {
	r.buf = append(r.buf[:0], make([]byte, offCount+4)...)
	r.buf[offEncode] = EncodingRequest
	r.buf = appendText(r.buf, id)
	r.buf = appendText(r.buf, offset)
	r.buf = binary.AppendUvarint(r.buf, uint64(len(shared)))
	r.buf = append(r.buf, shared...)
}

// Add takes a record's payload, which it copies. It reports false, and takes
// nothing, when the frame would be too long: end this request and begin the next
// part of it.
func (r *RequestEncoder) Add(payload []byte) bool {
	if len(r.buf)+4+len(payload) > MaxPayload {
		return false
	}
	le := binary.LittleEndian
	le.PutUint64(r.buf, le.Uint64(r.buf)|le.Uint64(payload))
	le.PutUint32(r.buf[offCount:], le.Uint32(r.buf[offCount:])+1)
	r.buf = le.AppendUint32(r.buf, uint32(len(payload)))
	r.buf = append(r.buf, payload...)
	return true
}

// Len is the number of records so far.
func (r *RequestEncoder) Len() int { return int(binary.LittleEndian.Uint32(r.buf[offCount:])) }

// Finish returns the payload, which is good until the next Begin.
func (r *RequestEncoder) Finish() []byte { return r.buf }

// Request reads the payload of a request. Its slices alias the payload.
type Request struct {
	ID, Offset []byte
	Count      int // of its records

	shared, rest []byte
	next         int
}

// IsRequest reports whether a payload is that of several records.
func IsRequest(payload []byte) bool {
	return len(payload) > offEncode && payload[offEncode] == EncodingRequest
}

// Parse reads what comes before the records. It fails for a malformed payload.
func (r *Request) Parse(p []byte) error {
	if !IsRequest(p) || len(p) < offCount+4 {
		return errMalformed
	}
	*r = Request{Count: int(binary.LittleEndian.Uint32(p[offCount:]))}
	b, ok := p[offCount+4:], true
	r.ID, b, ok = text(b, ok)
	r.Offset, b, ok = text(b, ok)
	r.shared, b, ok = text(b, ok)
	if !ok {
		return errMalformed
	}
	r.rest = b
	return nil
}

// Next appends the payload of the next record to dst, as one that lies alone. ok
// is false after the last one, and where the payload is malformed.
func (r *Request) Next(dst []byte) (payload []byte, ok bool) {
	if r.next >= r.Count || len(r.rest) < 4 {
		return dst, false
	}
	n := binary.LittleEndian.Uint32(r.rest)
	if uint64(n) > uint64(len(r.rest)-4) {
		return dst, false
	}
	dst = append(dst, r.rest[4:4+n]...)
	r.rest = r.rest[4+n:]
	r.next++
	return append(dst, r.shared...), true
}

// Masks calls do with the mask of each record of a payload, which is one record's
// or a request's.
func Masks(payload []byte, do func(mask uint64)) {
	var r Request
	if r.Parse(payload) != nil {
		if len(payload) >= 8 {
			do(binary.LittleEndian.Uint64(payload))
		}
		return
	}
	for i := 0; i < r.Count && len(r.rest) >= 12; i++ {
		n := binary.LittleEndian.Uint32(r.rest)
		if uint64(n) > uint64(len(r.rest)-4) || n < 8 {
			return
		}
		do(binary.LittleEndian.Uint64(r.rest[4:]))
		r.rest = r.rest[4+n:]
	}
}
