#!/usr/bin/env python3
"""Prints the records of a dead run, one JSON object a line.

    python3 read_spool.py SPOOL/SERVICE/runs/RUN

It is the format of spool-format.md in code, and a test reads a fresh spool with
it. It needs nothing but Python's own library.
"""
import json
import os
import struct
import sys
import zlib

HEADER, MAX_PAYLOAD = 4096, 512 << 10
KINDS = ["log", "event", "row", "metric", "span"]


def make_table():
    table = []
    for n in range(256):
        for _ in range(8):
            n = n >> 1 ^ 0x82F63B78 if n & 1 else n >> 1
        table.append(n)
    return table


TABLE = make_table()


def crc32c(data):
    crc = 0xFFFFFFFF
    for b in data:
        crc = TABLE[(crc ^ b) & 255] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def mix(salt, position):
    return ((salt ^ position) * 0x9E3779B97F4A7C15 & (1 << 64) - 1) >> 32


class Newer(Exception):
    """A newer girok wrote this: leave it alone."""


def read_header(b, run):
    """The header of a segment, or None where there is none."""
    if len(b) < 68 or b[:8] != b"girokseg":
        return None
    version, kind, seq, size, base, of, salt, created, crc = struct.unpack_from("<IIQQQQQqI", b, 8)
    if version > 1:
        raise Newer("format %d" % version)
    if crc32c(b[:64]) != crc or of != run:
        return None
    if kind not in (1, 2):
        raise Newer("checksum %d" % kind)
    return seq, size, base, salt, crc32c if kind == 1 else zlib.crc32


def frames(b, size, base, salt, checksum):
    """The frames of a dead run's segment: (position, payload)."""
    at = HEADER
    while at + 8 <= min(size, len(b)):
        (word,) = struct.unpack_from("<Q", b, at)
        length, pad, busy = word & (1 << 30) - 1, word >> 30 & 1, word >> 31 & 1
        expect = word >> 32 ^ mix(salt, base + at)
        step = 8  # what does not check is looked through, word by word
        if word == 0 or busy:
            pass
        elif pad:
            if at + 8 + length <= size and crc32c(b[at : at + 4]) == expect:
                step = 8 + length
        elif 10 <= length <= MAX_PAYLOAD and at + 8 + length <= min(size, len(b)):
            payload = b[at + 8 : at + 8 + length]
            if checksum(payload) == expect:
                yield base + at, payload
                step = 8 + (length + 7 & ~7)
        at += step


class Cursor:
    def __init__(self, b):
        self.b, self.at = b, 0

    def take(self, n):
        if self.at + n > len(self.b):
            raise ValueError("malformed record")
        self.at += n
        return self.b[self.at - n : self.at]

    def uvarint(self):
        n = shift = 0
        while True:
            (c,) = self.take(1)
            n |= (c & 127) << shift
            shift += 7
            if c < 128:
                return n

    def varint(self):
        n = self.uvarint()
        return n >> 1 ^ -(n & 1)

    def bytes(self):
        return self.take(self.uvarint())

    def text(self):
        return self.bytes().decode("utf-8", "replace")


VALUES = {
    0: lambda c: None,
    1: lambda c: False,
    2: lambda c: True,
    3: lambda c: c.varint(),
    4: lambda c: c.uvarint(),
    5: lambda c: struct.unpack("<d", c.take(8))[0],
    6: lambda c: c.text(),
    7: lambda c: c.bytes().hex(),
    8: lambda c: [c.varint(), c.uvarint(), c.varint()],
    9: lambda c: c.varint(),
    10: lambda c: attributes(c.take(struct.unpack("<I", c.take(4))[0])),
    11: lambda c: c.text(),
    12: lambda c: c.text(),
}


def attributes(b):
    """A list and no dict: a key may come twice."""
    c, out = Cursor(b), []
    while c.at < len(b):
        key, kind = c.text(), c.take(1)[0]
        out.append([key, kind, VALUES[kind](c)])
    return out


def request(p):
    """The records of a frame: one, or those that a sender gave at once."""
    if p[9] != 3:
        yield p
        return
    c = Cursor(p)
    c.take(12)
    (count,) = struct.unpack("<I", c.take(4))
    c.bytes(), c.bytes()  # id, offset
    shared = c.bytes()
    for _ in range(count):
        yield c.take(struct.unpack("<I", c.take(4))[0]) + shared


def record(position, index, p):
    mask, kind, encoding, flags, level, seconds, nanos, nmessage, nlogger = struct.unpack_from("<QBBHiqIIH", p)
    if encoding != 1 or kind >= len(KINDS):
        raise Newer("encoding %d, kind %d" % (encoding, kind))
    c = Cursor(p)
    c.take(36)
    r = {"position": position, "index": index, "mask": mask, "kind": KINDS[kind], "flags": flags, "level": level, "time": [seconds, nanos]}
    r["logger"] = c.take(nlogger).decode("utf-8", "replace")
    r["message"] = c.take(nmessage).decode("utf-8", "replace")
    if flags & 16:
        r["line"], r["file"], r["function"] = c.uvarint(), c.text(), c.text()
    if flags & 32:
        r["source"] = c.text()
    if flags & 64:
        r["id"] = c.take(26).decode("ascii", "replace")
    r["attributes"] = attributes(p[c.at :])
    return r


def read_run(folder):
    with open(os.path.join(folder, "config")) as f:
        run = int(json.load(f)["id"], 16)
    segments = []
    for name in os.listdir(folder):
        if name.endswith(".seg"):
            with open(os.path.join(folder, name), "rb") as f:
                b = f.read()
            header = read_header(b, run)
            if header:
                segments.append((header, b))
    for (seq, *rest), b in sorted(segments, key=lambda s: s[0][0]):
        for position, payload in frames(b, *rest):
            for index, p in enumerate(request(payload)):
                yield record(position, index, p)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    for r in read_run(sys.argv[1]):
        print(json.dumps(r))
