"""Draws the pictures of docs/pictures.md again: python docs/pictures/draw.py."""

import json
from pathlib import Path

import numpy as np

from service import classifier, evaluation
from service.evaluation.pictures import GALLERY, draw

HERE = Path(__file__).parent


def report() -> evaluation.Report:
    """Of the digits model on the rows that it was not trained on."""
    body = json.loads((HERE.parent / "examples" / "digits-evaluate.json").read_text("utf-8"))
    model = classifier.shipped_models()["digits"]
    labels = np.array(body["labels"])
    return classifier.evaluate(model, np.array(body["inputs"]), labels, include=["curves"])


def main() -> None:
    """Writes each picture beside this file."""
    found = report()
    for name in GALLERY:
        picture = draw(found, name)
        assert picture is not None
        (HERE / f"{name}.svg").write_text(picture.svg + "\n", "utf-8")


if __name__ == "__main__":
    main()
