"""What the tests that deliver share: the program, its spool, and questions to its database."""
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
from typing import Any, Callable, Dict, Iterator, List, Set

HERE = os.path.dirname(os.path.abspath(__file__))
PACKAGE = os.path.dirname(HERE)
PROGRAM = os.environ.get("GIROK_PROGRAM") or shutil.which("girok")
PATIENCE = 300.0  # seconds; only something that is broken takes so long

needs_program = unittest.skipUnless(PROGRAM, "NOT TESTED, needs $GIROK_PROGRAM: delivery of what Python wrote")


def environment(**more: str) -> Dict[str, str]:
    """The environment of a child that imports the package from here."""
    return {**os.environ, "PYTHONPATH": PACKAGE, **more}


@contextlib.contextmanager
def folder() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="girok-python-") as d:
        yield d


def write(path: str, text: str) -> str:
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return path


def child(code: str, dir: str, *args: str, **more: str) -> "subprocess.CompletedProcess[str]":
    """Runs Python code in a folder."""
    return subprocess.run([sys.executable, "-c", code, *args], cwd=dir, env=environment(**more), capture_output=True, text=True, timeout=PATIENCE)


def deliverer(spool: str) -> "subprocess.Popen[bytes]":
    assert PROGRAM
    return subprocess.Popen([PROGRAM, "run", "--spool", spool], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def rows(dir: str, sql: str) -> List[Dict[str, Any]]:
    """What the program says to a question; nothing while there is no table."""
    assert PROGRAM
    out = subprocess.run([PROGRAM, "query", "-c", os.path.join(dir, "config.yaml"), "--format", "json", sql], capture_output=True, text=True, timeout=PATIENCE)
    return json.loads(out.stdout) if out.stdout else []


def until(done: Callable[[], bool], what: str) -> None:
    """Waits until something is so."""
    end = time.monotonic() + PATIENCE
    while not done():
        if time.monotonic() > end:
            raise AssertionError("after %d s still not: %s" % (PATIENCE, what))
        time.sleep(0.1)


def runs(spool: str, service: str) -> Set[str]:
    """The runs that are there."""
    return {d for d in os.listdir(os.path.join(spool, service, "runs")) if not d.startswith(".")}


def deliver(spool: str, service: str) -> None:
    """Delivers all runs that are there, to the last record."""
    left = runs(spool, service)
    p = deliverer(spool)
    try:
        until(lambda: not left & runs(spool, service), "all runs are delivered and removed")
    except AssertionError as e:
        assert PROGRAM
        waits = subprocess.run([PROGRAM, "spool", "ls", "-d", spool], capture_output=True, text=True)
        raise AssertionError("%s\n%s%s" % (e, waits.stdout, waits.stderr)) from None
    finally:
        p.terminate()
        p.wait()
