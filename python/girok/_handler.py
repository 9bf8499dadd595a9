"""The logging.Handler that stands for each of girok's kinds."""
from __future__ import annotations

import logging

from ._spool import Writer


class Handler(logging.Handler):
    """Puts records into the spool, where they survive the death of the process.

    It talks to no network and raises nothing. Its formatter is not asked: who
    delivers makes rows and lines. It can be used after close.
    """

    def __init__(self, writer: Writer, bit: int) -> None:
        super().__init__()
        self._writer, self._mask = writer, 1 << bit

    def emit(self, record: logging.LogRecord) -> None:
        """Appends the record to this process's run."""
        try:
            self._writer.record(self._mask, record)
        except Exception:
            self.handleError(record)

    def close(self) -> None:
        """Ends the run."""
        self._writer.close()
        super().close()
