"""A log record as the bytes of a frame's payload: docs/spool-format.md, "Payload"."""
from __future__ import annotations

import base64
import datetime
import decimal
import enum
import hashlib
import json
import logging
import re
import struct
import time
import traceback
import uuid
from typing import Any, Callable, Dict, List, Mapping, Optional, Tuple

MAX_PAYLOAD = 524_288
MAX_TEXT = 131_072
MAX_KEY = 1024
MAX_DEPTH = 60
MAX_NODES = 20_000

CUT, CALLER, ID = 2, 16, 64  # flags

# What each record has by itself; everything else in it came as extra.
STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}

_HEAD = struct.Struct("<BBHiqIIHH")  # behind the mask
FIXED = _HEAD.size
_FLOAT = struct.Struct("<d")
_LENGTH = struct.Struct("<I")
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
_SMALL = [bytes((n,)) for n in range(128)]
_REMEMBERED = 4096  # entries of a cache: names that a program makes up must not fill the memory
_quote = json.encoder.encode_basestring


_NEVER_CHANGE = frozenset((str, int, float, bool, type(None), bytes, datetime.datetime, datetime.timedelta, decimal.Decimal))
_NOR_ARGS = _NEVER_CHANGE | {tuple}


def frozen(r: logging.LogRecord) -> Optional[List[Any]]:
    """The values of a record of which nothing can change, and that lead to nothing else; None of any other."""
    if type(r) is not logging.LogRecord:
        return None
    values, args = list(r.__dict__.values()), r.args
    types = list(map(type, values))
    if not _NOR_ARGS.issuperset(types) or types.count(tuple) != (type(args) is tuple):
        return None
    if args and not _NEVER_CHANGE.issuperset(map(type, args)):
        return None
    return values


def uvarint(n: int) -> bytes:
    """7 bits a byte, low ones first; the high bit says that more follow."""
    if n < 128:
        return _SMALL[n]
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    out.append(n)
    return bytes(out)


def zigzag(n: int) -> bytes:
    """A signed number of 64 bits."""
    return uvarint((n << 1 ^ n >> 63) & (1 << 64) - 1)


