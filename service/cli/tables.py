"""Files named on the command line, as tables and models."""

import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from service import classifier
from service.classifier import Label, Model
from service.errors import MAX_NAME, Code, InvalidInput, NotFound
from service.settings import Settings
from service.wire import Table, parse_csv, parse_parquet

PARQUET = (".parquet", ".pq")


def read_table(
    path: Path,
    *,
    texts: Collection[str] = (),
    numbers: Sequence[str] | None = None,
    ignored: Collection[str] = (),
) -> Table:
    """The columns of a Parquet file, by its suffix, or of a CSV file."""
    parse = parse_parquet if path.suffix.lower() in PARQUET else parse_csv
    limit = Settings().max_elements
    body = path.read_bytes()
    return parse(body, texts=texts, numbers=numbers, ignored=ignored, max_elements=limit)


def read_model(source: str) -> Model:
    """A model file, or a model that ships by its name.

    Raises:
        NotFound: neither.
    """
    if Path(source).is_file():
        return classifier.read_model(Path(source))
    shipped = classifier.shipped_models()
    if source not in shipped:
        detail = f"there is no file {source}; the models that ship are {', '.join(shipped)}"
        raise NotFound(Code.UNKNOWN_MODEL, detail)
    return shipped[source]


def labels_of(texts: Sequence[str], classes: Sequence[Label], column: str) -> npt.NDArray[np.int64]:
    """The indices of classes spelled as in a table.

    Raises:
        InvalidInput: a label that is none of the classes, with its row.
    """
    indices = {str(label): index for index, label in enumerate(classes)}
    for row, text in enumerate(texts):
        if text not in indices:
            detail = f"row {row}, column {column[:MAX_NAME]}, is none of the {len(classes)} classes"
            raise InvalidInput.at(f"/rows/{row}", Code.UNKNOWN_LABEL, detail)
    return np.array([indices[text] for text in texts], dtype=np.int64)


def class_of(column: str, pattern: str) -> str:
    """The class that a column is about: what the star of a pattern with one star stands for."""
    before, star, after = pattern.partition("*")
    single = star and not re.search(r"[*?\[]", before + after)
    return column[len(before) : len(column) - len(after)] if single else column


def labelled_rows(
    model: Model, path: Path, label: str, weights: str | None
) -> tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any] | None]:
    """What a model is evaluated on: inputs, class names and weights of the rows of a table."""
    wanted = [*model.feature_names, *([] if weights is None else [weights])]
    table = read_table(path, texts=[label], numbers=wanted)
    width = len(model.feature_names)
    return (
        table.numbers[:, :width],
        np.array(model.classes)[labels_of(table.texts[label], model.classes, label)],
        None if weights is None else table.numbers[:, width],
    )
