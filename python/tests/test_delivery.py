"""What a process wrote is delivered, once, whatever became of it."""
import http.server
import os
import signal
import threading
import unittest
from typing import List
from urllib.parse import parse_qs

from .support import child, deliver, folder, needs_program, rows, runs, write

CONFIG = """
version: 1
service: shop
handlers:
  warehouse: {class: sqlite, path: shop.db, table: logs, create: true, columns: {level: levelname, message: message, n: {from: attr.n, type: int}, price: {from: attr.price, type: float}, at: {from: attr.at, type: timestamp}}}
  errors: {class: file, filename: errors.log, spooled: true, level: ERROR, formatter: line}
formatters:
  line: {format: "$levelname ${name} ${funcName} $message", style: "$"}
loggers:
  shop: {level: INFO, handlers: [warehouse, errors]}
spool: {dir: spool}
"""

KILLED = """
import logging, os, signal, sys, threading
import girok
girok.dictConfig("config.yaml")
log = logging.getLogger("shop.cart")
def work(first):
    for n in range(first, first + 250):
        log.info("added", extra={"n": n})
threads = [threading.Thread(target=work, args=(i * 250,)) for i in range(4)]
for t in threads: t.start()
for t in threads: t.join()
if os.fork() == 0:
    work(1000)
    if os.fork() == 0:
        work(1250)
        os.kill(os.getpid(), signal.SIGKILL)
    os.wait()
    os.kill(os.getpid(), signal.SIGKILL)
os.wait()
work(1500)
print(girok.stats()["written"], flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""

TYPED = """
import datetime, decimal, logging
import girok
girok.dictConfig("config.yaml")
log = logging.getLogger("shop")
def pay():
    log.error("paid %s", "kim", extra={"n": 7, "price": decimal.Decimal("9.50"), "at": datetime.datetime(2026, 11, 26, 9, tzinfo=datetime.timezone(datetime.timedelta(hours=9))), "user": {"vip": True, "tags": ["a", 1]}})
pay()
log.debug("below the level")
girok.dictConfig("config.yaml")
try:
    1 / 0
except ZeroDivisionError:
    log.exception("failed")
"""

SECRET = """
handlers:
  web: {credentials: [kim, hunter2]}
"""

NETWORK = """
extends: secret/base.yaml
version: 1
service: shop
formatters:
  line: {format: "%%(levelname)s %%(message)s"}
handlers:
  web: {class: logging.handlers.HTTPHandler, host: "127.0.0.1:%d", url: /log, method: POST, spooled: true, batch: {age: 10ms}}
  mail: {class: logging.handlers.SMTPHandler, mailhost: [127.0.0.1, 1], fromaddr: a@b, toaddrs: [c@d], subject: s, level: CRITICAL, formatter: line, spooled: true}
root: {level: INFO, handlers: [web, mail]}
spool: {dir: spool}
"""

SENT = """
import logging, os, signal
import girok
girok.dictConfig("config.yaml")
for n in range(3):
    logging.getLogger("shop").info("sent %d", n)
os.kill(os.getpid(), signal.SIGKILL)
"""


class Web(http.server.BaseHTTPRequestHandler):
    """Takes what an HTTPHandler sends."""

    got: List[str] = []

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        Web.got.append("%s %s" % (form["msg"][0], self.headers["Authorization"]))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


@needs_program
class Delivery(unittest.TestCase):
    def test_killed_and_forked(self) -> None:
        with folder() as d:
            write(os.path.join(d, "config.yaml"), CONFIG)
            done = child(KILLED, d)
            self.assertEqual((done.returncode, done.stdout), (-signal.SIGKILL, "1250\n"), done.stderr)
            spool = os.path.join(d, "spool")
            self.assertEqual(len(runs(spool, "shop")), 3)
            deliver(spool, "shop")
            got = rows(d, "select n, count(*) as times from logs group by n")
            self.assertEqual({r["n"]: r["times"] for r in got}, {n: 1 for n in range(1750)})

    def test_types_and_a_second_configuration(self) -> None:
        with folder() as d:
            write(os.path.join(d, "config.yaml"), CONFIG)
            done = child(TYPED, d)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            spool = os.path.join(d, "spool")
            deliver(spool, "shop")
            got = rows(d, "select level, message, n, price, at, json_extract(attributes, '$.user.tags[1]') as tag from logs order by message desc")
            self.assertEqual(got[0], {"level": "ERROR", "message": "paid kim", "n": 7, "price": 9.5, "at": "2026-11-26T00:00:00.000000Z", "tag": 1})
            self.assertEqual((len(got), got[1]["message"]), (2, "failed"))
            with open(os.path.join(d, "errors.log"), encoding="utf-8") as f:
                lines = f.read().splitlines()
            self.assertEqual(lines[:2], ["ERROR shop pay paid kim", "ERROR shop <module> failed"])
            self.assertEqual((lines[2], lines[-1]), ("Traceback (most recent call last):", "ZeroDivisionError: division by zero"))

    def test_a_spooled_handler_of_a_network(self) -> None:
        server = http.server.HTTPServer(("127.0.0.1", 0), Web)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with folder() as d:
            write(os.path.join(d, "config.yaml"), NETWORK % server.server_port)
            os.mkdir(os.path.join(d, "secret"))
            write(os.path.join(d, "secret", "base.yaml"), SECRET)
            done = child(SENT, d)
            self.assertEqual(done.returncode, -signal.SIGKILL, done.stderr)
            spool = os.path.join(d, "spool")
            for place, _, files in os.walk(spool):
                for name in files:
                    with open(os.path.join(place, name), "rb") as f:
                        self.assertNotIn(b"hunter2", f.read(), name)
            deliver(spool, "shop")
            self.assertEqual(Web.got, ["sent %d Basic a2ltOmh1bnRlcjI=" % n for n in range(3)])
        server.shutdown()
        server.server_close()


if __name__ == "__main__":
    unittest.main()
