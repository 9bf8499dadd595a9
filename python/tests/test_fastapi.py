"""examples/fastapi, killed while it answers."""
import http.client
import importlib.util
import json
import os
import subprocess
import sys
import unittest
from typing import List, Optional

from .support import PACKAGE, deliver, environment, folder, needs_program, rows, until, write
from .test_gunicorn import free_port

EXAMPLES = os.path.join(os.path.dirname(PACKAGE), "examples")


def predicted(port: int, id: str) -> Optional[str]:
    """The answer's label, if it came whole."""
    c = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        body = json.dumps({"request_id": id, "sepal_length": 6.3, "sepal_width": 3.3, "petal_length": 6, "petal_width": 2.5})
        c.request("POST", "/predict", body, {"Content-Type": "application/json"})
        r = c.getresponse()
        text = r.read()
        return str(json.loads(text)["label"]) if r.status == 200 else None
    except (OSError, http.client.HTTPException):
        return None
    finally:
        c.close()


@needs_program
@unittest.skipUnless(all(map(importlib.util.find_spec, ("fastapi", "uvicorn", "yaml"))), "NOT TESTED, needs fastapi, uvicorn and PyYAML: examples/fastapi")
class FastAPI(unittest.TestCase):
    def test_killed(self) -> None:
        with folder() as d:
            with open(os.path.join(EXAMPLES, "serving", "config.yaml"), encoding="utf-8") as f:
                config = write(os.path.join(d, "config.yaml"), f.read())
            answered: List[str] = []
            for life in range(2):
                port = free_port()
                p = subprocess.Popen(
                    [sys.executable, "-m", "uvicorn", "--app-dir", os.path.join(EXAMPLES, "fastapi"), "--port", str(port), "--log-level", "error", "app:app"],
                    cwd=d, env=environment(SERVING_CONFIG=config), stdout=subprocess.DEVNULL,
                )
                try:
                    until(lambda: predicted(port, "probe-%d" % life) is not None, "the service answers")
                    for n in range(100):
                        id = "%d-%d" % (life, n)
                        if predicted(port, id) == "virginica":
                            answered.append(id)
                finally:
                    p.kill()
                    p.wait()
            self.assertEqual(len(answered), 200)
            deliver(os.path.join(d, "spool"), "iris-serving")
            sql = "select request_id, label, score, message, count(*) as n, json_extract(attributes, '$.features.petal_width') as width from iris_classification where level = 'INFO' and request_id not like 'probe%' group by request_id"
            got = {r["request_id"]: r for r in rows(d, sql)}
            self.assertEqual(sorted(got), sorted(answered))
            for r in got.values():
                self.assertEqual((r["n"], r["label"], r["message"], r["width"]), (1, "virginica", "predicted virginica", 2.5))
            with open(os.path.join(d, "serving.jsonl"), encoding="utf-8") as f:
                lines = [json.loads(line) for line in f]
            self.assertEqual([r["request_id"] for r in lines if not r["request_id"].startswith("probe")], answered)


if __name__ == "__main__":
    unittest.main()
