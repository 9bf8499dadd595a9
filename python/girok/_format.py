"""girok's own formatters for handlers that write in the call: json, logfmt and console."""
from __future__ import annotations

import datetime
import json
import logging
from typing import Any, Dict, Iterator, Mapping, Optional, Tuple

from ._record import STANDARD, Encoder, Redactor


class _Formatter(logging.Formatter):
    """What the three have in common: what came as extra, without what redact hides."""

    def __init__(self, redactor: Optional[Redactor] = None) -> None:
        super().__init__()
        self._redactor = redactor
        self._encoder = Encoder()

    def _extras(self, record: logging.LogRecord) -> Dict[str, Any]:
        extras = {k: v for k, v in record.__dict__.items() if k not in STANDARD}
        return self._redactor.applied(extras) if self._redactor else extras


class JSONFormatter(_Formatter):
    """One JSON object a line: time, level, logger, msg, what came as extra, error and stack."""

    def __init__(self, source: bool = False, redactor: Optional[Redactor] = None) -> None:
        super().__init__(redactor)
        self._source = source

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        time = datetime.datetime.fromtimestamp(record.created).astimezone()
        out: Dict[str, Any] = {"time": time.isoformat(timespec="microseconds"), "level": record.levelname, "logger": record.name, "msg": record.getMessage()}
        if self._source:
            out["source"] = {"function": record.funcName, "file": record.pathname, "line": record.lineno}
        out.update(self._extras(record))
        if record.exc_info:
            out["error"] = self.formatException(record.exc_info)
        if record.stack_info:
            out["stack"] = record.stack_info
        return self._encoder.json(out)


class LogfmtFormatter(_Formatter):
    """Pairs key=value: time, level, logger, msg, what came as extra, error and stack."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        time = datetime.datetime.fromtimestamp(record.created).astimezone()
        out = {"time": time.isoformat(timespec="milliseconds"), "level": record.levelname, "logger": record.name, "msg": record.getMessage(), **self._extras(record)}
        if record.exc_info:
            out["error"] = self.formatException(record.exc_info)
        if record.stack_info:
            out["stack"] = record.stack_info
        return self._pairs(out)

    def _pairs(self, members: Mapping[Any, Any]) -> str:
        return " ".join("%s=%s" % (_bare(k), _bare(self._text(v))) for k, v in _flat("", members))

    def _text(self, v: Any) -> str:
        text = v if isinstance(v, str) else self._encoder.json(v)
        return str(json.loads(text)) if not isinstance(v, str) and text.startswith('"') else text


class ConsoleFormatter(LogfmtFormatter):
    """A line for people: time of day, level, logger, message and pairs; error and stack below it."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record, and those that follow it."""
        time = datetime.datetime.fromtimestamp(record.created)
        message = record.getMessage()
        if not message.isprintable():  # it must not move the cursor, nor look like another record
            message = json.dumps(message, ensure_ascii=False)[1:-1]
        head = "%s %-5s %s: %s" % (time.strftime("%H:%M:%S.") + "%03d" % record.msecs, record.levelname, record.name, message)
        extras = self._pairs(self._extras(record))
        below = [self.formatException(record.exc_info)] if record.exc_info else []
        below += [record.stack_info] if record.stack_info else []
        lines = [("%-60s  %s" % (head, extras)) if extras else head]
        return "\n".join(lines + ["    " + line for text in below for line in text.splitlines()])


def _flat(before: str, members: Mapping[Any, Any]) -> Iterator[Tuple[str, Any]]:
    """The members, and those of mappings in them as outer.inner."""
    for k, v in members.items():
        if isinstance(v, dict) and v and before.count(".") < 20:
            yield from _flat("%s%s." % (before, k), v)
        else:
            yield before + str(k), v


def _bare(text: str) -> str:
    """The text, in quotes if it would not be one word without them."""
    if text and text.isprintable() and not any(c in text for c in ' ="\\'):
        return text
    return json.dumps(text, ensure_ascii=False)


_OWN = {"json": JSONFormatter, "logfmt": LogfmtFormatter, "console": ConsoleFormatter}
ABSENT = ("ecs", "gcp")  # who delivers has them, for spooled files


def formatter(spec: Any, redactor: Optional[Redactor]) -> Any:
    """A formatter's section as logging.config understands it."""
    kind = spec.get("class") if isinstance(spec, Mapping) else None
    if kind in ABSENT:
        return {}  # it belongs to spooled handlers alone, so nobody asks for it
    if not isinstance(kind, str) or kind not in _OWN:
        return spec
    keys = {"source": spec.get("source") is True} if kind == "json" else {}
    return {"()": _OWN[kind], "redactor": redactor, **keys}
