#!/usr/bin/env python3
"""Configures logging from a file and makes the calls of calls.json, at fixed times.

    python3 play.py CONFIG CALLS        writes into the current folder
"""
import json
import logging
import sys

import girok

START = 1_700_000_000


def main() -> None:
    girok.dictConfig(sys.argv[1])
    with open(sys.argv[2], encoding="utf-8") as f:
        calls = json.load(f)
    for n, c in enumerate(calls):
        log = logging.getLogger(c["logger"] or None)
        if log.isEnabledFor(c["level"]):
            r = log.makeRecord(log.name, c["level"], "shop.py", 1, c["message"], (), None, "call", c["extra"])
            r.created = START + n + 0.25
            r.msecs = 250.0
            log.handle(r)


if __name__ == "__main__":
    main()
