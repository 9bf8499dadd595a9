"""Plays cases with CPython's logging: one JSON object a line in, one out.

Each case runs in a process of its own, forked, in an empty folder, with a clock
that the steps set.
"""
import base64
import json
import logging
import logging.config
import logging.handlers
import os
import pickle
import shutil
import struct
import sys
import tempfile
import time
import warnings

import yaml
import pythonjsonlogger.jsonlogger  # noqa: F401, imported once and not in each case

warnings.simplefilter("ignore")
NEW = sys.version_info >= (3, 13)  # which counts in whole nanoseconds
now = 0
step = {}
at = -1
failed = []


def b64(data):
    return base64.b64encode(data).decode()


class Factory:
    """Makes records that say what the step says."""

    def __init__(self, start):
        self.start = start

    def __call__(self, name, level, fn, lno, msg, args, exc_info, func=None, sinfo=None, **kw):
        r = logging.LogRecord(name, level, step["file"], step["line"], msg, args, exc_info, step["func"], step.get("stack"))
        r.process, r.processName = step["process"], step["process_name"]
        r.thread, r.threadName = step["thread"], step["thread_name"]
        # girok has the milliseconds of 3.13, and of before what is counted in floats.
        r.msecs = now // 1_000_000 % 1000 + 0.0
        r.relativeCreated = (now / 1e9 - self.start / 1e9) * 1000
        r.__dict__.pop("taskName", None)
        return r


class Configurator(logging.config.DictConfigurator):
    """Makes a QueueHandler and its listener as 3.12 does."""

    def configure_handler(self, config):
        if config.get("class") != "logging.handlers.QueueHandler":
            return super().configure_handler(config)
        own = {k: config[k] for k in ("queue", "handlers", "listener", "respect_handler_level") if k in config}
        try:
            made = self.queue_handler(own)
        except Exception as e:
            raise ValueError("a QueueHandler") from e
        rest = {k: config[k] for k in config if k not in own and k != "class"}
        rest["()"] = lambda **unknown: made
        return super().configure_handler(rest)

    def queue_handler(self, own):
        q = own.get("queue", "queue.Queue")
        q = self.resolve(q)() if isinstance(q, str) else self.configure_custom(dict(q))
        targets = [self.config["handlers"][name] for name in own["handlers"]]
        if not all(isinstance(t, logging.Handler) for t in targets):
            raise TypeError("target not configured yet")  # which puts it off
        listener = own.get("listener", logging.handlers.QueueListener)
        if isinstance(listener, str):
            listener = self.resolve(listener)
        listeners.append(listener(q, *targets, respect_handler_level=own.get("respect_handler_level", False)))
        return logging.handlers.QueueHandler(q)


logging.config.dictConfigClass = Configurator
listeners = []


def listen():
    """Lets listeners write what waits for them."""
    for listener in listeners:
        listener.start()
        listener.stop()


def handle_error(handler, record):
    e = sys.exc_info()[1]
    failed.append({"step": at, "handler": handler.name, "type": type(e).__name__, "text": str(e)})


def value(v):
    if isinstance(v, list):
        return [value(x) for x in v]
    if isinstance(v, dict):
        if "$float" in v:
            return float(v["$float"])
        if "$bytes" in v:
            return base64.b64decode(v["$bytes"])
        return {k: value(x) for k, x in v.items()}
    return v


def error(e):
    texts = []
    while e is not None:
        texts.append(str(e))
        e = e.__cause__
    return texts


def exception(x):
    if x is None:
        return None
    cls = getattr(__import__("builtins"), x["type"], None)
    if x.get("module"):
        cls = type(x["type"], (Exception,), {"__module__": x["module"]})
    return cls(x["message"]) if x["message"] else cls()


def log(s):
    logging.getLogger(s["logger"]).log(s["level"], s["msg"], *value(s.get("args", [])), exc_info=exception(s.get("exc")), extra=value(s.get("extra")))


def configure(text):
    logging.config.dictConfig(yaml.safe_load(text))


def set_times():
    for path in files():
        if time.clock_gettime(time.CLOCK_REALTIME) - os.stat(path).st_mtime < 3600:
            os.utime(path, ns=(now, now))


def files():
    for folder, _, names in os.walk("."):
        for n in names:
            path = os.path.join(folder, n)
            if os.path.isfile(path):
                yield path


def state(name):
    l = logging.getLogger(name)
    return {
        "level": int(l.level), "effective": int(l.getEffectiveLevel()), "disabled": bool(l.disabled), "propagate": bool(l.propagate) or l is logging.root,
        "handlers": [h.name for h in l.handlers], "levels": [int(h.level) for h in l.handlers], "filters": min(len(l.filters), 1),
        "enabled": [n for n in (5, 10, 20, 25, 30, 40, 50, 60) if l.isEnabledFor(n)],
    }


