"""girok for Python: log records that survive kill -9 and land exactly once.

    import girok, logging
    girok.dictConfig("config.yaml")
    logging.getLogger("MLLogger").info("hello world", extra={"score": 0.93})

What a log call has returned from lies in the spool. `girok run --spool DIR`, or
girok.serve("config.yaml"), writes it into the stores that config.yaml names.
"""
from ._config import dictConfig, get_ml_logger, spool_of
from ._handler import Handler
from ._program import Server, program, serve
from ._spool import stats

__all__ = ["Handler", "Server", "dictConfig", "get_ml_logger", "program", "serve", "spool_of", "stats"]
__version__ = "0.1.0"
