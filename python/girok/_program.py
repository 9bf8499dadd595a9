"""The program girok, which delivers what Python wrote."""
from __future__ import annotations

import atexit
import fcntl
import os
import shutil
import subprocess
import sys
from typing import List, Optional

from ._config import Config, spool_of

_served: List["Server"] = []


def program() -> str:
    """The path of the program: $GIROK_PROGRAM, that of the wheel, or the first in $PATH."""
    inside = os.path.join(os.path.dirname(os.path.abspath(__file__)), "bin", "girok")
    for path in (os.environ.get("GIROK_PROGRAM"), inside if os.access(inside, os.X_OK) else None, shutil.which("girok")):
        if path and os.path.abspath(path) != os.path.abspath(sys.argv[0]):
            return path
    raise FileNotFoundError("there is no program girok here: this package was built without it; set GIROK_PROGRAM to its path")


class Server:
    """A program `girok run --spool DIR` that this process started."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self.process = process
        self._pid = os.getpid()

    def stop(self, patience: float = 10.0) -> None:
        """Lets it deliver what it can and end. Only the process that started it can do that."""
        if os.getpid() != self._pid or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def serve(config: Config, stay: bool = False) -> Optional[Server]:
    """Starts the program that delivers the spool of a configuration, unless it runs already.

    It goes on when this process is killed, and is stopped when it ends (not with
    stay). Nobody starts it again if it dies itself: where that matters, have
    `girok run --spool DIR` run by systemd or as a container of its own, as any
    other program. None means that somebody else's runs.
    """
    spool = spool_of(config)
    os.makedirs(spool, 0o700, exist_ok=True)
    # The program inherits the lock, and holds it as long as it lives.
    lock = os.open(os.path.join(spool, ".serve"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return None
        command = [program(), "run", "--spool", spool]
        server = Server(subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, pass_fds=(lock,), start_new_session=True))
    finally:
        os.close(lock)
    _served.append(server)
    if not stay:
        atexit.register(server.stop)
    return server


def main() -> None:
    """Runs the program in the place of this process."""
    path = program()
    os.execv(path, [path, *sys.argv[1:]])
