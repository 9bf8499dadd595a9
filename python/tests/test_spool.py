"""Runs on the disk: rolling, faults, forks, signals."""
import errno
import json
import logging
import logging.handlers
import os
import queue
import struct
import sys
import threading
import unittest
from typing import Any, Callable, Dict, List, Tuple
from unittest import mock

from girok import Handler, stats
from girok._record import Encoder, id_of
from girok._spool import LEAST_SEGMENT, Writer, born

from .support import PATIENCE, child, folder, runs
from .test_record import read_spool

CONFIG: Dict[str, Any] = {"service": "shop", "handlers": [{"bit": 0, "name": "h", "class": "sqlite", "keys": {}}]}


def read(spool: str) -> List[Dict[str, Any]]:
    """The records of all runs, oldest run first."""
    folder, created = os.path.join(spool, "shop", "runs"), {}
    for d in runs(spool, "shop"):
        with open(os.path.join(folder, d, "config"), encoding="utf-8") as f:
            created[d] = json.load(f)["created"]
    return [r for d in sorted(created, key=lambda d: created[d]) for r in read_spool.read_run(os.path.join(folder, d))]


def logger(spool: str, **keys: Any) -> Tuple[logging.Logger, Writer]:
    w = Writer(spool, CONFIG, Encoder(), **keys)
    log = logging.Logger("shop", logging.DEBUG)
    log.addHandler(Handler(w, 0))
    return log, w


