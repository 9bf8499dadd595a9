"""girok.serve, and the wheel."""
import os
import signal
import subprocess
import sys
import unittest
import zipfile

from .support import PACKAGE, PROGRAM, child, environment, folder, needs_program, rows, runs, until, write

CONFIG = """
version: 1
service: shop
handlers: {warehouse: {class: sqlite, path: shop.db, table: logs, create: true}}
root: {level: INFO, handlers: [warehouse]}
spool: {dir: spool}
"""

SERVED = """
import logging, os, signal, sys
import girok
girok.dictConfig("config.yaml")
first = girok.serve("config.yaml", stay=sys.argv[1] == "stay")
print(first.process.pid if first else None, girok.serve("config.yaml"))
logging.info("m")
sys.stdout.flush()
if sys.argv[1] == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
"""


def alive(pid: int) -> bool:
    try:
        with open("/proc/%d/stat" % pid) as f:
            return f.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


@needs_program
class Serving(unittest.TestCase):
    def test_ends_with_the_process_that_started_it(self) -> None:
        assert PROGRAM
        with folder() as d:
            write(os.path.join(d, "config.yaml"), CONFIG)
            done = child(SERVED, d, "end", GIROK_PROGRAM=PROGRAM)
            self.assertEqual(done.returncode, 0, done.stderr)
            pid, second = done.stdout.split()
            self.assertEqual(second, "None")
            self.assertFalse(alive(int(pid)))

    def test_goes_on_when_it_is_killed(self) -> None:
        assert PROGRAM
        for how in ("killed", "stay"):
            with self.subTest(how), folder() as d:
                write(os.path.join(d, "config.yaml"), CONFIG)
                p = subprocess.run([sys.executable, "-c", SERVED, how], cwd=d, env=environment(GIROK_PROGRAM=PROGRAM), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
                self.assertEqual(p.returncode, -signal.SIGKILL if how == "killed" else 0)
                pid = int(p.stdout.split()[0])
                try:
                    until(lambda: rows(d, "select message from logs") == [{"message": "m"}], "the record is in the table")
                    until(lambda: len(runs(os.path.join(d, "spool"), "shop")) <= 1, "only its own run is left")
                    # As long as it lives nobody else starts one.
                    again = child("import girok; print(girok.serve('config.yaml'))", d, GIROK_PROGRAM=PROGRAM)
                    self.assertEqual(again.stdout, "None\n", again.stderr)
                finally:
                    os.kill(pid, signal.SIGTERM)
                    until(lambda: not alive(pid), "the program has ended")

    def test_without_the_program(self) -> None:
        with folder() as d:
            write(os.path.join(d, "config.yaml"), CONFIG)
            done = child("import girok; girok.serve('config.yaml')", d, GIROK_PROGRAM="", PATH="/nonexistent")
            self.assertIn("there is no program girok here", done.stderr)

    def test_wheel(self) -> None:
        assert PROGRAM
        with folder() as d:
            built = subprocess.run([sys.executable, os.path.join(PACKAGE, "build_wheel.py"), d], env=environment(GIROK_PROGRAM=PROGRAM), stdout=subprocess.PIPE, text=True, check=True)
            path = built.stdout.strip()
            self.assertRegex(os.path.basename(path), r"^girok-[0-9.]+-py3-none-\w+\.whl$")
            subprocess.run([sys.executable, "-m", "zipfile", "-t", path], check=True, stdout=subprocess.DEVNULL)
            with zipfile.ZipFile(path) as z:
                names = z.namelist()
                self.assertEqual(z.getinfo("girok/bin/girok").external_attr >> 16 & 0o777, 0o755)
                record = z.read(next(n for n in names if n.endswith("/RECORD"))).decode()
            self.assertEqual(sorted(line.split(",")[0] for line in record.splitlines()), sorted(names))
            self.assertTrue({"girok/__init__.py", "girok/py.typed"} <= set(names), names)


if __name__ == "__main__":
    unittest.main()
