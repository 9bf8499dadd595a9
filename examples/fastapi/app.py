"""Answers POST /predict with the species of an iris, and logs each prediction to the
console, a JSON file and a table: examples/serving, which is in Go, in Python.

    uvicorn app:app
"""
import csv
import os
import time
from typing import Dict, List, Tuple

import girok
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

HERE = os.path.dirname(os.path.abspath(__file__))
SERVING = os.path.join(HERE, "..", "serving")
FEATURES = ("sepal_length", "sepal_width", "petal_length", "petal_width")

# The key of a service account and project.dataset.table would add BigQuery.
log = girok.get_ml_logger(os.environ.get("SERVING_CONFIG", os.path.join(SERVING, "config.yaml")), os.environ.get("BIGQUERY_KEY"), os.environ.get("BIGQUERY_TABLE"))
app = FastAPI()


class Flower(BaseModel):
    """What a client sends; lengths in cm."""

    request_id: str = Field(min_length=1, max_length=100)
    sepal_length: float = Field(gt=0, le=100)
    sepal_width: float = Field(gt=0, le=100)
    petal_length: float = Field(gt=0, le=100)
    petal_width: float = Field(gt=0, le=100)


def centres() -> Dict[str, List[float]]:
    """The mean of each species' flowers: the model."""
    with open(os.path.join(SERVING, "iris", "iris.csv"), newline="") as f:
        rows = csv.reader(f)
        labels = next(rows)[2:]
        flowers: Dict[str, List[List[float]]] = {label: [] for label in labels}
        for *x, label in rows:
            flowers[labels[int(label)]].append([float(v) for v in x])
    return {label: [sum(column) / len(of) for column in zip(*of)] for label, of in flowers.items()}


MODEL = centres()


def predict(x: List[float]) -> Tuple[str, float]:
    """The nearest centre, and how much nearer it is than the others."""
    near = {label: 1 / (1e-9 + sum((a - b) ** 2 for a, b in zip(x, centre))) for label, centre in MODEL.items()}
    label = max(near, key=lambda k: near[k])
    return label, near[label] / sum(near.values())


@app.post("/predict")
def answer(flower: Flower, request: Request) -> JSONResponse:
    """Logs before it answers: when the client has its answer, the record is in the spool."""
    begun = time.perf_counter()
    x = [getattr(flower, name) for name in FEATURES]
    label, score = predict(x)
    log.info("predicted %s", label, extra={
        "request_id": flower.request_id, "label": label, "score": score,
        "latency_ms": (time.perf_counter() - begun) * 1000, "features": dict(zip(FEATURES, x)),
    })
    return JSONResponse({"request_id": flower.request_id, "label": label, "score": score})


@app.get("/healthz")
def healthz() -> str:
    """Whether it answers."""
    return "ok"
