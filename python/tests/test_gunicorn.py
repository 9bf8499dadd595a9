"""A service under gunicorn, of which processes are killed again and again while it answers.

GIROK_SECONDS is how long (8), GIROK_RATE how many requests a second (500). With
GIROK_KILL_BIGQUERY=1 it is done with BigQuery's emulator too, by hand.
"""
import collections
import contextlib
import http.client
import importlib.util
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
import unittest
import urllib.request
from typing import Callable, Dict, Iterator, List, Optional, Tuple

from .support import PACKAGE, PATIENCE, PROGRAM, deliver, deliverer, environment, folder, needs_program, rows, until, write

SECONDS = float(os.environ.get("GIROK_SECONDS", "8"))
RATE = float(os.environ.get("GIROK_RATE", "500"))
CLIENTS = 16
EMULATOR = os.environ.get("GIROK_BQ_PYTHON") or os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "girok", "bqemulator-1.4.0", "bin", "python")

CONFIG = """
version: 1
service: serving
handlers:
  warehouse:
    class: %s
    table: %s
    create: true
    columns: {level: levelname, message: message, request_id: attr.request_id, score: {from: attr.score, type: float}}
    %s
loggers:
  serving: {level: INFO, handlers: [warehouse]}
spool: {dir: spool}
"""

APP = """
import logging, girok
girok.dictConfig("config.yaml")
log = logging.getLogger("serving")
log.info("trained")  # the run of the process that forks is open

def app(environ, start_response):
    log.info("predicted %s", "setosa", extra={"request_id": environ["QUERY_STRING"], "score": 0.93})
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
    return [b"ok"]
"""


