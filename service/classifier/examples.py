"""Request bodies made from the real held-out rows of the shipped data sets."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import orjson

from service.classifier.datasets import SOURCES, Dataset, load_dataset


def write_examples(directory: Path) -> list[Path]:
    """Write ready request bodies: one row of every class to predict, all of them to evaluate.

    Args:
        directory: where to write `{name}-predict.json` and `{name}-evaluate.json`; made if absent.

    Returns:
        The files.
    """
    directory.mkdir(parents=True, exist_ok=True)
    paths = []
    for name in SOURCES:
        data = load_dataset(name)
        rows = np.flatnonzero(data.held_out)
        _, first = np.unique(data.labels[rows], return_index=True)
        labels = orjson.dumps([data.classes[index] for index in data.labels[rows]]).decode()
        bodies = {
            f"{name}-predict.json": f'{{"inputs": {_rows(data, rows[first])}}}\n',
            f"{name}-evaluate.json": f'{{"inputs": {_rows(data, rows)},\n "labels": {labels}}}\n',
        }
        for file, body in bodies.items():
            (directory / file).write_text(body, encoding="utf-8")
            paths.append(directory / file)
    return paths


def _rows(data: Dataset, rows: npt.NDArray[np.intp]) -> str:
    """JSON with one line for every row; whole numbers are written without a point."""
    inputs = data.inputs[rows]
    whole = (inputs == np.rint(inputs)).all()
    lines = (inputs.astype(int) if whole else inputs).tolist()
    return "[\n  " + ",\n  ".join(orjson.dumps(line).decode() for line in lines) + "]"
