"""FastAPI with pydantic lists and NumPy: the service of the usual shape.

The answer is a dict, which FastAPI walks through number by number, or, below /declared, a model
that pydantic writes: three times faster for large answers.
"""

from typing import Any

import digits
import numpy as np
from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI()


class Rows(BaseModel):
    inputs: list[list[float]]


class Prediction(BaseModel):
    labels: list[int]
    probabilities: list[list[float]]


class Batch(BaseModel):
    logits: list[list[float]]
    labels: list[int]


class Loss(BaseModel):
    loss: float
    gradient: list[list[float]]


def predicted(body: Rows) -> dict[str, Any]:
    found = digits.probabilities(np.array(body.inputs))
    return {"labels": found.argmax(axis=1).tolist(), "probabilities": found.tolist()}


def scored(body: Batch) -> dict[str, Any]:
    value, gradient = digits.loss_and_gradient(np.array(body.logits), np.array(body.labels))
    return {"loss": value, "gradient": gradient.tolist()}


@app.post("/predict", response_model=None)
async def predict(body: Rows) -> Any:
    return predicted(body)


@app.post("/loss", response_model=None)
async def loss(body: Batch) -> Any:
    return scored(body)


@app.post("/declared/predict")
async def declared_predict(body: Rows) -> Prediction:
    return Prediction(**predicted(body))


@app.post("/declared/loss")
async def declared_loss(body: Batch) -> Loss:
    return Loss(**scored(body))
