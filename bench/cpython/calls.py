"""Logs as it is told on standard input, one number of calls a line, by a
configuration and in one shape of call, and tells the nanoseconds a call of each
chunk of them, one line of JSON each time."""
import json
import logging
import logging.config
import sys
import time

import yaml

with open(sys.argv[1]) as f:
    logging.config.dictConfig(yaml.safe_load(f))
shape, chunk = sys.argv[2], int(sys.argv[3])
log = logging.getLogger("shop.orders.checkout.card" if shape == "tree" else "shop")
extra = {"user": "kim.minji@example.org", "order": 7, "amount": 129.95, "gift": True, "took": 1500000}


def attributes(n):
    for _ in range(n):
        log.info("order placed", extra=extra)


def bare(n):
    for _ in range(n):
        log.info("order placed")


def below(n):
    for _ in range(n):
        log.debug("order placed")


calls = {"json": attributes, "text": bare, "tree": bare, "disabled": below}[shape]
for line in sys.stdin:
    left, times = int(line), []
    while left > 0:
        n = min(left, chunk)
        left -= n
        start = time.perf_counter_ns()
        calls(n)
        times.append((time.perf_counter_ns() - start) / n)
    print(json.dumps(times), flush=True)
