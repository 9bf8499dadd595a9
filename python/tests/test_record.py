"""Records as bytes, against those that the Go code makes."""
import datetime
import decimal
import enum
import json
import logging
import os
import pathlib
import sys
import time
import unittest
from typing import Any, Dict, List, Optional

from girok._record import CUT, MAX_PAYLOAD, Encoder, Redactor, id_of, with_id
from girok._spool import frame, header, page

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "docs"))
import read_spool  # noqa: E402  the reader that is made from the format's page alone

with open(os.path.join(ROOT, "spool", "testdata", "python.json"), encoding="utf-8") as f:
    VECTORS = json.load(f)

MASK = b"\5\0\0\0\0\0\0\0"


def record(level: int, name: str, msg: Any, line: int = 7, args: Any = None, **extra: Any) -> logging.LogRecord:
    r = logging.LogRecord(name, level, "/srv/cart.py", line, msg, args, None, "add")
    r.created = 1_700_000_000.25
    r.__dict__.update(extra)
    return r


def payload(r: logging.LogRecord, redactor: Any = None) -> bytes:
    return MASK + Encoder(redactor).record(r)[0]


def attributes(**extra: Any) -> Dict[str, Any]:
    return {k: v for k, _, v in read_spool.record(0, 0, payload(record(20, "x", "m", **extra)))["attributes"]}


class Vectors(unittest.TestCase):
    def test_plain(self) -> None:
        self.assertEqual(payload(record(30, "shop.cart", "added %d", 300, (2,))).hex(), VECTORS["plain"])

    def test_typed(self) -> None:
        seoul = datetime.timezone(datetime.timedelta(hours=9))
        west = datetime.timezone(-datetime.timedelta(hours=3, minutes=30))
        got = payload(record(20, "MLLogger", "값 é", **{
            "none": None, "no": False, "yes": True, "zero": 0, "minus": -2, "least": -1 << 63, "most": (1 << 63) - 1,
            "unsigned": (1 << 64) - 1, "half": 0.5, "text": "日本\n", "bytes": b"\0\xff",
            "when": datetime.datetime(2026, 11, 26, 1, 2, 3, 456_789, seoul),
            "before": datetime.datetime(1969, 12, 31, 23, 59, 58, 500_000, west),
            "took": datetime.timedelta(milliseconds=-1500), "price": decimal.Decimal("1.10"),
            "list": [1, "x", {"a": decimal.Decimal("2.50")}], "error": ValueError("no"),
            "user": {"name": "Ann", "is": {"vip": True}},
        }))
        self.assertEqual(got.hex(), VECTORS["typed"])
        run, salt = 0x1122334455667788, 0x0123456789ABCDEF
        self.assertEqual(header(1, 8 << 20, 0, run, salt, 1_700_000_000 * 10**9).hex(), VECTORS["header"])
        self.assertEqual(frame(got, salt, 4096).hex(), VECTORS["frame"])
        counters = page(run, 1 << 30)
        self.assertEqual((len(counters), counters[:200].hex(), set(counters[200:])), (8192, VECTORS["counters"], {0}))