class Service:
    """gunicorn, its workers, and the program that delivers: each may be killed at any time."""

    def __init__(self, dir: str) -> None:
        self.dir, self.spool = dir, os.path.join(dir, "spool")
        os.mkdir(self.spool, 0o700)
        self.port = free_port()
        self.master = self.start()
        self.deliverer = deliverer(self.spool)
        self.kills: "collections.Counter[str]" = collections.Counter()

    def start(self) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "gunicorn", "--preload", "-w", "4", "-b", "127.0.0.1:%d" % self.port, "--log-level", "error", "app:app"]
        return subprocess.Popen(command, cwd=self.dir, env=environment(), stderr=subprocess.DEVNULL)

    def workers(self) -> List[int]:
        try:
            with open("/proc/%d/task/%d/children" % (self.master.pid, self.master.pid)) as f:
                return [int(pid) for pid in f.read().split()]
        except OSError:
            return []

    def answers(self) -> bool:
        return ask(self.port, "probe") is not None

    def await_answer(self) -> None:
        """Starts gunicorn again until it answers: the port is free once orphans have gone."""
        end = time.monotonic() + PATIENCE
        while not self.answers():
            if time.monotonic() > end:
                raise AssertionError("gunicorn does not answer")
            if self.master.poll() is not None:
                self.master = self.start()
            time.sleep(0.1)

    def kill(self, what: str) -> None:
        self.kills[what] += 1
        if what == "master":
            orphans = self.workers()
            self.master.kill()
            self.master.wait()
            for pid in orphans:
                end_process(pid)
            self.master = self.start()
            self.await_answer()
        elif what == "worker":
            workers = self.workers()
            if workers:
                end_process(random.choice(workers))
        else:
            self.deliverer.kill()
            self.deliverer.wait()
            self.deliverer = deliverer(self.spool)

    def stop(self) -> None:
        orphans = self.workers()
        self.master.terminate()
        try:
            self.master.wait(30)
        except subprocess.TimeoutExpired:
            self.master.kill()
            self.master.wait()
            for pid in orphans:
                end_process(pid)
        self.deliverer.kill()
        self.deliverer.wait()


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def end_process(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def ask(port: int, id: str) -> Optional[bytes]:
    """The answer to a request, if it came whole."""
    c = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        c.request("GET", "/?" + id)
        r = c.getresponse()
        body = r.read()
        return body if r.status == 200 and body == b"ok" else None
    except (OSError, http.client.HTTPException):
        return None
    finally:
        c.close()


@contextlib.contextmanager
def emulator(dir: str) -> Iterator[Tuple[str, str]]:
    """BigQuery's emulator, as the Go tests run it: addresses of the REST API and of the Storage Write API."""
    rest, grpc = free_port(), free_port()
    command = [EMULATOR, os.path.join(os.path.dirname(PACKAGE), "internal", "bqtest", "emulator.py"), "start", "--rest-port", str(rest), "--grpc-port", str(grpc)]
    command += ["--persistent", "--data-dir", os.path.join(dir, "bigquery"), "--project", "p", "--log-level", "error"]
    more = {"BQEMU_ENABLE_FORMAT_EXTENSIONS": "false", "BQEMU_GCS_LOCAL_ROOT": dir}
    p = subprocess.Popen(command, env={**os.environ, **more}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        base = "http://127.0.0.1:%d/bigquery/v2" % rest
        until(lambda: listens(base), "the emulator answers")
        yield base, "127.0.0.1:%d" % grpc
    finally:
        p.kill()
        p.wait()


def listens(base: str) -> bool:
    try:
        with urllib.request.urlopen(base + "/projects/p/datasets", timeout=10):
            return True
    except OSError:
        return False


def answers_of(base: str, sql: str) -> Dict[str, int]:
    """The rows of a query of a text and a number."""
    body = json.dumps({"query": sql, "useLegacySql": False, "maxResults": 1_000_000}).encode()
    request = urllib.request.Request(base + "/projects/p/queries", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=PATIENCE) as r:
        return {row["f"][0]["v"]: int(row["f"][1]["v"]) for row in json.load(r).get("rows", [])}


class Load:
    """Requests at a rate, and the ids of those that were answered."""

    def __init__(self, port: int) -> None:
        self.answered: List[str] = []
        self._end = threading.Event()
        self._threads = [threading.Thread(target=self._send, args=(port, n)) for n in range(CLIENTS)]
        for t in self._threads:
            t.start()

    def _send(self, port: int, client: int) -> None:
        n, due = 0, time.monotonic()
        while not self._end.is_set():
            id = "%d-%d" % (client, n)
            if ask(port, id) is not None:
                self.answered.append(id)
            n += 1
            due = max(due + CLIENTS / RATE, time.monotonic() - 1)
            self._end.wait(max(0.0, due - time.monotonic()))

    def stop(self) -> None:
        self._end.set()
        for t in self._threads:
            t.join()


@needs_program
@unittest.skipUnless(importlib.util.find_spec("gunicorn"), "NOT TESTED, needs gunicorn: a service of which processes are killed")
@unittest.skipUnless(importlib.util.find_spec("yaml"), "NOT TESTED, needs PyYAML: a service of which processes are killed")
class Gunicorn(unittest.TestCase):
    def test_embedded(self) -> None:
        assert PROGRAM
        kinds = subprocess.run([PROGRAM, "version"], capture_output=True, text=True).stdout
        store = "duckdb" if "duckdb" in kinds else "sqlite"
        sql = "select request_id, count(*) as n from logs where message = 'predicted setosa' group by request_id"
        with folder() as d:
            self.kill_and_count(d, store, CONFIG % (store, "logs", "path: serving.db"), lambda: {r["request_id"]: r["n"] for r in rows(d, sql)})

    @unittest.skipUnless(
        os.environ.get("GIROK_KILL_BIGQUERY") and os.access(EMULATOR, os.X_OK),
        "NOT TESTED, wants GIROK_KILL_BIGQUERY=1 and bqemulator: a service of which processes are killed, with BigQuery",
    )
    def test_bigquery(self) -> None:
        with folder() as d, emulator(d) as (rest, grpc):
            way = "endpoint: %s\n    grpc_endpoint: %s\n    insecure: true\n    batch: {age: 200ms}" % (rest, grpc)
            sql = "select request_id, count(*) as n from `p.serving.logs` where message = 'predicted setosa' group by request_id"
            self.kill_and_count(d, "bigquery", CONFIG % ("bigquery", "p.serving.logs", way), lambda: answers_of(rest, sql))

    def kill_and_count(self, d: str, store: str, config: str, table: Callable[[], Dict[str, int]]) -> None:
        write(os.path.join(d, "config.yaml"), config)
        write(os.path.join(d, "app.py"), APP)
        s = Service(d)
        try:
            s.await_answer()
            load = Load(s.port)
            begun = time.monotonic()
            try:
                n = 0
                while n < 9 or time.monotonic() < begun + SECONDS:
                    time.sleep(0.3)
                    s.kill("master" if n % 8 == 7 else "deliverer" if n % 3 == 2 else "worker")
                    n += 1
            finally:
                took = time.monotonic() - begun
                load.stop()
        finally:
            s.stop()
        deliver(s.spool, "serving")
        times = table()
        probes = times.pop("probe", 0)
        lost = [id for id in load.answered if id not in times]
        doubled = [id for id, n in times.items() if n > 1]
        print("%s: %d requests answered in %.1f s (%.0f a second), killed: %s; lost %d, doubled %d; in the table without an answer that came: %d" % (
            store, len(load.answered), took, len(load.answered) / took, dict(s.kills), len(lost), len(doubled), len(set(times) - set(load.answered))), file=sys.stderr)
        self.assertEqual((lost, doubled), ([], []))
        self.assertGreater(len(load.answered), 0)
        self.assertGreater(probes, 0)
        self.assertEqual(set(s.kills), {"master", "worker", "deliverer"})


if __name__ == "__main__":
    unittest.main()
