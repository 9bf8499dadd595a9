"""girok's own formatter `json` for handlers that write in the call."""
from __future__ import annotations

import datetime
import logging
from typing import Any, Dict, Mapping

from ._record import STANDARD, Encoder

_OWN = ("json", "logfmt", "console", "ecs", "gcp")


class JSONFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, msg, what came as extra, error and stack."""

    def __init__(self, source: bool = False) -> None:
        super().__init__()
        self._source = source
        self._encoder = Encoder()

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        time = datetime.datetime.fromtimestamp(record.created).astimezone()
        out: Dict[str, Any] = {"time": time.isoformat(timespec="microseconds"), "level": record.levelname, "logger": record.name, "msg": record.getMessage()}
        if self._source:
            out["source"] = {"function": record.funcName, "file": record.pathname, "line": record.lineno}
        out.update((k, v) for k, v in record.__dict__.items() if k not in STANDARD)
        if record.exc_info:
            out["error"] = self.formatException(record.exc_info)
        if record.stack_info:
            out["stack"] = record.stack_info
        return self._encoder.json(out)


def formatter(spec: Any) -> Any:
    """A formatter's section as logging.config understands it."""
    if not isinstance(spec, Mapping) or spec.get("class") not in _OWN:
        return spec
    if spec["class"] != "json":
        # It may belong to spooled handlers alone: then nobody asks for it.
        return {"()": _Absent, "kind": spec["class"]}
    return {"()": JSONFormatter, "source": spec.get("source") is True}


class _Absent(logging.Formatter):
    def __init__(self, kind: str) -> None:
        super().__init__()
        self._kind = kind

    def format(self, record: logging.LogRecord) -> str:
        raise NotImplementedError(self._kind)
