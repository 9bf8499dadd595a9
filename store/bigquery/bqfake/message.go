package bqfake

import (
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
)

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
