"""Runs in a spool, by the plain writer of docs/spool-format.md."""
from __future__ import annotations

import calendar
import fcntl
import json
import logging
import os
import re
import secrets
import socket
import struct
import sys
import threading
import time
import weakref
import zlib
from operator import is_
from typing import Any, Dict, List, Optional, Tuple

from ._record import FIXED, Encoder, frozen, id_of, with_id

HEADER = 4096
SEGMENT = 8 << 20  # bytes of a run's only segment; a run that is full makes room for the next one
LEAST_SEGMENT = 1 << 20
DEFAULT_LIMIT = 1 << 30
_IEEE = 2  # zlib's checksum is quick, a CRC32C in Python is not
_PAGE = 8192
_LIMIT = 24  # in the page: bytes that the segments of the service may take
_BELL = 192  # in the page: 1 the writer rings, 2 somebody waits for that
_STAMP = "%Y%m%dT%H%M%SZ"
_RUN = re.compile(r"(?:\.made-)?(\d{4}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3])[0-5]\d[0-5]\dZ)-[0-9a-f]{16}$")
_FRACTION = re.compile(r"\.(\d+)")
_WORD = struct.Struct("<II")
_MASK = struct.Struct("<Q")
_settled = [0, 0, 0]  # what writers that are gone have counted


def crc32c(data: bytes) -> int:
    """The checksum of headers."""
    crc = 0xFFFFFFFF
    for b in data:
        crc ^= b
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def header(seq: int, size: int, base: int, run: int, salt: int, created: int) -> bytes:
    """What stands at the start of a segment."""
    h = b"girokseg" + struct.pack("<IIQQQQQq", 1, _IEEE, seq, size, base, run, salt, created)
    return h + struct.pack("<I", crc32c(h))


def number(n: int, offset: int, run: int) -> bytes:
    """A number as it stands in the counters page."""
    return struct.pack("<Q", n | (((n ^ run) + offset) * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF) >> 48 << 48)


def page(run: int, limit: int) -> bytes:
    """The counters page of a new run, whose writer rings, and says what the spool may take."""
    begin = (b"girokcnt" + struct.pack("<I", 3)).ljust(_LIMIT, b"\0") + number(limit, _LIMIT, run)
    return begin.ljust(_BELL, b"\0") + number(1, _BELL, run).ljust(_PAGE - _BELL, b"\0")


def frame(payload: bytes, salt: int, position: int) -> bytes:
    """A record at its place: nowhere else do these bytes check."""
    mix = ((salt ^ position) * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF) >> 32
    return b"".join((_WORD.pack(len(payload), zlib.crc32(payload) ^ mix), payload, bytes(-len(payload) & 7)))