class OnTheDisk(unittest.TestCase):
    def test_rights_and_what_is_empty(self) -> None:
        with folder() as d:
            spool = os.path.join(d, "a", "spool")
            log, w = logger(spool)
            self.assertFalse(os.path.exists(spool))  # who logs nothing makes nothing
            log.info("one")
            for place, _, files in os.walk(os.path.join(spool, "shop")):
                self.assertEqual(os.stat(place).st_mode & 0o777, 0o700, place)
                for name in files:
                    self.assertEqual(os.stat(os.path.join(place, name)).st_mode & 0o777, 0o600, name)
            w.close()
            w.close()
            log.info("two")  # a handler can be used after close
            w.close()
            self.assertEqual([r["message"] for r in read(spool)], ["one", "two"])
            self.assertEqual(len(runs(spool, "shop")), 2)

    def test_a_full_run_makes_room_for_the_next(self) -> None:
        with folder() as d:
            log, w = logger(d, max_bytes=8 * LEAST_SEGMENT)
            for n in range(30):
                log.info("x" * 100_000, extra={"n": n})
            self.assertEqual([r["attributes"][0][2] for r in read(d)], list(range(30)))
            self.assertEqual(len(runs(d, "shop")), 3)
            w.close()

    def test_nobody_delivers(self) -> None:
        with folder() as d:
            log, w = logger(d, max_bytes=3 * LEAST_SEGMENT)
            for n in range(60):
                log.info("x" * 100_000)
            self.assertEqual(w.written + w.dropped, 60)
            self.assertGreater(w.dropped, 0)
            for run in sorted(runs(d, "shop")):  # as who delivers does
                path = os.path.join(d, "shop", "runs", run)
                for name in os.listdir(path):
                    os.unlink(os.path.join(path, name))
                os.rmdir(path)
            dropped, w._again = w.dropped, 0.0
            log.info("there is room")
            got = read(d)
            self.assertEqual([r["logger"] for r in got], ["girok.gap", "shop"])
            self.assertTrue(got[0]["message"].startswith("%d records were dropped: " % dropped), got[0]["message"])
            w.close()

    def test_the_gap_cannot_be_told_at_once(self) -> None:
        with folder() as d:
            log, w = logger(d)
            w._again, w._why = float("inf"), "a test"
            log.info("lost")
            w._again = 0.0
            with mock.patch("os.pwrite", side_effect=OSError(errno.EIO, "no")):
                log.info("lost")
            w._again = 0.0
            log.info("here")
            self.assertEqual([r["message"] for r in read(d)], ["2 records were dropped: %s: no" % w.service, "here"])
            self.assertEqual((w.written, w.dropped), (1, 2))
            w.close()

    def test_threads(self) -> None:
        with folder() as d:
            log, w = logger(d)
            threads = [threading.Thread(target=lambda t=t: [log.info("m", extra={"n": t * 1000 + n}) for n in range(500)]) for t in range(4)]
            for t in threads:
                t.start()
            for t in threads:
                t.join()
            w.close()
            self.assertEqual(sorted(r["attributes"][0][2] for r in read(d)), [t * 1000 + n for t in range(4) for n in range(500)])

    def test_the_folder_is_a_file(self) -> None:
        with folder() as d:
            place = os.path.join(d, "spool")
            open(place, "w").close()
            log, w = logger(place)
            log.info("into nothing")
            log.info("into nothing")
            self.assertEqual((w.written, w.dropped), (0, 2))

    def test_a_child_leaves_the_run_to_its_parent(self) -> None:
        with folder() as d:
            log, w = logger(d)
            log.info("parent")
            pid = os.fork()
            if pid == 0:
                try:
                    open_files = [os.readlink("/proc/self/fd/" + fd) for fd in os.listdir("/proc/self/fd") if os.path.exists("/proc/self/fd/" + fd)]
                    log.info("child")
                    os._exit(1 if any(".seg" in f or f.endswith("/write") for f in open_files) or stats()["written"] != 1 else 0)
                except BaseException:
                    os._exit(2)
            self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0)
            log.info("parent again")
            w.close()
            self.assertEqual(sorted(r["message"] for r in read(d)), ["child", "parent", "parent again"])

    def test_a_signal_handler_logs_in_the_middle_of_a_call(self) -> None:
        code = """
import logging, signal, sys, threading, time
from girok._record import Encoder
from girok._spool import Writer
from girok import Handler
w = Writer(sys.argv[1], {"service": "shop", "handlers": [{"bit": 0, "name": "h", "class": "sqlite", "keys": {}}]}, Encoder())
log = logging.Logger("shop"); log.addHandler(Handler(w, 0))
hits = 0
def on(signum, frame):
    global hits
    hits += 1
    log.info("signal", extra={"n": hits})
    signal.setitimer(signal.ITIMER_REAL, 0.001)
signal.signal(signal.SIGALRM, on)
signal.setitimer(signal.ITIMER_REAL, 0.001)
n = 0
while hits < 200:
    n += 1
    log.info("call", extra={"n": n})
signal.setitimer(signal.ITIMER_REAL, 0)
print(n, hits)
"""
        with folder() as d:
            done = child(code, d, d)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            calls, hits = map(int, done.stdout.split())
            got = read(d)
            self.assertEqual(sorted(r["attributes"][0][2] for r in got if r["message"] == "call"), list(range(1, calls + 1)))
            self.assertEqual(sorted(r["attributes"][0][2] for r in got if r["message"] == "signal"), list(range(1, hits + 1)))

    def test_the_disk_is_full(self) -> None:
        with folder() as d:
            code = """
import logging, resource, signal, sys
from girok._record import Encoder
from girok._spool import Writer
from girok import Handler
w = Writer(sys.argv[1], {"service": "shop", "handlers": [{"bit": 0, "name": "h", "class": "sqlite", "keys": {}}]}, Encoder())
log = logging.Logger("shop"); log.addHandler(Handler(w, 0))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, resource.RLIM_INFINITY))
for n in range(10):
    log.info("x" * 10_000, extra={"n": n})
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
w._again = 0.0
log.info("room", extra={"n": 10})
print(w.written, w.dropped)
"""
            done = child(code, d, d)
            self.assertEqual(done.returncode, 0, done.stderr)
            written, dropped = map(int, done.stdout.split())
            self.assertEqual(written + dropped, 11)
            self.assertIn("records are dropped", done.stderr)
            got = read(d)
            self.assertEqual(len([r for r in got if r["logger"] == "shop"]), written)
            self.assertEqual(got[-1]["message"], "room")
            self.assertEqual([r["logger"] for r in got].count("girok.gap"), 1)

    def test_a_full_pipe_for_messages_holds_nobody_up(self) -> None:
        log, w = logger("/dev/null/spool")
        stderr, sys.stderr = sys.stderr, None  # type: ignore[assignment]
        try:
            log.info("m")
        finally:
            sys.stderr = stderr
        self.assertEqual(w.dropped, 1)

    def test_configuration_of_a_run(self) -> None:
        with folder() as d:
            log, w = logger(d)
            log.info("m")
            (run,) = runs(d, "shop")
            with open(os.path.join(d, "shop", "runs", run, "config"), encoding="utf-8") as f:
                config = json.load(f)
            self.assertEqual((config["format"], config["service"], config["pid"], config["handlers"]), (1, "shop", os.getpid(), CONFIG["handlers"]))
            self.assertTrue(run.endswith("-" + config["id"]))
            w.close()

    def test_the_newest_run_after_the_clock_was_set_back(self) -> None:
        second = 1_700_000_000 * 10**6
        now, before, after = "20231114T221320Z", "20231114T221319Z", "20231231T235959Z"
        for begun, created, hidden, want in (
            (before, "2023-11-14T22:13:19.999999999Z", "", second + 5),
            (now, "2023-11-14T22:13:20.000000001Z", "", second + 5),
            (now, "2023-11-15T07:13:20.000007999+09:00", "", second + 8),
            (now, "2023-11-14T22:13:20.9999999Z", "", second + 10**6),
            (now, "2023-11-14T22:13:20Z", "", second + 5),
            (now, None, "", second + 5),
            (after, None, "", 1_704_067_200 * 10**6),
            (after, None, ".made-", 1_704_067_200 * 10**6),
            (after, None, ".gone-", second + 5),
            ("99990101T000000Z", None, "", second + 5),
            ("20239999T000000Z", None, "", second + 5),
        ):
            with folder() as d:
                os.mkdir(os.path.join(d, hidden + begun + "-0123456789abcdef"))
                if created:
                    with open(os.path.join(d, begun + "-0123456789abcdef", "config"), "w", encoding="utf-8") as f:
                        json.dump({"created": created}, f)
                self.assertEqual(born(d, second + 5), want, (begun, created, hidden))

    def test_runs_in_the_future(self) -> None:
        with folder() as d:
            os.makedirs(os.path.join(d, "shop", "runs", "20991231T235958Z-0123456789abcdef"))
            log, w = logger(d)
            for n in range(3):
                log.info("m", extra={"n": n})
                w.close()
            names = sorted(runs(d, "shop"))
            self.assertEqual([n[:17] for n in names], ["20991231T235958Z-", "20991231T235959Z-", "21000101T000000Z-", "21000101T000001Z-"])
            for name in names[1:]:
                with open(os.path.join(d, "shop", "runs", name, "config"), encoding="utf-8") as f:
                    config = json.load(f)
                self.assertTrue(config["began"] < "2099" < config["created"], config)
            os.rmdir(os.path.join(d, "shop", "runs", names[0]))
            self.assertEqual([r["attributes"][0][2] for r in read(d)], [0, 1, 2])


