#!/usr/bin/env python3
"""What a log call costs, and what kill -9 loses: girok beside two usual ways, in turns.

    python3 bench.py [-quick]

source  one HTTP request a record, on the calling thread, over a connection that is
        kept, to a server on this machine that answers at once
queue   QueueHandler and a QueueListener that inserts batches of 500 into SQLite
girok   this package's handler
null    logging.NullHandler: what the call costs by itself
"""
import http.client
import http.server
import json
import logging
import logging.handlers
import os
import queue
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Any, Dict, List

import girok

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "docs"))
import read_spool  # noqa: E402

EXTRA = {"request_id": "5f0c9e2a", "label": "setosa", "score": 0.93, "n": 7, "ok": True}
LIMIT = 30.0  # µs a call


class Source(logging.Handler):
    """Sends each record as it is logged."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self._connection = http.client.HTTPConnection("127.0.0.1", port)

    def emit(self, record: logging.LogRecord) -> None:
        row = {"level": record.levelname, "message": record.getMessage(), "created_at": record.created, "request_id": getattr(record, "request_id", None)}
        self._connection.request("POST", "/insertAll", json.dumps({"rows": [{"json": row}]}), {"Content-Type": "application/json"})
        self._connection.getresponse().read()


class Batches(logging.Handler):
    """Inserts 500 rows a transaction, or what there is after a second."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self._db = sqlite3.connect(path, check_same_thread=False)
        self._db.execute("create table if not exists logs (level, message, created_at, attributes)")
        self._db.commit()
        self._rows: List[Any] = []
        self._last = time.monotonic()

    def emit(self, record: logging.LogRecord) -> None:
        extra = {k: getattr(record, k) for k in EXTRA if hasattr(record, k)}
        self._rows.append((record.levelname, record.getMessage(), record.created, json.dumps(extra)))
        if len(self._rows) >= 500 or time.monotonic() - self._last >= 1:
            with self._db:
                self._db.executemany("insert into logs values (?, ?, ?, ?)", self._rows)
            self._rows, self._last = [], time.monotonic()


class Server(http.server.BaseHTTPRequestHandler):
    """Counts rows and answers."""

    protocol_version = "HTTP/1.1"
    rows = 0

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        Server.rows += 1
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def do_GET(self) -> None:
        text = str(Server.rows).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *args: Any) -> None:
        pass


def serve() -> None:
    s = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    s.RequestHandlerClass.disable_nagle_algorithm = True
    print(s.server_port, flush=True)
    s.serve_forever()


def made(arm: str, dir: str, port: int) -> logging.Logger:
    """A logger of one arm."""
    log = logging.getLogger("bench." + arm)
    log.propagate = False
    log.setLevel(logging.INFO)
    if arm == "girok":
        spec = {"class": "sqlite", "path": "girok.db", "table": "logs", "create": True}
        girok.dictConfig({
            "version": 1, "disable_existing_loggers": False, "service": "bench", "handlers": {"w": spec},
            "loggers": {log.name: {"level": "INFO", "handlers": ["w"], "propagate": False}}, "spool": {"dir": os.path.join(dir, "spool")},
        })
    elif arm == "source":
        log.addHandler(Source(port))
    elif arm == "queue":
        q: "queue.Queue[Any]" = queue.Queue()
        log.addHandler(logging.handlers.QueueHandler(q))
        logging.handlers.QueueListener(q, Batches(os.path.join(dir, "queue.db"))).start()
    else:
        log.addHandler(logging.NullHandler())
    return log


def measure(log: logging.Logger, calls: int) -> List[int]:
    """Nanoseconds of each call."""
    times = []
    for _ in range(calls):
        begun = time.perf_counter_ns()
        log.info("predicted %s", "setosa", extra=EXTRA)
        times.append(time.perf_counter_ns() - begun)
    return times


def die(arm: str, dir: str, port: int) -> None:
    """Logs 500 records a second for some time, counts aloud what calls have returned, and kills itself."""
    import signal

    log = made(arm, dir, port)
    for n in range(1, 801):
        log.info("predicted %s", "setosa", extra=dict(EXTRA, n=n))
        time.sleep(0.002)
    print(n, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)


def kept(arm: str, dir: str, port: int, before: int) -> int:
    """How many records of a dead process are somewhere."""
    if arm == "girok":
        runs = os.path.join(dir, "spool", "bench", "runs")
        return sum(1 for d in os.listdir(runs) for _ in read_spool.read_run(os.path.join(runs, d)))
    if arm == "queue":
        return int(sqlite3.connect(os.path.join(dir, "queue.db")).execute("select count(*) from logs").fetchone()[0])
    return rows_of(port) - before


def rows_of(port: int) -> int:
    c = http.client.HTTPConnection("127.0.0.1", port)
    c.request("GET", "/")
    return int(c.getresponse().read())


def main() -> None:
    if sys.argv[1:2] == ["serve"]:
        return serve()
    if sys.argv[1:2] == ["die"]:
        return die(sys.argv[2], sys.argv[3], int(sys.argv[4]))
    rounds, calls = (3, 300) if "-quick" in sys.argv else (15, 2000)
    arms = ("null", "girok", "queue", "source")
    server = subprocess.Popen([sys.executable, os.path.abspath(__file__), "serve"], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout
        port = int(server.stdout.readline())
        with tempfile.TemporaryDirectory() as dir:
            logs = {arm: made(arm, dir, port) for arm in reversed(arms)}
            times: Dict[str, List[List[int]]] = {arm: [] for arm in arms}
            for log in logs.values():
                measure(log, 100)
            for _ in range(rounds):
                for arm in arms:
                    times[arm].append(measure(logs[arm], calls))
                    time.sleep(0.2)  # the listener empties its queue: it is not to be measured with the next arm
            girok.dictConfig({"version": 1, "disable_existing_loggers": False})
        print("CPython %s, %d rounds of %d calls with 5 extras; µs a call" % (sys.version.split()[0], rounds, calls))
        print("%-8s %8s %8s %14s %s" % ("", "median", "99 %", "to girok", "lost by kill -9, of 800"))
        ratio = {arm: statistics.median(statistics.median(t) / statistics.median(g) for t, g in zip(times[arm], times["girok"])) for arm in arms}
        for arm in arms:
            every = sorted(t for r in times[arm] for t in r)
            lost = "-"
            if arm != "null":
                with tempfile.TemporaryDirectory() as dir:
                    before = rows_of(port)
                    said = subprocess.run([sys.executable, os.path.abspath(__file__), "die", arm, dir, str(port)], stdout=subprocess.PIPE, text=True)
                    lost = str(int(said.stdout) - kept(arm, dir, port, before))
            print("%-8s %8.1f %8.1f %14.2f %s" % (arm, statistics.median(every) / 1000, every[len(every) * 99 // 100] / 1000, ratio[arm], lost))
        median = statistics.median(t for r in times["girok"] for t in r) / 1000
        print("girok, median: %.1f µs, wanted at most %.0f: %s" % (median, LIMIT, "met" if median <= LIMIT else "MISSED"))
    finally:
        server.kill()
        server.wait()


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    os._exit(0)  # a listener that still inserts need not be waited for
