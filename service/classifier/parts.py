"""The parts that rows are held out in, and how a model fares on each."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from service.classifier.datasets import rank_within_class
from service.classifier.options import Options
from service.classifier.rows import Array
from service.classifier.samples import Samples
from service.numerics import soft_cross_entropy


@dataclass(frozen=True, slots=True)
class Part:
    """How a part of the rows fares; class weights do not enter.

    Attributes:
        rows: how many of weight above 0.
        weight: of them all.
        log_loss: mean, in nats, of the model as it is given, temperature included.
        prior_baseline: mean log loss of the class frequencies of the training part.
    """

    rows: int
    weight: float
    log_loss: float
    prior_baseline: float


def split(rows: Samples, options: Options) -> dict[str, Samples]:
    """The rows as `train` and, where these hold any, `validation` and `test`.

    Each is drawn from every class by the permutation of `options.seed`, as in
    `datasets.held_out_rows`: the first rows are the test part, the next the validation part.
    """
    if options.validation_fraction == 0.0 and options.test_fraction == 0.0:
        return {"train": rows}
    strata = rows.labels if rows.targets is None else rows.targets.argmax(axis=1)
    rank, size = rank_within_class(strata, options.seed), np.bincount(strata)[strata]
    test = np.rint(options.test_fraction * size)
    validation = test + np.rint(options.validation_fraction * size)
    masks = {
        "train": rank >= validation,
        "validation": (rank >= test) & (rank < validation),
        "test": rank < test,
    }
    return {part: rows.rows(mask) for part, mask in masks.items() if mask.any() or part == "train"}


def judge(parts: Mapping[str, Samples], coefficients: Array, intercepts: Array) -> dict[str, Part]:
    """How a model of coefficients (K, D) and intercepts (K,) fares on each part."""
    logs = parts["train"].log_frequencies()
    masses = {part: rows.class_masses() for part, rows in parts.items()}
    return {
        part: Part(
            rows=len(rows.inputs),
            weight=float(masses[part].sum()),
            log_loss=log_loss(rows, coefficients, intercepts),
            prior_baseline=float(-(masses[part] @ logs) / masses[part].sum()),
        )
        for part, rows in parts.items()
    }


def log_loss(rows: Samples, coefficients: Array, intercepts: Array) -> float:
    """The mean log loss of some rows, in nats."""
    truth = truth_of(rows) * rows.weights[:, None]
    losses, _ = soft_cross_entropy(rows.logits(coefficients, intercepts), truth)
    return math.fsum(losses.tolist()) / float(truth.sum())


def truth_of(rows: Samples) -> Array:
    """What is true of some rows, shape (N, K): their targets, or 1 at their labels."""
    truth: Array = np.eye(rows.classes)[rows.labels] if rows.targets is None else rows.targets
    return truth
