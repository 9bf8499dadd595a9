"""The logging.Handler that stands for each of girok's kinds."""
from __future__ import annotations

import logging
import os
from io import TextIOWrapper

from ._spool import Writer


class Handler(logging.Handler):
    """Puts records into the spool, where they survive the death of the process.

    It talks to no network and raises nothing; what can't be written is counted and
    told as stats says. Its formatter is not asked: who delivers makes rows and lines.
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
        """Ends the run, which it shares with the other handlers of its configuration.

        The next record begins another one, so all of them can still be used.
        """
        self._writer.close()
        super().close()


class File(logging.FileHandler):
    """class: file, which makes the folder that it lies in."""

    def _open(self) -> TextIOWrapper:
        os.makedirs(os.path.dirname(self.baseFilename), exist_ok=True)
        return super()._open()