def play(case):
    global now, step, at
    now = start = case["start"]
    os.environ["TZ"] = case["zone"]
    time.tzset()
    for name, text in case["files"].items():
        with open(name, "w", encoding="utf-8", newline="") as f:
            f.write(text)
        os.utime(name, ns=(start, start))
    for fd, name in ((1, "stdout"), (2, "stderr")):
        f = os.open(os.path.join("..", name), os.O_CREAT | os.O_TRUNC | os.O_RDWR | os.O_APPEND)
        os.dup2(f, fd)
    sys.stdout = sys.__stdout__ = open(1, "w", encoding="utf-8", newline="")
    sys.stderr = sys.__stderr__ = open(2, "w", encoding="utf-8", newline="")
    time.time = lambda: now / 1e9
    time.time_ns = lambda: now
    logging._startTime = start if NEW else start / 1e9
    logging.setLogRecordFactory(Factory(start))
    logging.Handler.handleError = handle_error
    opening = logging.FileHandler._open

    def opened(self):
        there = os.path.exists(self.baseFilename) and self.mode != "w"
        f = opening(self)
        if not there:
            os.utime(self.baseFilename, ns=(now, now))
        return f

    logging.FileHandler._open = opened
    out = {"refused": [], "raised": [], "states": {}}
    for at, step in enumerate([{"op": "configure", "config": case["config"]}] + (case["steps"] or []), -1):
        now = step.get("time", now)
        try:
            if step["op"] == "log":
                try:
                    log(step)
                finally:
                    listen()
            elif step["op"] == "configure":
                configure(step["config"])
            elif step["op"] == "get":
                logging.getLogger(step["logger"])
            elif step["op"] == "set_level":
                logging.getLogger(step["logger"]).setLevel(step["level"])
            elif step["op"] == "disable":
                logging.disable(step["level"])
        except Exception as e:
            out["raised" if step["op"] == "log" else "refused"].append({"step": at, "texts": error(e)})
        set_times()
    for name in case["look"]:
        out["states"][name] = state(name)
    at = len(case["steps"] or [])
    try:
        logging.shutdown()
    except Exception:
        pass  # what a refused configuration has left may be unable to close
    sys.stdout.flush()
    sys.stderr.flush()
    out["failed"] = failed
    for name in ("stdout", "stderr"):
        with open(os.path.join("..", name), "rb") as f:
            out[name] = b64(f.read())
    out["files"] = {}
    for path in files():
        with open(path, "rb") as f:
            out["files"][os.path.relpath(path)] = b64(f.read())
    return out


def unpickle(texts):
    """What is in messages of a SocketHandler: length and pickle, again and again."""
    records = []
    for text in texts:
        data = base64.b64decode(text)
        while data:
            n = struct.unpack(">L", data[:4])[0]
            records.append(repr(sorted(pickle.loads(data[4:4 + n]).items())))
            data = data[4 + n:]
    return {"records": records}


def scalar(text):
    """What PyYAML makes of a text, or None where it fails."""
    try:
        return {"repr": repr(yaml.safe_load(text))}
    except Exception as e:
        return {"error": type(e).__name__ + ": " + str(e)}


def formatted(q):
    """A text that one of the styles makes of a format and fields, or the error."""
    os.environ["TZ"] = q.get("zone", "UTC")
    time.tzset()
    r = logging.makeLogRecord(value(q["fields"]))
    try:
        return {"text": logging.Formatter(q["format"], q.get("datefmt"), q["style"], validate=q.get("validate", True)).format(r)}
    except Exception as e:
        return {"error": type(e).__name__ + ": " + str(e)}


def convert(q):
    """What cfg:// in a configuration gives."""
    try:
        c = logging.config.BaseConfigurator(yaml.safe_load(q["config"]))
        return {"repr": repr(plain(c.convert(q["cfg"])))}
    except Exception as e:
        return {"error": type(e).__name__ + ": " + str(e)}


def plain(v):
    if isinstance(v, dict):
        return {k: plain(v[k]) for k in v}
    if isinstance(v, (list, tuple)):
        return [plain(v[i]) for i in range(len(v))]
    return v


def child(q):
    if "pickles" in q:
        return unpickle(q["pickles"])
    if "yaml" in q:
        return scalar(q["yaml"])
    if "style" in q:
        return formatted(q)
    if "cfg" in q:
        return convert(q)
    base = tempfile.mkdtemp(dir=sys.argv[1])
    os.mkdir(os.path.join(base, "w"))
    os.chdir(os.path.join(base, "w"))
    try:
        return play(q)
    finally:
        shutil.rmtree(base)


def main():
    for line in sys.stdin:
        q = json.loads(line)
        if "config" not in q or "cfg" in q:  # changes nothing of this process
            print(json.dumps(child(q)), flush=True)
            continue
        r, w = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(r)
            try:
                text = json.dumps(child(q))
            except BaseException as e:
                text = json.dumps({"broken": "%s: %s" % (type(e).__name__, e)})
            with os.fdopen(w, "w") as f:
                f.write(text)
            os._exit(0)
        os.close(w)
        with os.fdopen(r) as f:
            text = f.read()
        os.waitpid(pid, 0)
        print(text, flush=True)


main()