class Values(unittest.TestCase):
    def test_subclasses_and_strangers(self) -> None:
        class Colour(enum.IntEnum):
            RED = 3

        class Word(str):
            pass

        class Angry:
            def __str__(self) -> str:
                raise RuntimeError("no")

        got = attributes(a=Colour.RED, b=Word("w"), c={"k": Word("v"), 5: (1, 2)}, d=Angry(), e=datetime.date(2026, 11, 26), f={3, 1}, g=bytearray(b"x"), h="\ud800x", i=2**200)
        self.assertEqual(got, {
            "a": 3, "b": "w", "c": [["k", 6, "v"], ["5", 11, "[1,2]"]], "d": "[Angry, which can't be read: RuntimeError]",
            "e": "2026-11-26", "f": "[1,3]", "g": "78", "h": "?x", "i": str(2**200),
        })

    def test_what_cannot_be_read(self) -> None:
        class Angry(Exception):
            def __str__(self) -> str:
                raise RuntimeError("no")

            __repr__ = __str__

        class Nowhere(datetime.tzinfo):
            def utcoffset(self, of: Optional[datetime.datetime]) -> datetime.timedelta:
                raise RuntimeError("no")

        class Shut(List[int]):
            def __iter__(self) -> Any:
                raise RuntimeError("no")

        angry = "Angry: [Angry, which can't be read: RuntimeError]"
        got = attributes(a=Angry(), b=[Angry()], c=datetime.datetime.min, d=[datetime.datetime.min])
        self.assertEqual((got["a"], got["b"], json.loads(got["d"])[0][:19]), (angry, json.dumps([angry], separators=(",", ":")), "0001-01-01T00:00:00"))
        self.assertLess(got["c"][0], -62_135_500_000)
        got = attributes(a=1, b=datetime.datetime(2026, 11, 26, tzinfo=Nowhere()), c=Shut([1]))
        self.assertEqual(got, {"a": 1, "b": "[datetime, which can't be read: RuntimeError]", "c": "[Shut, which can't be read: RuntimeError]"})
        got = read_spool.record(0, 0, payload(record(20, "x", Angry(), args=(Angry(),))))
        self.assertEqual((got["message"], [k for k, _, _ in got["attributes"]]), ("[Angry, which can't be read: RuntimeError]", ["args", "format_error"]))

    def test_of_other_types(self) -> None:
        for field, value, at, want in (
            ("levelno", 10**10, "level", (1 << 31) - 1), ("levelno", "20", "level", 20), ("levelno", None, "level", 0), ("name", 3, "logger", "3"),
            ("pathname", pathlib.Path("/x"), "file", "/x"), ("funcName", 3, "function", "3"), ("lineno", "3", "line", 3), ("exc_text", 3, "attributes", [["exc_info", 12, "3"]]),
        ):
            with self.subTest(field, value=value):
                r = record(20, "x", "m %s", args=("n",))
                r.__dict__[field] = value
                got = read_spool.record(0, 0, payload(r))
                self.assertEqual((got["message"], got[at]), ("m n", want))
        for created in (float("nan"), float("inf"), 1e300, "x"):
            r = record(20, "x", "m")
            r.__dict__["created"] = created
            self.assertLess(abs(read_spool.record(0, 0, payload(r))["time"][0] - time.time()), 3600)

    def test_not_finite(self) -> None:
        got = attributes(a=[float("nan"), float("-inf")], b=decimal.Decimal("NaN"), c=float("inf"))
        self.assertEqual(got, {"a": '["NaN","-Inf"]', "b": "NaN", "c": float("inf")})

    def test_what_has_no_end(self) -> None:
        loop: Dict[str, Any] = {}
        loop["again"] = [loop, loop]
        wide: Dict[str, Any] = {"x": 1}
        for _ in range(100):
            wide = {"a": wide, "b": wide}
        p = payload(record(20, "x", "m", loop=loop, wide=wide))
        self.assertLessEqual(len(p), MAX_PAYLOAD)
        got = read_spool.record(0, 0, p)
        self.assertEqual([k for k, _, _ in got["attributes"]], ["loop", "wide"])
        self.assertTrue(got["flags"] & CUT)

    def test_too_long(self) -> None:
        p = payload(record(20, "x", "é" * 200_000, **{"a%d" % i: "y" * 200_000 for i in range(8)}))
        self.assertLessEqual(len(p), MAX_PAYLOAD)
        got = read_spool.record(0, 0, p)
        self.assertTrue(got["flags"] & CUT)
        self.assertEqual(got["message"], "é" * 65_536)
        self.assertEqual([k for k, _, _ in got["attributes"]], ["a0", "a1"])

    def test_arguments_that_do_not_fit(self) -> None:
        got = read_spool.record(0, 0, payload(record(20, "x", "n %d", args=("y",))))
        self.assertEqual(got["message"], "n %d")
        self.assertEqual(got["attributes"][0], ["args", 6, "('y',)"])

    def test_error_and_stack(self) -> None:
        try:
            raise KeyError("k")
        except KeyError:
            r = record(40, "x", "m", stack_info="Stack (most recent call last):\n  here")
            r.exc_info = sys.exc_info()
        got = read_spool.record(0, 0, payload(r))["attributes"]
        self.assertEqual([(k, t) for k, t, _ in got], [("exc_info", 12), ("stack_info", 6)])
        self.assertTrue(got[0][2].startswith("Traceback (most recent call last):"))
        self.assertTrue(got[0][2].endswith("KeyError: 'k'"))

    def test_id(self) -> None:
        rest, at = Encoder().record(record(20, "x", "m", n=1))
        got = read_spool.record(0, 0, MASK + with_id(rest, at, id_of(rest, 3, 4096)))
        self.assertEqual((len(got["id"]), got["message"], got["attributes"]), (26, "m", [["n", 3, 1]]))


class Redacting(unittest.TestCase):
    def test_at_any_depth(self) -> None:
        r = record(20, "x", "m", Password="p", user={"api_token": "t", "name": "Ann", "all": [{"password": 1, "n": 2}]})
        for way, want in {
            "mask": [["Password", 6, "***"], ["user", 10, [["api_token", 6, "***"], ["name", 6, "Ann"], ["all", 11, '[{"password":"***","n":2}]']]]],
            "drop": [["user", 10, [["name", 6, "Ann"], ["all", 11, '[{"n":2}]']]]],
        }.items():
            got = read_spool.record(0, 0, payload(r, Redactor(["password", "*TOKEN*"], way)))
            self.assertEqual(got["attributes"], want)
        hashed = read_spool.record(0, 0, payload(r, Redactor(["password"], "hash")))["attributes"][0][2]
        self.assertEqual(hashed, "sha256:148de9c5a7a44d19")


if __name__ == "__main__":
    unittest.main()
