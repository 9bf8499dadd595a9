"""What becomes of a config.yaml."""
import builtins
import decimal
import gc
import importlib.util
import io
import json
import logging
import logging.config
import os
import re
import unittest
from typing import Any, Dict, List, Tuple
from unittest import mock

import girok
from girok._config import KINDS

from .support import PACKAGE, folder, runs, write


def handlers_of(spool: str, service: str) -> Dict[str, Dict[str, Any]]:
    """The handlers that the only run was written for, by name."""
    (run,) = runs(spool, service)
    with open(os.path.join(spool, service, "runs", run, "config"), encoding="utf-8") as f:
        config = json.load(f)
    return {"": config, **{h["name"]: h for h in config["handlers"]}}


class Configuring(unittest.TestCase):
    def setUp(self) -> None:
        nothing = {"version": 1, "disable_existing_loggers": False}  # Python 3.9 does not enable them again
        logging.config.dictConfig(nothing)
        self.addCleanup(logging.config.dictConfig, nothing)

    def configured(self, config: Any) -> List[str]:
        """Configures, and gives what is said of it on standard error."""
        with mock.patch("sys.stderr", io.StringIO()) as told:
            girok.dictConfig(config)
        return [line for line in told.getvalue().splitlines() if line.startswith("girok: ")]

    def test_secrets_stay_where_they_are(self) -> None:
        with folder() as d:
            file = write(os.path.join(d, "c#1.json"), json.dumps({
                "version": 1, "service": "${SERVICE:-shop}", "timezone": "Asia/Seoul",
                "handlers": {
                    "p": {"class": "postgres", "host": "${DB_HOST}", "password": "pa$$word", "dsn": "${DSN}", "table": "logs", "batch": {"age": "2s"}},
                    "q": {"class": "postgres", "password": "${file:key.txt}", "table": "t"},
                    "k": {"class": "kafka", "api_token": "t0p", "topic": "logs"},
                },
                "root": {"level": "INFO", "handlers": ["p", "q", "k"]}, "spool": {"dir": "spool"},
            }))
            with mock.patch.dict(os.environ, DB_HOST="db.example.org", DSN="never"):
                girok.dictConfig(file)
            logging.getLogger("x").info("m")
            got = handlers_of(os.path.join(d, "spool"), "shop")
            self.assertEqual(got["p"]["keys"], {
                "class": "postgres", "host": "db.example.org", "password": "${key:%s/c%%231.json#/handlers/p/password}" % d,
                "dsn": "${DSN}", "table": "logs", "batch": {"age": "2s"},
            })
            self.assertEqual(got["q"]["keys"]["password"], "${file:%s/key.txt}" % d)
            self.assertEqual(got["k"]["keys"]["api_token"], "${key:%s/c%%231.json#/handlers/k/api_token}" % d)
            self.assertEqual((got[""]["timezone"], got[""]["dir"]), ("Asia/Seoul", d))
            with self.assertRaisesRegex(ValueError, r"handlers.p.password: is not stored"):
                girok.dictConfig({"version": 1, "handlers": {"p": {"class": "postgres", "password": "x"}}})

    def test_which_keys_are_secret(self) -> None:
        with open(os.path.join(os.path.dirname(PACKAGE), "docs", "config.md"), encoding="utf-8") as f:
            sections = re.split(r"^## ", f.read(), flags=re.MULTILINE)
        known = dict.fromkeys(KINDS, ())
        for s in sections:
            m = re.match(r"handlers\.&lt;name>, class: ([\w.]+)(?:, spooled: true)?\n", s)
            if m and m.group(1) in KINDS:
                known[m.group(1)] = tuple(re.findall(r"^\| `(\w+)` \| a (?:list of values, each a )?secret", s, re.MULTILINE))
        self.assertEqual(known, KINDS)

    def test_python_keeps_its_own(self) -> None:
        out = io.StringIO()
        made: List[Tuple[str, int]] = []

        class Mine(logging.NullHandler):
            def __init__(self, colour: str, size: int) -> None:
                super().__init__()
                made.append((colour, size))

        with folder() as d:
            said = self.configured({
                "version": 1, "disable_existing_loggers": False, "service": "shop",
                "formatters": {"j": {"class": "json"}, "s": {"format": "%(levelname)s %(message)s"}},
                "filters": {"odd": {"()": lambda: lambda r: r.n % 2 == 1}},
                "handlers": {
                    "c": {"class": "console", "stream": out, "formatter": "j", "mode": "drop"},
                    "f": {"class": "file", "filename": os.path.join(d, "made", "f.log"), "formatter": "s"},
                    "mine": {"()": Mine, "colour": "red", "size": 3},
                    "s": {"class": "logging.StreamHandler", "stream": out, "mode": "drop", "level": "CRITICAL"},
                    "r": {"class": "logging.handlers.RotatingFileHandler", "filename": os.path.join(d, "r.log"), "compress": "gzip", "max_age": "7d"},
                    "w": {"class": "sqlite", "path": "cfg://extra.path", "table": "t", "filters": ["odd"], "level": "WARNING"},
                },
                "extra": {"path": "x.db"},
                "loggers": {"shop": {"level": "INFO", "handlers": ["c", "f", "mine", "w"], "propagate": False}},
                "spool": {"dir": d},
            })
            self.assertEqual([line.split(" has no effect in Python: ")[0] for line in said], ["girok: handlers.%s" % k for k in ("c.mode", "s.mode", "r.compress", "r.max_age")])
            log = logging.getLogger("shop")
            for n in range(4):
                log.log(logging.WARNING if n else logging.INFO, "m", extra={"n": n, "t": (1, None)})
            self.assertEqual(made, [("red", 3)])
            lines = [json.loads(line) for line in out.getvalue().splitlines()]
            self.assertEqual([(r["msg"], r["n"], r["t"]) for r in lines], [("m", n, [1, None]) for n in range(4)])
            with open(os.path.join(d, "made", "f.log"), encoding="utf-8") as f:
                self.assertEqual(f.read(), "INFO m\n" + "WARNING m\n" * 3)
            self.assertEqual(handlers_of(d, "shop")["w"]["keys"]["path"], "x.db")
            self.assertEqual([type(h).__name__ for h in log.handlers].count("Handler"), 1)

    def test_lines_of_girok(self) -> None:
        out = {"l": io.StringIO(), "c": io.StringIO()}
        girok.dictConfig({
            "version": 1, "disable_existing_loggers": False,
            "formatters": {"l": {"class": "logfmt"}, "c": {"class": "console"}, "unused": {"class": "gcp"}},
            "handlers": {name: {"class": "console", "stream": out[name], "formatter": name} for name in out},
            "loggers": {"shop": {"level": "INFO", "handlers": ["l", "c"], "propagate": False}},
        })
        log = logging.getLogger("shop")
        log.info("placed %s\n", "it", extra={"user": "kim lee", "n": 3, "req": {"method": "GET", "d": decimal.Decimal("1.20")}, "none": None})
        try:
            raise ValueError("no")
        except ValueError:
            log.exception("failed")
        lines = out["l"].getvalue().splitlines()
        self.assertRegex(lines[0], r'^time=\S+T\S+ level=INFO logger=shop msg="placed it\\n" user="kim lee" n=3 req.method=GET req.d=1.20 none=null$')
        self.assertRegex(lines[1], r'^time=\S+ level=ERROR logger=shop msg=failed error="Traceback .*\\nValueError: no"$')
        lines = out["c"].getvalue().splitlines()
        self.assertRegex(lines[0], r'^\d\d:\d\d:\d\d\.\d{3} INFO  shop: placed it\\n {2,}user="kim lee" n=3 req.method=GET req.d=1.20 none=null$')
        self.assertRegex(lines[1], r"^\S+ ERROR shop: failed$")
        self.assertEqual((lines[2], lines[-1]), ("    Traceback (most recent call last):", "    ValueError: no"))

    def test_redact_in_lines_of_girok(self) -> None:
        class Of:
            def __str__(self) -> str:
                return "s3cret"

        for way, shown in (("mask", "***"), ("hash", "sha256:"), ("drop", "")):
            out = {kind: io.StringIO() for kind in ("json", "logfmt", "console")}
            girok.dictConfig({
                "version": 1, "disable_existing_loggers": False, "redact": {"keys": ["*password", "m*"], "with": way},
                "formatters": {kind: {"class": kind} for kind in out},
                "handlers": {kind: {"class": "console", "stream": out[kind], "formatter": kind} for kind in out},
                "loggers": {"hides": {"level": "INFO", "handlers": list(out), "propagate": False}},
            })
            extra = {"Password": Of(), "user": {"db_password": "s3cret", "in": [{"password": "s3cret", "n": 1}]}}
            logging.getLogger("hides").info("said", extra=extra)
            for kind, o in out.items():
                with self.subTest(way, kind=kind):
                    self.assertNotIn("s3cret", o.getvalue())
                    self.assertEqual(o.getvalue().count(shown) if shown else 3 * ("assword" not in o.getvalue()), 3, o.getvalue())
                    self.assertIn("said", o.getvalue())  # a key of the line's own is not hidden
            self.assertEqual(extra["user"]["db_password"], "s3cret")  # nor is what the application has

    def test_counts_outlive_a_configuration(self) -> None:
        with folder() as d:
            config = {
                "version": 1, "service": "shop", "handlers": {"w": {"class": "sqlite", "path": "x.db", "table": "t"}},
                "root": {"level": "INFO", "handlers": ["w"]}, "spool": {"dir": d},
            }
            before = girok.stats()["written"]
            for n in range(3):
                girok.dictConfig(config)
                gc.collect()
                logging.info("m")
                self.assertEqual(girok.stats()["written"], before + n + 1)

    def test_mistakes(self) -> None:
        for config, said in (
            ({"version": 1, "handlers": []}, "handlers: want a mapping"),
            ({"version": 1, "service": "a/b", "handlers": {"w": {"class": "sqlite"}}}, "service: want letters"),
            ({"version": 1, "handlers": {"w": {"class": "sqlite", "path": "${NO_SUCH}"}}}, r"handlers.w.path: the variable NO_SUCH is not set"),
            ({"version": 1, "handlers": {"w": {"class": "sqlite"}}, "spool": {"max_bytes": "much"}}, "spool.max_bytes: want a size"),
            ({"version": 1, "handlers": {"w": {"class": "file", "spooled": True, "filename": "x", "formatter": "no"}}}, "there is no formatter 'no'"),
            ({"version": 1, "handlers": {"w": {"class": "sqlite"}}, "redact": {"keys": ["a"], "with": "hide"}}, "redact.with: want mask"),
            ({"version": 1, "handlers": {"w": {"class": "no.such.Handler"}}}, "Unable to configure handler 'w'"),
            ({"version": 1, "formatters": {"e": {"class": "ecs"}}, "handlers": {"c": {"class": "console", "formatter": "e"}}}, "handlers.c.formatter: class: ecs is for spooled files"),
            ({"version": 1, "handlers": {"f": {"class": "file", "filename": "x", "rotate": {"bytes": "1MB"}}}}, r"handlers.f.rotate: class: file, written in the call, puts no file aside; want class: file with spooled: true and rotate, or class: logging.handlers.Rotating"),
            ({"version": 1, "handlers": {"f": {"class": "logging.FileHandler", "filename": "x", "spooled": False, "max_age": "7d"}}}, "handlers.f.max_age: class: logging.FileHandler, .* puts no file aside"),
            ({"version": 1, "handlers": {"f": {"class": "logging.handlers.WatchedFileHandler", "filename": "x", "compress": "gzip"}}}, "handlers.f.compress: .* puts no file aside"),
            ({"version": 1, "handlers": {"f": {"()": "logging.handlers.RotatingFileHandler", "filename": "x", "rotate": {}}}}, "handlers.f.rotate: .* has maxBytes or when"),
            ({"version": 1, "handlers": {"f": {"class": "file", "filename": "x", "sync": True}}}, "handlers.f.sync: .* only with spooled: true"),
            ({"version": 1, "handlers": {"h": {"class": "logging.handlers.HTTPHandler", "host": "h", "url": "/", "batch": {"age": "1s"}}}}, "handlers.h.batch: .* only with spooled: true"),
            ({"version": 1, "handlers": {"c": {"class": "console", "spooled": True}}}, "handlers.c.spooled: class: console is written in the call"),
            ({"version": 1, "handlers": {"r": {"class": "logging.handlers.RotatingFileHandler", "filename": "x", "spooled": True}}}, "handlers.r.spooled: .* want class: file"),
            ({"version": 1, "handlers": {"f": {"class": "file", "filename": "x", "spooled": "perhaps"}}}, "handlers.f.spooled: want true or false, got 'perhaps'"),
            ({"version": 1, "handlers": {"w": {"class": "sqlite", "accepts": ["logs"]}}}, r"handlers.w.accepts: want a list of log, event, row, metric, span, got \['logs'\]"),
            ({"version": 2}, "Unsupported version"),
        ):
            with self.subTest(said), self.assertRaisesRegex(ValueError, said):
                girok.dictConfig(config)

    def test_without_effect(self) -> None:
        """What only programs in Go do is said with its place and a remedy, and the file works."""
        with folder() as d:
            file = write(os.path.join(d, "c.json"), json.dumps({
                "version": 1, "disable_existing_loggers": False,
                "handlers": {
                    "r": {"class": "logging.handlers.RotatingFileHandler", "filename": os.path.join(d, "r.log"), "maxBytes": 100, "backupCount": 2, "compress": "gzip"},
                    "t": {"class": "logging.handlers.TimedRotatingFileHandler", "filename": os.path.join(d, "t.log"), "when": "D", "max_age": "7d"},
                    "n": {"class": "logging.handlers.RotatingFileHandler", "filename": os.path.join(d, "n.log"), "maxBytes": 100, "backupCount": 2},
                },
                "root": {"level": "INFO", "handlers": ["r", "t"]},
            }))
            remedy = "; want class: file with spooled: true and rotate, which Python and Go have"
            self.assertEqual(self.configured(file), [
                "girok: %s: handlers.r.compress has no effect in Python: files that were put aside are not compressed%s" % (file, remedy),
                "girok: %s: handlers.t.max_age has no effect in Python: files that were put aside go by backupCount, whatever their age%s" % (file, remedy),
            ])
            for _ in range(4):
                logging.info("x" * 60)
            logging.config.dictConfig({"version": 1})
            self.assertEqual(sorted(os.listdir(d)), ["c.json", "n.log", "r.log", "r.log.1", "r.log.2", "t.log"])

    def test_accepts(self) -> None:
        out = {name: io.StringIO() for name in ("events", "none", "some")}
        with folder() as d:
            girok.dictConfig({
                "version": 1, "service": "shop",
                "handlers": {
                    "events": {"class": "console", "stream": out["events"], "accepts": ["event"]},
                    "none": {"class": "console", "stream": out["none"], "accepts": []},
                    "some": {"class": "logging.StreamHandler", "stream": out["some"], "accepts": ["row", "log"]},
                    "t": {"class": "sqlite", "path": "x.db", "table": "t", "accepts": ["log"]},
                    "u": {"class": "sqlite", "path": "x.db", "table": "u", "accepts": ["metric"]},
                },
                "root": {"level": "INFO", "handlers": ["events", "none", "some", "t", "u"]}, "spool": {"dir": d},
            })
            logging.info("m")
            self.assertEqual({name: o.getvalue() for name, o in out.items()}, {"events": "", "none": "m\n", "some": "m\n"})
            self.assertEqual([h["name"] for h in handlers_of(d, "shop")[""]["handlers"]], ["t"])

    def test_spooled_as_a_text(self) -> None:
        for text, spooled in (("true", True), ("${NO_SUCH:-true}", True), ("false", False)):
            with self.subTest(text), folder() as d:
                girok.dictConfig({
                    "version": 1, "service": "shop", "handlers": {"f": {"class": "file", "filename": os.path.join(d, "f.log"), "spooled": text}},
                    "root": {"level": "INFO", "handlers": ["f"]}, "spool": {"dir": os.path.join(d, "spool")},
                })
                logging.info("m")
                self.assertEqual(os.path.exists(os.path.join(d, "spool")), spooled)
                self.assertEqual(os.path.exists(os.path.join(d, "f.log")), not spooled)

    @unittest.skipUnless(importlib.util.find_spec("yaml"), "NOT TESTED, needs PyYAML: references in YAML")
    def test_references(self) -> None:
        with folder() as d, mock.patch.dict(os.environ, LOGS=os.path.join(d, "logs"), LEVEL="INFO", MOST="100", NAME="7"):
            os.mkdir(os.path.join(d, "base"))
            os.mkdir(os.path.join(d, "logs"))
            write(os.path.join(d, "base", "table"), "logs_of\n")
            write(os.path.join(d, "base", "b.yaml"), """
handlers:
  p: {class: postgres, password: hunter2, table: "${file:table}_${NAME}", host: "$${h}", port: "${NAME}"}
""")
            file = write(os.path.join(d, "c.yaml"), """
extends: base/b.yaml
version: 1
disable_existing_loggers: false
service: shop
formatters:
  dollar: {format: "${levelname} $message", style: "$"}
filters:
  some: {name: "${SOME:-named}"}
handlers:
  p: {level: "${LEVEL}"}
  f: {class: file, filename: "${LOGS}/f.log", formatter: dollar, filters: [some]}
  s: {class: file, filename: "${LOGS}/s.log", formatter: dollar, spooled: true, rotate: {bytes: 1MB}}
  r:
    class: logging.handlers.RotatingFileHandler
    filename: ${LOGS}/r.log
    maxBytes: ${MOST}
    backupCount: 1
    delay: ${DELAY:-true}
root: {level: "${LEVEL}", handlers: [f, r, s, p]}
spool: {dir: spool, max_bytes: "${ROOM:-64MiB}"}
""")
            girok.dictConfig(file)
            for _ in range(2):
                logging.getLogger("named.here").info("x" * 60)
            logging.getLogger("other").info("m")
            logging.debug("below")
            got = handlers_of(os.path.join(d, "spool"), "shop")
            self.assertEqual(got["p"]["keys"], {
                "class": "postgres", "password": "${key:%s/base/b.yaml#/handlers/p/password}" % d, "table": "logs_of_7", "host": "${h}", "port": "7", "level": "INFO",
            })
            self.assertEqual(got["s"]["keys"]["formatter"], {"format": "${levelname} $message", "style": "$"})
            with open(os.path.join(d, "logs", "f.log"), encoding="utf-8") as f:
                self.assertEqual(f.read(), ("INFO " + "x" * 60 + "\n") * 2)
            self.assertEqual(sorted(os.listdir(os.path.join(d, "logs"))), ["f.log", "r.log", "r.log.1"])

    def test_extends(self) -> None:
        with folder() as d:
            write(os.path.join(d, "base.json"), json.dumps({"version": 1, "service": "shop", "handlers": {"w": {"class": "sqlite", "path": "a.db", "table": "t"}}, "spool": {"dir": "spool"}}))
            girok.dictConfig(write(os.path.join(d, "c.json"), json.dumps({"extends": "base.json", "handlers": {"w": {"path": "b.db"}}, "root": {"level": "INFO", "handlers": ["w"]}})))
            logging.info("m")
            self.assertEqual(handlers_of(os.path.join(d, "spool"), "shop")["w"]["keys"], {"class": "sqlite", "path": "b.db", "table": "t"})

    def test_without_pyyaml(self) -> None:
        real = builtins.__import__

        def without(name: str, *args: Any, **keys: Any) -> Any:
            if name == "yaml":
                raise ImportError(name)
            return real(name, *args, **keys)

        with folder() as d, mock.patch("builtins.__import__", without):
            with self.assertRaisesRegex(ImportError, "YAML is read by PyYAML, which is not installed"):
                girok.dictConfig(write(os.path.join(d, "c.yaml"), "version: 1\n"))

    def test_the_logger_of_the_source(self) -> None:
        with folder() as d:
            base = {"version": 1, "service": "ml", "handlers": {"console": {"class": "logging.NullHandler"}}, "loggers": {"MLLogger": {"level": "INFO", "handlers": ["console"]}}, "spool": {"dir": "spool"}}
            file = write(os.path.join(d, "c.json"), json.dumps(base))
            log = girok.get_ml_logger(file, None, None)
            log.info("without a key")
            self.assertFalse(os.path.exists(os.path.join(d, "spool")))
            log = girok.get_ml_logger(file, os.path.join(d, "key.json"), "project.online_serving_logs.mask_classification")
            self.assertEqual(log.name, "MLLogger")
            log.info("hello world")
            got = handlers_of(os.path.join(d, "spool"), "ml")["bigquery"]
            self.assertEqual((got["class"], got["keys"]["key_file"], got["keys"]["table"]), ("bigquery", d + "/key.json", "project.online_serving_logs.mask_classification"))
            with self.assertRaisesRegex(ValueError, "want table_ref"):
                girok.get_ml_logger(file, "key.json", "")


if __name__ == "__main__":
    unittest.main()