class Acts(logging.Handler):
    """Does something while a record is on its way from one handler to the next."""

    def __init__(self, act: Callable[[logging.LogRecord], Any]) -> None:
        super().__init__()
        self._act = act

    def handle(self, record: logging.LogRecord) -> bool:
        self._act(record)  # without the handler's lock: threads may meet in here
        return True


class NoHash(logging.LogRecord):
    """What a record factory of the application may give."""

    def __eq__(self, other: object) -> bool:
        return True


class SeveralHandlers(unittest.TestCase):
    """Each handler appends a frame of its own; what is one record stays one."""

    def setUp(self) -> None:
        opened = folder()
        self.dir = opened.__enter__()
        self.addCleanup(opened.__exit__, None, None, None)
        handlers = [{"bit": b, "name": "h%d" % b, "class": "sqlite", "keys": {}} for b in range(3)]
        self.writer = Writer(self.dir, {"service": "shop", "handlers": handlers}, Encoder(), max_bytes=2 * LEAST_SEGMENT)
        self.addCleanup(self.writer.close)
        self.a, self.b, self.c = (Handler(self.writer, b) for b in range(3))
        self.root, self.log = logging.Logger("root", logging.DEBUG), logging.Logger("shop", logging.DEBUG)
        self.log.parent = self.root

    def check(self, written: int, copies: int, dropped: int, found: List[Tuple[str, List[int]]]) -> None:
        """Holds what was counted and what lies in the spool: messages, each with the handlers that have it under one id."""
        ids: Dict[bytes, Tuple[str, List[int]]] = {}
        for d in sorted(runs(self.dir, "shop")):
            for r in read_spool.read_run(os.path.join(self.dir, "shop", "runs", d)):
                own = id_of(struct.pack("<8xqI", *r["time"]), int(d.rpartition("-")[2], 16), r["position"])
                bits = ids.setdefault(r["id"].encode() if "id" in r else own, (r["message"], []))[1]
                bits += [b for b in range(3) if r["mask"] >> b & 1]
        self.assertEqual(sorted(ids.values()), found)
        self.assertEqual((self.writer.written, self.writer.copies, self.writer.dropped), (written, copies, dropped))
        self.assertEqual(self.writer._met, {})  # what is known of a record goes with it

    def test_up_the_tree_as_the_record_is_for_each(self) -> None:
        def user(r: logging.LogRecord) -> bool:
            calls.append(r)
            r.user, r.req["password"] = "kim", "***"
            return True

        calls: List[logging.LogRecord] = []
        self.b.addFilter(user)
        self.c.setLevel(logging.WARNING)
        for h in (self.a, self.b):
            self.log.addHandler(h)
        self.root.addHandler(self.c)
        for level in (logging.WARNING, logging.INFO):
            self.log.log(level, "m", extra={"req": {"password": "hunter2"}})
        self.assertEqual(len(calls), 2)
        calls.clear()
        self.check(2, 3, 0, [("m", [0, 1]), ("m", [0, 1, 2])])
        got = [dict((k, v) for k, _, v in r["attributes"]) for r in read(self.dir)]
        self.assertEqual(["user" in r for r in got], [False, True, True, False, True])
        self.assertEqual([r["req"][0][2] for r in got], ["hunter2", "***", "***", "hunter2", "***"])

    def test_what_changes_in_between_is_seen(self) -> None:
        def changes(r: logging.LogRecord) -> None:
            change(r)

        self.log.addHandler(self.a)
        self.log.addHandler(Acts(changes))
        self.log.addHandler(self.b)
        box: List[int] = [1]
        for extra, args, change, message, want in (
            ({"n": 1}, (), lambda r: setattr(r, "n", True), "m", {"n": True}),
            ({"n": 1}, (), lambda r: setattr(r, "n", 1.0), "m", {"n": 1.0}),
            ({"n": 1}, (), lambda r: setattr(r, "k", 2), "m", {"n": 1, "k": 2}),
            ({"n": 1}, (), lambda r: r.__dict__.update(x=r.__dict__.pop("n")), "m", {"x": 1}),
            ({"n": box}, (), lambda r: r.n.append(2), "m", {"n": "[1,2]"}),
            ({"n": ([],)}, (), lambda r: r.n[0].append(2), "m", {"n": "[[2]]"}),
            ({}, ([],), lambda r: r.args[0].append(2), "[2]", {}),
            ({"n": 1}, (5,), lambda r: None, "5", {"n": 1}),
            ({}, (), lambda r: setattr(r, "msg", "other"), "other", {}),
        ):
            self.log.info("%s" if args else "m", *args, extra=extra)
            first, second = read(self.dir)[-2:]
            got = dict((k, v) for k, _, v in second["attributes"])
            self.assertEqual((second["message"], got), (message, want))
            self.assertEqual([type(v) for v in got.values()], [type(v) for v in want.values()])

    def test_records_that_cross(self) -> None:
        barrier = threading.Barrier(2, timeout=PATIENCE)
        for h in (self.a, Acts(lambda r: barrier.wait()), self.b):
            self.log.addHandler(h)
        threads = [threading.Thread(target=self.log.info, args=(m,)) for m in ("one", "one")]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.check(2, 2, 0, [("one", [0, 1]), ("one", [0, 1])])

    def test_a_handler_that_logs(self) -> None:
        for h in (self.a, Acts(lambda r: r.msg == "outer" and self.log.info("inner")), self.b):
            self.log.addHandler(h)
        self.log.info("outer")
        self.check(2, 2, 0, [("inner", [0, 1]), ("outer", [0, 1])])

    def test_held_back(self) -> None:
        memory = logging.handlers.MemoryHandler(100, logging.ERROR, self.b)
        for h in (self.a, memory):
            self.log.addHandler(h)
        for m in ("one", "two"):
            self.log.info(m)
        memory.close()
        self.check(2, 2, 0, [("one", [0, 1]), ("two", [0, 1])])

    def test_behind_a_queue(self) -> None:
        q: "queue.SimpleQueue[Any]" = queue.SimpleQueue()
        self.log.addHandler(logging.handlers.QueueHandler(q))
        listener = logging.handlers.QueueListener(q, self.a, self.b)
        listener.start()
        self.log.info("one")
        self.log.info("two")
        listener.stop()
        self.check(2, 2, 0, [("one", [0, 1]), ("two", [0, 1])])

    def test_twice_to_one_handler(self) -> None:
        for log in (self.log, self.root):
            for h in (self.a, self.b):
                log.addHandler(h)
        self.log.info("m")
        self.check(2, 2, 0, [("m", [0, 1]), ("m", [0, 1])])

    def test_a_record_without_a_hash(self) -> None:
        for m in ("one", "two"):
            r = NoHash("shop", logging.INFO, "f.py", 1, m, None, None)
            self.a.handle(r)
            self.b.handle(r)
        del r
        self.check(2, 2, 0, [("one", [0, 1]), ("two", [0, 1])])

    def test_dropped(self) -> None:
        def full(is_so: bool) -> None:
            self.writer.close()
            self.writer._again, self.writer._why = float("inf") if is_so else 0.0, "a test"

        between: List[bool] = []
        for h in (self.a, Acts(lambda r: between and full(between.pop())), self.b):
            self.log.addHandler(h)
        full(True)
        self.log.info("by both")
        full(False)
        between.append(True)
        self.log.info("by the second")
        between.append(False)
        self.log.info("by the first")
        self.check(2, 0, 3, [("1 record was dropped: a test", [0, 1, 2]), ("2 records were dropped: a test", [0, 1, 2]), ("by the first", [1]), ("by the second", [0])])


if __name__ == "__main__":
    unittest.main()
