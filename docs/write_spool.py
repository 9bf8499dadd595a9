#!/usr/bin/env python3
"""Writes each line of standard input as a log of a new run, for girok to deliver.

    python3 write_spool.py SPOOL SERVICE LOGGER 'HANDLERS' < FILE

HANDLERS is a JSON list as in a run's config: [{"bit": 0, "name": "table", "class":
"sqlite", "keys": {"path": "/var/lib/app.db", "table": "logs", "create": true}}].
It is the plain writer of spool-format.md, and a test reads what it writes. It
needs nothing but Python's own library, on a system with flock.
"""
import calendar
import fcntl
import json
import os
import secrets
import struct
import sys
import time
import zlib

HEADER, SIZE, STAMP = 4096, 8 << 20, "%Y%m%dT%H%M%SZ"
IEEE = 2  # zlib's checksum is quick, a CRC32C in Python is not


def crc32c(data):
    crc = 0xFFFFFFFF
    for b in data:
        crc ^= b
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def mix(salt, position):
    return ((salt ^ position) * 0x9E3779B97F4A7C15 & (1 << 64) - 1) >> 32


class Run:
    def __init__(self, spool, service, handlers):
        self.id, now = secrets.randbits(64) | 1, time.gmtime()
        for d in ("runs", "to", "dead"):
            os.makedirs(os.path.join(spool, service, d), 0o700, exist_ok=True)
        runs = os.path.join(spool, service, "runs")
        newest = max((n[:16] for n in os.listdir(runs) if n[15:17] == "Z-"), default="")
        if time.strftime(STAMP, now) <= newest < "9999":  # or the clock was set back
            now = time.gmtime(calendar.timegm(time.strptime(newest, STAMP)) + 1)
        self.dir = os.path.join(runs, time.strftime(STAMP, now) + "-%016x" % self.id)
        os.mkdir(self.dir, 0o700)
        self.lock = open(os.path.join(self.dir, "write"), "wb")
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        self.seq = self.base = self.at = 0
        self.segment()
        config = {"format": 1, "id": "%016x" % self.id, "service": service, "pid": os.getpid(), "handlers": handlers}
        config["created"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", now)
        with open(os.path.join(self.dir, "config.new"), "w") as f:
            json.dump(config, f)
        os.rename(f.name, os.path.join(self.dir, "config"))

    def segment(self):
        self.base += SIZE if self.seq else 0
        self.seq, self.at, self.salt = self.seq + 1, HEADER, secrets.randbits(64)
        h = b"girokseg" + struct.pack("<IIQQQQQq", 1, IEEE, self.seq, SIZE, self.base, self.id, self.salt, time.time_ns())
        self.file = open(os.path.join(self.dir, "%06d.seg" % self.seq), "xb", buffering=0)
        self.file.write((h + struct.pack("<I", crc32c(h))).ljust(HEADER, b"\0"))

    def append(self, payload):
        room = SIZE - self.at
        if 8 + len(payload) + 7 & ~7 > room:
            if room:
                low = struct.pack("<I", room - 8 | 1 << 30)
                self.file.write(low + struct.pack("<I", crc32c(low) ^ mix(self.salt, self.base + self.at)))
            self.segment()
        word = struct.pack("<II", len(payload), zlib.crc32(payload) ^ mix(self.salt, self.base + self.at))
        frame = (word + payload).ljust(8 + len(payload) + 7 & ~7, b"\0")
        self.file.write(frame)
        self.at += len(frame)


def log(mask, logger, message, level=20):
    logger, message, ns = logger.encode(), message.encode("utf-8", "surrogateescape"), time.time_ns()
    return struct.pack("<QBBHiqIIHH", mask, 0, 1, 0, level, ns // 10**9, ns % 10**9, len(message), len(logger), 0) + logger + message


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    run = Run(sys.argv[1], sys.argv[2], json.loads(sys.argv[4]))
    mask = sum(1 << h["bit"] for h in json.loads(sys.argv[4]))
    for line in sys.stdin:
        run.append(log(mask, sys.argv[3], line.rstrip("\n")[:100_000]))
    print(run.dir)