def utf8(text: str) -> bytes:
    """UTF-8; what can't be it, lone surrogates, becomes a question mark."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace")


def _bounded(text: bytes, limit: int) -> Tuple[bytes, bool]:
    if len(text) <= limit:
        return text, False
    return text[:limit].decode("utf-8", "ignore").encode(), True


class Redactor:
    """Hides values by their keys, at any depth; in keys, of any case, * stands for any text."""

    def __init__(self, keys: List[str], way: str = "mask") -> None:
        if way not in ("mask", "hash", "drop"):
            raise ValueError("redact.with: want mask, hash or drop, got %r" % way)
        alternatives = (".*".join(map(re.escape, str(k).lower().split("*"))) for k in keys)
        self._match = re.compile("|".join("(?:%s)" % a for a in alternatives), re.DOTALL).fullmatch
        self.way = way
        self._known: Dict[str, bool] = {}

    def hides(self, key: str) -> bool:
        """Whether the value of key must not be seen."""
        hit = self._known.get(key)
        if hit is None:
            hit = self._match(key.lower()) is not None
            if len(self._known) < _REMEMBERED:
                self._known[key] = hit
        return hit

    def shown(self, value: Any) -> str:
        """What stands in the place of a hidden value."""
        if self.way == "mask":
            return "***"
        text = value if isinstance(value, str) else Encoder().json(value)
        return "sha256:" + hashlib.sha256(utf8(text)).hexdigest()[:16]


    def applied(self, members: Mapping[Any, Any], depth: int = 0) -> Dict[Any, Any]:
        """The members, with what is hidden in them, at any depth, hidden."""
        out: Dict[Any, Any] = {}
        for key, v in list(members.items()):
            if not self.hides(str(key)):
                out[key] = self._within(v, depth)
            elif self.way != "drop":
                out[key] = self.shown(v)
        return out

    def _within(self, v: Any, depth: int) -> Any:
        v = plain(v)
        if depth > MAX_DEPTH or type(v) not in (dict, list):
            return v
        return self.applied(v, depth + 1) if type(v) is dict else [self._within(x, depth + 1) for x in v]


class Encoder:
    """Makes payloads. One may be used by several threads at a time."""

    def __init__(self, redactor: Optional[Redactor] = None) -> None:
        self._redactor = redactor
        self._callers: Dict[Tuple[str, int, str], bytes] = {}
        self._keys: Dict[str, bytes] = {}
        self._trace = logging.Formatter().formatException

    def record(self, r: logging.LogRecord) -> Tuple[bytes, int]:
        """The payload behind the mask, and where an id would stand in it.

        What can't be read, because its own code fails or a factory made a record of
        other types than logging's, is replaced by a text that says so.
        """
        try:
            return self._record(r)
        except Exception:
            return self._record(self._mended(r))

    def _record(self, r: logging.LogRecord) -> Tuple[bytes, int]:
        cut = [0, 0]
        attributes: List[bytes] = []
        try:
            message = r.msg if not r.args and type(r.msg) is str else r.getMessage()
        except Exception as e:  # the arguments don't fit the message: both are kept as they are
            message = _readable(r.msg)
            attributes.append(self.attribute("args", _readable(r.args, repr), cut))
            attributes.append(self.attribute("format_error", e, cut))
        redactor = self._redactor
        for key, v in r.__dict__.items():
            if key in STANDARD:
                continue
            if redactor is not None and redactor.hides(str(key)):
                if redactor.way == "drop":
                    continue
                v = redactor.shown(v)
            attributes.append(self.attribute(key, v, cut))
        if r.exc_info or r.exc_text:
            attributes.append(self._key("exc_info", cut) + b"\x0c" + self._text(self._exception(r), cut))
        if r.stack_info:
            attributes.append(self.attribute("stack_info", str(r.stack_info), cut))
        return self._payload(r, utf8(message), attributes, cut)

    def _mended(self, r: logging.LogRecord) -> logging.LogRecord:
        """A record like r of which everything can be written."""
        mended, of = logging.makeLogRecord({}), dict(r.__dict__)
        new = mended.__dict__
        for key, v in of.items():
            if key in STANDARD:
                new[key] = v
                continue
            try:
                self.attribute(key, v, [0, 0])
            except Exception as e:
                v = _unreadable(v, e)
            new[_readable(key)] = v
        for key in ("name", "pathname", "funcName"):
            new[key] = _readable(new[key])
        new["exc_text"] = new["exc_text"] and _readable(new["exc_text"])
        new["levelno"] = _whole(new["levelno"], -(1 << 31), (1 << 31) - 1)
        new["lineno"] = _whole(new["lineno"], 0, 1 << 31)
        created = new["created"]
        new["created"] = created if isinstance(created, (int, float)) and abs(created) < 1 << 62 else time.time()
        return mended

    def _payload(self, r: logging.LogRecord, message: bytes, attributes: List[bytes], cut: List[int]) -> Tuple[bytes, int]:
        name, cut_name = _bounded(b"" if r.name == "root" else utf8(r.name), MAX_KEY)
        message, cut_message = _bounded(message, MAX_TEXT)
        caller = self._caller(r)
        seconds = int(r.created // 1)
        nanos = min(int((r.created - seconds) * 1e9 + 0.5), 999_999_999)
        room = MAX_PAYLOAD - 8 - _HEAD.size - len(name) - len(message) - len(caller) - 26
        while attributes and sum(map(len, attributes)) > room:
            attributes.pop()
            cut[0] = 1
        flags = CALLER | (CUT if cut[0] or cut_name or cut_message else 0)
        head = _HEAD.pack(0, 1, flags, r.levelno, seconds, nanos, len(message), len(name), 0)
        before = b"".join((head, name, message, caller))
        return b"".join((before, *attributes)), len(before)

    def _caller(self, r: logging.LogRecord) -> bytes:
        where = (r.pathname, r.lineno, r.funcName)
        known = self._callers.get(where)
        if known is None:
            file, function = _bounded(utf8(r.pathname or ""), MAX_KEY)[0], _bounded(utf8(r.funcName or ""), MAX_KEY)[0]
            known = uvarint(max(r.lineno or 0, 0)) + uvarint(len(file)) + file + uvarint(len(function)) + function
            if len(self._callers) < _REMEMBERED:
                self._callers[where] = known
        return known

    def _exception(self, r: logging.LogRecord) -> str:
        if r.exc_text:
            return r.exc_text
        if isinstance(r.exc_info, tuple):
            return self._trace(r.exc_info) if r.exc_info[0] else "NoneType: None"
        if isinstance(r.exc_info, BaseException):
            return "".join(traceback.format_exception(type(r.exc_info), r.exc_info, r.exc_info.__traceback__)).rstrip("\n")
        return str(r.exc_info)

    def _text(self, text: str, cut: List[int]) -> bytes:
        b, short = _bounded(utf8(text), MAX_TEXT)
        if short:
            cut[0] = 1
        return uvarint(len(b)) + b

    def _key(self, key: Any, cut: List[int]) -> bytes:
        known = self._keys.get(key) if type(key) is str else None
        if known is None:
            b, short = _bounded(utf8(str(key)), MAX_KEY)
            if short:
                cut[0] = 1
            known = uvarint(len(b)) + b
            if type(key) is str and len(self._keys) < _REMEMBERED:
                self._keys[key] = known
        return known

    def attribute(self, key: Any, v: Any, cut: List[int], depth: int = 0) -> bytes:
        """One attribute. cut[0] becomes 1 when something was too long, cut[1] counts values."""
        return self._key(key, cut) + self._value(v, cut, depth)

    def _value(self, v: Any, cut: List[int], depth: int) -> bytes:
        make = _BY_TYPE.get(type(v))
        if make is None:
            v = plain(v)
            make = _BY_TYPE[type(v)]
        return make(self, v, cut, depth)

    # Each of these is the type's byte and the value.

    def _none(self, v: None, cut: List[int], depth: int) -> bytes:
        return b"\x00"

    def _bool(self, v: bool, cut: List[int], depth: int) -> bytes:
        return b"\x02" if v else b"\x01"

    def _int(self, v: int, cut: List[int], depth: int) -> bytes:
        if -(1 << 63) <= v < 1 << 63:
            return b"\x03" + zigzag(v)
        if 0 <= v < 1 << 64:
            return b"\x04" + uvarint(v)
        return b"\x0b" + self._text(_digits(v), cut)

    def _float(self, v: float, cut: List[int], depth: int) -> bytes:
        return b"\x05" + _FLOAT.pack(v)

    def _str(self, v: str, cut: List[int], depth: int) -> bytes:
        return b"\x06" + self._text(v, cut)

    def _bytes(self, v: bytes, cut: List[int], depth: int) -> bytes:
        if len(v) > MAX_TEXT:
            v, cut[0] = v[:MAX_TEXT], 1
        return b"\x07" + uvarint(len(v)) + v

    def _datetime(self, v: datetime.datetime, cut: List[int], depth: int) -> bytes:
        if v.tzinfo is None or v.utcoffset() is None:
            v = _zoned(v)
        since, offset = v - _EPOCH, v.utcoffset()
        east = int(offset.total_seconds()) if offset is not None else 0
        return b"".join((b"\x08", zigzag(since.days * 86400 + since.seconds), uvarint(since.microseconds * 1000), zigzag(east)))

    def _timedelta(self, v: datetime.timedelta, cut: List[int], depth: int) -> bytes:
        nanos = (v.days * 86_400_000_000 + v.seconds * 1_000_000 + v.microseconds) * 1000
        if not -(1 << 63) <= nanos < 1 << 63:
            return self._str(str(v), cut, depth)
        return b"\x09" + zigzag(nanos)

    def _decimal(self, v: decimal.Decimal, cut: List[int], depth: int) -> bytes:
        if not v.is_finite():
            return self._str(str(v), cut, depth)
        return b"\x0b" + self._text(str(v), cut)  # a JSON number with all its digits

    def _dict(self, v: Dict[Any, Any], cut: List[int], depth: int) -> bytes:
        cut[1] += len(v)
        if depth >= MAX_DEPTH or cut[1] > MAX_NODES:
            cut[0] = 1
            return self._str("[cut: nested too deep]", cut, depth)
        members = []
        redactor = self._redactor
        for key, value in list(v.items()):
            if redactor is not None and redactor.hides(str(key)):
                if redactor.way == "drop":
                    continue
                value = redactor.shown(value)
            members.append(self.attribute(key, value, cut, depth + 1))
        b = b"".join(members)
        if len(b) > MAX_PAYLOAD:
            cut[0] = 1
            return self._str("[cut: %d bytes]" % len(b), cut, depth)
        return b"\x0a" + _LENGTH.pack(len(b)) + b

    def _list(self, v: Any, cut: List[int], depth: int) -> bytes:
        text = utf8(self.json(v, cut, depth))
        if len(text) > MAX_TEXT:
            cut[0] = 1
            return self._str("[cut: %d bytes]" % len(text), cut, depth)
        return b"\x0b" + uvarint(len(text)) + text

    def _error(self, v: BaseException, cut: List[int], depth: int) -> bytes:
        return b"\x0c" + self._text(_said(v), cut)

    def json(self, v: Any, cut: Optional[List[int]] = None, depth: int = 0) -> str:
        """The value as JSON, as it stands inside of lists."""
        cut = [0, 0] if cut is None else cut
        v = plain(v)
        t = type(v)
        if v is None:
            return "null"
        if t is bool:
            return "true" if v else "false"
        if t is str:
            return _quote(v)
        if t is int:
            return _digits(v)
        if t is float:
            return repr(v) if v - v == 0 else _quote("NaN" if v != v else "+Inf" if v > 0 else "-Inf")
        if t is decimal.Decimal:
            return str(v) if v.is_finite() else _quote(str(v))
        if t is datetime.datetime:
            return _quote((v if v.tzinfo else _zoned(v)).isoformat())
        if t is datetime.timedelta:
            return str(round(v.total_seconds() * 1e9))
        if t is bytes:
            return _quote(base64.b64encode(v).decode())
        if t is not dict and t is not list:
            return _quote(_said(v))
        cut[1] += len(v)
        if depth >= MAX_DEPTH or cut[1] > MAX_NODES:
            cut[0] = 1
            return '"[cut: nested too deep]"'
        if t is list:
            return "[" + ",".join([self.json(x, cut, depth + 1) for x in v]) + "]"
        members = []
        for key, value in list(v.items()):
            if self._redactor is not None and self._redactor.hides(str(key)):
                if self._redactor.way == "drop":
                    continue
                value = self._redactor.shown(value)
            members.append(_quote(str(key)) + ":" + self.json(value, cut, depth + 1))
        return "{" + ",".join(members) + "}"


def _digits(v: int) -> str:
    try:
        return str(v)
    except ValueError:  # Python refuses more digits than sys.get_int_max_str_digits()
        return _quote(hex(v)[:MAX_KEY])


def _zoned(v: datetime.datetime) -> datetime.datetime:
    """A time without a zone in that of the machine, as datetime.timestamp() has it."""
    try:
        return v.astimezone()
    except (ValueError, OverflowError):  # the first and last day there are
        return v.replace(tzinfo=datetime.timezone.utc)


def _whole(v: Any, least: int, most: int) -> int:
    try:
        return min(max(int(v), least), most)
    except Exception:
        return 0


def _readable(v: Any, how: Callable[[Any], str] = str) -> str:
    try:
        return how(v)
    except Exception as e:
        return _unreadable(v, e)


def _unreadable(v: Any, e: Exception) -> str:
    return "[%s, which can't be read: %s]" % (type(v).__name__, type(e).__name__)


def _said(v: BaseException) -> str:
    text = _readable(v)
    return "%s: %s" % (type(v).__name__, text) if text else type(v).__name__


def plain(v: Any) -> Any:
    """v as one of the types that a record has. What nobody knows becomes its text."""
    if type(v) in _BY_TYPE and type(v) is not tuple:
        return v
    if isinstance(v, enum.Enum):
        return plain(v.value)
    if isinstance(v, (set, frozenset)):
        try:
            return sorted(v)
        except TypeError:
            return list(v)
    if isinstance(v, (bytearray, memoryview)):
        return bytes(v)
    for t in _ORDER:
        if isinstance(v, t):
            return v if t is BaseException else _COPY[t](v)
    if hasattr(v, "dtype") and hasattr(v, "tolist"):  # NumPy's scalars and arrays
        return plain(v.tolist())
    if type(v) in (datetime.date, datetime.time):
        return v.isoformat()
    if type(v) is uuid.UUID:
        return str(v)
    return _readable(v)


class _AnyError(Dict[type, Callable[..., bytes]]):
    """The makers of values by type, for which each exception is one."""

    def __missing__(self, t: Any) -> Callable[..., bytes]:
        if issubclass(t, BaseException):
            return Encoder._error
        raise KeyError(t)


_BY_TYPE: Dict[type, Callable[..., bytes]] = _AnyError({
    type(None): Encoder._none, bool: Encoder._bool, int: Encoder._int, float: Encoder._float, str: Encoder._str,
    bytes: Encoder._bytes, datetime.datetime: Encoder._datetime, datetime.timedelta: Encoder._timedelta,
    decimal.Decimal: Encoder._decimal, dict: Encoder._dict, list: Encoder._list, tuple: Encoder._list,
})
_COPY: Dict[type, Callable[[Any], Any]] = {
    str: lambda v: str.__str__(v), int: lambda v: int(v), float: lambda v: float(v), bytes: lambda v: bytes(v),
    datetime.datetime: lambda v: datetime.datetime.combine(v.date(), v.timetz()), datetime.timedelta: lambda v: v + datetime.timedelta(),
    decimal.Decimal: lambda v: decimal.Decimal(v), dict: lambda v: dict(v), list: lambda v: list(v), tuple: lambda v: list(v),
}
_ORDER = (str, int, float, bytes, datetime.datetime, datetime.timedelta, decimal.Decimal, dict, list, tuple, BaseException)


def with_id(rest: bytes, at: int, ulid: bytes) -> bytes:
    """The payload with the id that the record got first."""
    flags = struct.unpack_from("<H", rest, 2)[0] | ID
    return b"".join((rest[:2], struct.pack("<H", flags), rest[4:at], ulid, rest[at:]))


def _stir(x: int) -> int:
    x ^= x >> 30
    x = x * 0xBF58476D1CE4E5B9 & (1 << 64) - 1
    x ^= x >> 27
    x = x * 0x94D049BB133111EB & (1 << 64) - 1
    return x ^ x >> 31


_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = [(a + b).encode() for a in _DIGITS for b in _DIGITS]


def id_of(rest: bytes, run: int, position: int) -> bytes:
    """The id of a record that was written without one: a ULID of its time and place."""
    seconds, nanos = struct.unpack_from("<qI", rest, 8)
    millis = min(max(seconds * 1000 + nanos // 1_000_000, 0), (1 << 48) - 1)
    low = _stir(_stir(_stir(run) ^ position))
    high = _stir(_stir(_stir(run ^ (1 << 64) - 1) ^ position)) & 0xFFFF
    n = millis << 80 | high << 64 | low
    return b"".join([_PAIRS[n >> shift & 1023] for shift in range(120, -1, -10)])