def born(runs: str, clock: int) -> int:
    """When a run that begins now is to say that it did, in microseconds: as the clock has
    it, or after all that are there, where the clock was set back. The newest one's
    configuration is that of today.
    """
    names = [(m.group(1), name) for name in os.listdir(runs) for m in [_RUN.match(name)] if m]
    now = time.strftime(_STAMP, time.gmtime(clock // 10**6))
    last = max(names, default=("", ""))[0]
    if now < last < "9999":
        # Not by strptime: it has a lock, which the child of a fork may never get.
        at = tuple(int(last[i:j]) for i, j in ((0, 4), (4, 6), (6, 8), (9, 11), (11, 13), (13, 15)))
        return (calendar.timegm(at) + 1) * 10**6
    second = clock - clock % 10**6
    for begun, name in names:
        if begun == now:
            try:
                with open(os.path.join(runs, name, "config"), encoding="utf-8") as f:
                    fraction = _FRACTION.search(json.load(f)["created"])
            except (OSError, ValueError, KeyError, TypeError):
                continue  # it is being made, or is gone, or nobody can read it
            digits = fraction.group(1) if fraction else ""
            clock = max(clock, second + int(digits[:6].ljust(6, "0")) + 1)
    return clock


def _rfc3339(micros: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(micros // 10**6)) + ".%06dZ" % (micros % 10**6)


def tell(text: str) -> None:
    """Says something on standard error, if somebody is there to be told."""
    try:
        sys.stderr.write("girok: %s\n" % text)
    except Exception:
        pass


def _mkdir(path: str) -> None:
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        pass


class Run:
    """What one opening wrote: a folder with a lock, counters, a configuration and one segment.

    It is dead, and somebody else's to deliver and remove, once its lock is free:
    by close, or because the process died.
    """

    def __init__(self, service: str, config: Dict[str, Any], size: int, durable: bool, limit: int) -> None:
        self.id = secrets.randbits(64) | 1
        self.salt = secrets.randbits(64)
        self.size, self.at, self.durable = size, HEADER, durable
        clock = time.time_ns() // 1000
        os.makedirs(os.path.dirname(service), 0o700, exist_ok=True)
        for d in (service, *(os.path.join(service, d) for d in ("runs", "to", "dead"))):
            _mkdir(d)
        at = born(os.path.join(service, "runs"), clock)
        self.path = os.path.join(service, "runs", time.strftime(_STAMP, time.gmtime(at // 10**6)) + "-%016x" % self.id)
        os.mkdir(self.path, 0o700)
        self._bell = os.path.join(self.path, "write")
        self._quiet = number(1, _BELL, self.id)
        self._lock = os.open(self._bell, os.O_RDWR | os.O_CREAT, 0o600)
        self.file = self._page = -1
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX)
            self._page = os.open(os.path.join(self.path, "counters"), os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            if os.write(self._page, page(self.id, limit)) != _PAGE:
                raise OSError("the disk is full")
            self.file = os.open(os.path.join(self.path, "000001.seg"), os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            head = header(1, size, 0, self.id, self.salt, time.time_ns()).ljust(HEADER, b"\0")
            if os.write(self.file, head) != HEADER:
                raise OSError("the disk is full")
            config = dict(config, format=1, id="%016x" % self.id, pid=os.getpid(), created=_rfc3339(at), host=socket.gethostname())
            if at != clock:
                config["began"] = _rfc3339(clock)
            new = os.path.join(self.path, "config.new")
            with open(os.open(new, os.O_WRONLY | os.O_CREAT, 0o600), "w") as f:
                json.dump(config, f)
                if durable:
                    f.flush()
                    os.fsync(f.fileno())
            os.rename(new, os.path.join(self.path, "config"))
            if durable:
                for d in (self.path, os.path.dirname(self.path)):
                    fd = os.open(d, os.O_RDONLY)
                    os.fsync(fd)
                    os.close(fd)
        except BaseException:
            self.close()
            raise

    def has_room(self, payload: bytes) -> bool:
        """Whether the segment can take one more."""
        return self.at + (len(payload) + 15 & ~7) <= self.size

    def append(self, payload: bytes) -> int:
        """Writes a frame, and gives its position. After an error nothing more is to be written."""
        whole = frame(payload, self.salt, self.at)
        at, self.at = self.at, self.at + len(whole)
        if os.pwrite(self.file, whole, at) != len(whole):
            os.ftruncate(self.file, at)
            raise OSError("the disk is full")
        if self.durable:
            os.fdatasync(self.file)
        return at

    def ring(self) -> None:
        """Wakes who waits in another process for records, if somebody does.

        There is no thread that could do it: most processes that log would need one
        for this alone, and have none after a fork. The page is not mapped, because
        somebody may cut it off, and whoever touches a mapping then is killed.
        """
        try:
            word = os.pread(self._page, 8, _BELL)
            if word == self._quiet:
                return
            if len(word) == 8:
                os.pwrite(self._page, self._quiet, _BELL)
        except OSError:
            pass  # nobody can say that somebody waits, so somebody may
        try:
            os.close(os.open(self._bell, os.O_WRONLY))
        except OSError:
            pass  # the folder is gone

    def close(self) -> None:
        """Ends the run. One without records is removed."""
        empty = self.at == HEADER
        self.let_go(remove=empty)

    def let_go(self, remove: bool = False) -> None:
        """Closes the files: all that a child has to do with the run of its parent."""
        if remove:
            gone = os.path.join(os.path.dirname(self.path), ".gone-" + os.path.basename(self.path))
            try:
                os.rename(self.path, gone)
                for name in os.listdir(gone):
                    os.unlink(os.path.join(gone, name))
                os.rmdir(gone)
            except OSError:
                pass  # whoever delivers removes it
        for fd in (self.file, self._page, self._lock):
            if fd >= 0:
                os.close(fd)
        self.file = self._page = self._lock = -1


class _Met:
    """What became of a record that several handlers may take, one after the other."""

    __slots__ = ("ref", "mask", "lost", "first", "place", "id", "keys", "values", "made")

    def __init__(self, ref: Any, r: logging.LogRecord, made: Tuple[bytes, int]) -> None:
        self.ref = ref
        self.values: Optional[List[Any]] = frozen(r)
        if self.values is not None:
            self.keys, self.made = list(r.__dict__), made
        self.mask = 0  # of the handlers that have it
        self.lost = False  # to one at least
        self.first, self.place = b"", (0, 0)  # its fixed fields as the first one took it, and where
        self.id = b""  # made when a second one takes it

    def again(self, r: logging.LogRecord) -> Optional[Tuple[bytes, int]]:
        """What was made of the record, if it is the same still."""
        now = r.__dict__
        if self.values is None or len(now) != len(self.values) or not all(map(is_, now.values(), self.values)) or list(now) != self.keys:
            return None
        return self.made


class Writer:
    """Appends records to runs of its own: a new one when one is full, and after a fork.

    logging calls one handler after the other, and before the last one it is not
    known who takes a record, nor what filters make of it. So each handler appends
    a frame of its own; those after the first are copies, and have the id that the
    first has by its place.

    A write that fails never raises: the record is counted as dropped and told on
    standard error, at most once a minute. Threads may share a writer.
    """

    def __init__(self, spool: str, config: Dict[str, Any], encoder: Encoder, max_bytes: int = 0, durable: bool = False) -> None:
        self.service = os.path.join(spool, config["service"])
        self.written = self.copies = self.dropped = 0
        self._config, self._encoder = config, encoder
        self._max_bytes, self._durable = max_bytes, durable
        self._size = max(min(SEGMENT, max_bytes // 8 if max_bytes else SEGMENT), LEAST_SEGMENT) & ~4095
        self._several = len(config["handlers"]) > 1
        self._all = sum(1 << h["bit"] for h in config["handlers"])
        self._lock = threading.RLock()
        self._busy = False
        self._run: Optional[Run] = None
        self._met: Dict[int, _Met] = {}  # by the record's address, as long as it lives
        self._again = self._tell = 0.0
        self._untold, self._why = 0, ""
        _writers.add(self)

    def record(self, mask: int, r: logging.LogRecord) -> None:
        """Appends a log record for the handler of mask, as it is now."""
        if not self._several:
            self.append(mask, self._encoder.record(r)[0])
            return
        met = self._met.get(id(r))
        if met is None or met.ref() is not r or met.mask & mask:  # who gets it again gets another record
            rest, at = self._encoder.record(r)
            met = self._meet(r, (rest, at))
        else:
            rest, at = met.again(r) or self._encoder.record(r)
            if met.mask:
                met.id = met.id or id_of(met.first, *met.place)
                rest = with_id(rest, at, met.id)
        place = self.append(mask, rest, met)
        if place is None:
            return
        if not met.mask:
            met.first, met.place = rest[:FIXED], place
        met.mask |= mask

    def _meet(self, r: logging.LogRecord, made: Tuple[bytes, int]) -> _Met:
        key, every = id(r), self._met
        met = every[key] = _Met(weakref.ref(r, lambda _: every.pop(key, None)), r, made)
        return met

    def append(self, mask: int, rest: bytes, met: Optional[_Met] = None) -> Optional[Tuple[int, int]]:
        """Appends a payload, and gives the run's id and the position; None if it was dropped."""
        payload = _MASK.pack(mask) + rest
        with self._lock:
            if self._busy:  # a signal handler logs while this thread is in here
                return self._aside(payload, met)
            self._busy = True
            try:
                return self._put(payload, met)
            except OSError as e:
                self._drop("%s: %s" % (self.service, e.strerror or e), met)
                return None
            except BaseException:  # KeyboardInterrupt and its like: what of the frame is there nobody knows
                self._end()
                raise
            finally:
                self._busy = False

    def __del__(self, settled: List[int] = _settled) -> None:  # a default is there when the module is not any more
        settled[:] = [n + more for n, more in zip(settled, self._counts())]

    def _counts(self) -> Tuple[int, int, int]:
        return self.written, self.copies, self.dropped

    def _put(self, payload: bytes, met: Optional[_Met]) -> Optional[Tuple[int, int]]:
        run = self._run
        if run is None or not run.has_room(payload):
            run = self._next(met)
            if run is None:
                return None
        try:
            at = run.append(payload)
        except OSError:
            self._end()
            self._again = time.monotonic() + 1
            raise
        self._wrote(met)
        run.ring()
        return run.id, at

    def _next(self, met: Optional[_Met]) -> Optional[Run]:
        """Makes a new run the current one, if there is room and the disk takes it."""
        self._end()
        if time.monotonic() < self._again:
            self._drop(self._why, met)
            return None
        self._again = time.monotonic() + 1
        held, limit = self._held(), self._limit()
        if held + self._size > limit:
            self._drop("%s: %d bytes wait for delivery, and spool.max_bytes is %d; does girok run --spool %s run?" % (self.service, held, limit, os.path.dirname(self.service)), met)
            return None
        self._run = Run(self.service, self._config, self._size, self._durable, limit)
        self._again = 0.0
        if self._untold:
            self._gap()
        return self._run

    def _gap(self) -> None:
        """Tells the handlers what they did not get."""
        text = "%d record%s dropped: %s" % (self._untold, " was" if self._untold == 1 else "s were", self._why)
        r = logging.LogRecord("girok.gap", logging.WARNING, __file__, 0, text, None, None, "")
        self._put(_MASK.pack(self._all) + self._encoder.record(r)[0], None)
        self._untold = 0
        self.written -= 1

    def _aside(self, payload: bytes, met: Optional[_Met]) -> Optional[Tuple[int, int]]:
        """Writes one record into a run of its own."""
        try:
            run = Run(self.service, self._config, self._size, self._durable, self._limit())
            try:
                at = run.append(payload)
            finally:
                run.close()
        except OSError as e:
            self._drop("%s: %s" % (self.service, e.strerror or e), met)
            return None
        self._wrote(met)
        return run.id, at

    def _end(self) -> None:
        run, self._run = self._run, None
        if run is not None:
            run.close()

    def _wrote(self, met: Optional[_Met]) -> None:
        if met is not None and met.mask:
            self.copies += 1
        else:
            self.written += 1

    def _drop(self, why: str, met: Optional[_Met]) -> None:
        if met is None or not met.lost:
            self.dropped += 1
            self._untold += 1
        if met is not None:
            met.lost = True
        self._why = why
        now = time.monotonic()
        if now >= self._tell:
            self._tell = now + 60
            tell("records are dropped, %d so far: %s" % (self.dropped, why))

    def _held(self) -> int:
        held, runs = 0, os.path.join(self.service, "runs")
        try:
            for d in os.scandir(runs):
                try:
                    held += sum(f.stat().st_blocks * 512 for f in os.scandir(d.path))
                except OSError:
                    continue  # delivered and removed meanwhile
        except OSError:
            pass  # the folder is still to be made
        return held

    def _limit(self) -> int:
        if self._max_bytes:
            return max(self._max_bytes, 2 * self._size)
        try:
            disk = os.statvfs(os.path.dirname(self.service))
        except OSError:
            return DEFAULT_LIMIT
        return max(min(DEFAULT_LIMIT, disk.f_bavail * disk.f_frsize // 10), 4 * self._size)

    def close(self) -> None:
        """Ends the run, so that it can be delivered and removed. The next record opens a new one."""
        with self._lock:
            if not self._busy:
                self._end()

    def forked(self) -> None:
        """In a child: leaves the run to the parent."""
        self._lock, self._busy = threading.RLock(), False
        self._met = {}
        self.written = self.copies = self.dropped = self._untold = 0
        run, self._run = self._run, None
        if run is not None:
            run.let_go()


_writers: "weakref.WeakSet[Writer]" = weakref.WeakSet()


def _after_fork() -> None:
    _settled[:] = [0, 0, 0]
    for w in list(_writers):
        w.forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def stats() -> Dict[str, int]:
    """What became of the records of this process.

    written: those that at least one handler put into a spool. copies: how often a
    further handler took one of these, which appends it once more. dropped: those
    that at least one handler lost.
    """
    every = [w._counts() for w in list(_writers)]
    return dict(zip(("written", "copies", "dropped"), map(sum, zip(_settled, *every))))
