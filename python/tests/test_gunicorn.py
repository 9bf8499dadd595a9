"""A service under gunicorn, of which processes are killed again and again while it answers.

GIROK_SECONDS is how long (8), GIROK_RATE how many requests a second (500).
"""
import collections
import http.client
import importlib.util
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
import unittest
from typing import List, Optional

from .support import PATIENCE, PROGRAM, deliver, deliverer, environment, folder, needs_program, rows, write

SECONDS = float(os.environ.get("GIROK_SECONDS", "8"))
RATE = float(os.environ.get("GIROK_RATE", "500"))
CLIENTS = 16

CONFIG = """
version: 1
service: serving
handlers:
  warehouse: {class: %s, path: serving.db, table: logs, create: true, columns: {level: levelname, message: message, request_id: attr.request_id, score: {from: attr.score, type: float}}}
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
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
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
    def test_killed_again_and_again(self) -> None:
        assert PROGRAM
        kinds = subprocess.run([PROGRAM, "version"], capture_output=True, text=True).stdout
        store = "duckdb" if "duckdb" in kinds else "sqlite"
        with folder() as d:
            write(os.path.join(d, "config.yaml"), CONFIG % store)
            write(os.path.join(d, "app.py"), APP)
            s = Service(d)
            try:
                s.await_answer()
                load = Load(s.port)
                begun = time.monotonic()
                try:
                    n = 0
                    while time.monotonic() < begun + SECONDS:
                        time.sleep(0.3)
                        s.kill("master" if n % 8 == 7 else "deliverer" if n % 3 == 2 else "worker")
                        n += 1
                finally:
                    took = time.monotonic() - begun
                    load.stop()
            finally:
                s.stop()
            deliver(s.spool, "serving")
            times = {r["request_id"]: r["n"] for r in rows(d, "select request_id, count(*) as n from logs where message = 'predicted setosa' group by request_id")}
            probes = times.pop("probe", 0)
            lost = [id for id in load.answered if id not in times]
            doubled = [id for id, n in times.items() if n > 1]
            unanswered = len(times) - len(set(load.answered) & set(times))
            print("%s: %d requests answered in %.1f s (%.0f a second), killed: %s; lost %d, doubled %d; in the table without an answer that came: %d" % (
                store, len(load.answered), took, len(load.answered) / took, dict(s.kills), len(lost), len(doubled), unanswered), file=sys.stderr)
            self.assertEqual((lost, doubled), ([], []))
            self.assertGreater(len(load.answered), 100)
            self.assertGreater(probes, 0)
            self.assertEqual(set(s.kills), {"master", "worker", "deliverer"})


if __name__ == "__main__":
    unittest.main()
