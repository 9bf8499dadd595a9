"""The keys that girok adds to Python's own handlers, where it is CPython's class that writes."""
from __future__ import annotations

from typing import Any, Dict, Mapping, Tuple

KINDS_OF_RECORDS = ("log", "event", "row", "metric", "span")
STREAMS = ("console", "logging.StreamHandler")
FILES = ("file", "logging.FileHandler")
ROTATING = ("logging.handlers.RotatingFileHandler", "logging.handlers.TimedRotatingFileHandler")
NETWORK = tuple("logging.handlers." + c for c in ("HTTPHandler", "SMTPHandler", "SysLogHandler", "SocketHandler", "DatagramHandler"))

_SPOOLED_FILE = "want class: file with spooled: true and rotate, which Python and Go have"
# What a program in Go does and CPython's class does not. The rest of the handler works.
_WITHOUT_EFFECT: Dict[Tuple[str, ...], Dict[str, str]] = {
    ROTATING: {
        "compress": "has no effect in Python: files that were put aside are not compressed; " + _SPOOLED_FILE,
        "max_age": "has no effect in Python: files that were put aside go by backupCount, whatever their age; " + _SPOOLED_FILE,
    },
    STREAMS: {"mode": "has no effect in Python: a log call waits for a stream that stands still; want a QueueHandler before it"},
}
# What no program takes, in Go as little as in Python.
_ASIDE = "puts no file aside; want class: file with spooled: true and rotate, or class: logging.handlers.RotatingFileHandler or TimedRotatingFileHandler"
_SPOOLED = "has it only with spooled: true; want that beside it"
_MISTAKES: Dict[Tuple[str, ...], Dict[str, str]] = {
    (*FILES, "logging.handlers.WatchedFileHandler"): dict.fromkeys(("rotate", "compress", "max_age", "maxBytes", "backupCount", "when"), _ASIDE),
    ROTATING: {"rotate": "has maxBytes or when, and backupCount, in the place of it; " + _SPOOLED_FILE},
    FILES: dict.fromkeys(("batch", "sync"), _SPOOLED),
    NETWORK: {"batch": _SPOOLED},
}


def is_known(named: str) -> bool:
    """Whether a class is girok's or one of logging's, and not the application's."""
    return named.startswith("logging.") or bool(named) and "." not in named and "://" not in named


def takes_logs(name: Any, named: str, spec: Mapping[str, Any]) -> bool:
    """Whether a handler takes what Python logs. Raises ValueError for what accepts can't be."""
    kinds = spec.get("accepts") if is_known(named) else None
    if kinds is None:
        return True
    if not isinstance(kinds, (list, tuple)) or not all(k in KINDS_OF_RECORDS for k in kinds):
        raise ValueError("handlers.%s.accepts: want a list of %s, got %r" % (name, ", ".join(KINDS_OF_RECORDS), kinds))
    return not kinds or "log" in kinds


def of_python(name: Any, named: str, spec: Mapping[str, Any], notes: Dict[str, str]) -> Dict[str, Any]:
    """The keys of a handler without girok's own.

    notes gets those that have no effect here, by their place. Raises ValueError for
    those that are a mistake in Go, too.
    """
    for classes, keys in _MISTAKES.items():
        for k in spec if named in classes else ():
            if k in keys:
                raise ValueError("handlers.%s.%s: class: %s, written in the call, %s" % (name, k, named, keys[k]))
    own = {"accepts", "spooled"}
    for classes, keys in _WITHOUT_EFFECT.items():
        for k in spec if named in classes else ():
            if k in keys:
                own.add(k)
                notes["handlers.%s.%s" % (name, k)] = keys[k]
    return {k: v for k, v in spec.items() if k not in own}
