"""The two public data sets the shipped models are trained on, and their held-out rows."""

import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from service.errors import Code, NotFound

SHIPPED = Path(__file__).parent / "shipped"
SEED = 1
HELD_OUT_FRACTION = 0.2
LICENCE = "CC-BY-4.0"
LICENCE_URL = "https://creativecommons.org/licenses/by/4.0/"


@dataclass(frozen=True, slots=True)
class Source:
    """Where a data set comes from and what its columns mean."""

    file: str
    header_rows: int
    title: str
    attribution: str
    url: str
    doi: str
    note: str
    classes: tuple[str | int, ...]
    feature_names: tuple[str, ...]
    feature_unit: str


SOURCES = {
    "iris": Source(
        file="iris.csv",
        header_rows=1,
        title="Iris",
        attribution="R. A. Fisher (1936). Iris. UCI Machine Learning Repository.",
        url="https://archive.ics.uci.edu/dataset/53/iris",
        doi="10.24432/C56C76",
        note="Fisher's published values: the two rows mistyped in the repository's file are right.",
        classes=("setosa", "versicolor", "virginica"),
        feature_names=("sepal_length", "sepal_width", "petal_length", "petal_width"),
        feature_unit="cm",
    ),
    "digits": Source(
        file="digits.csv.gz",
        header_rows=0,
        title="Optical Recognition of Handwritten Digits",
        attribution=(
            "E. Alpaydin and C. Kaynak (1998). Optical Recognition of Handwritten Digits. "
            "UCI Machine Learning Repository."
        ),
        url="https://archive.ics.uci.edu/dataset/80/optical+recognition+of+handwritten+digits",
        doi="10.24432/C50P49",
        note="The 1,797 images of the repository's test file, by 13 writers; not split by writer.",
        classes=tuple(range(10)),
        feature_names=tuple(f"pixel_{row}_{column}" for row in range(8) for column in range(8)),
        feature_unit="ink, 0 to 16",
    ),
}


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """A labelled data set with a fixed part that is never trained on.

    Attributes:
        name: `iris` or `digits`.
        inputs: feature rows, shape (N, D), in the unit of `source`, read-only.
        labels: class indices into `classes`, shape (N,), read-only.
        held_out: true for the rows never trained on, shape (N,), read-only.
        sha256: of the file as shipped.
        source: origin, licence and column meaning.
    """

    name: str
    inputs: npt.NDArray[np.float64]
    labels: npt.NDArray[np.intp]
    held_out: npt.NDArray[np.bool_]
    sha256: str
    source: Source

    @property
    def classes(self) -> tuple[str | int, ...]:
        """The class names, in index order."""
        return self.source.classes

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The feature names, in column order."""
        return self.source.feature_names


def load_dataset(name: str) -> Dataset:
    """Read a shipped data set and mark its held-out rows.

    Args:
        name: `iris` or `digits`.

    Returns:
        The rows in file order; see `held_out_rows` for the split.

    Raises:
        NotFound: there is no shipped data set of that name.

    Source: R. A. Fisher (1936); E. Alpaydin and C. Kaynak (1998), both CC BY 4.0.
    """
    if name not in SOURCES:
        raise NotFound(Code.UNKNOWN_MODEL, f"the shipped data sets are {', '.join(SOURCES)}")
    source = SOURCES[name]
    raw = (SHIPPED / source.file).read_bytes()
    text = gzip.decompress(raw) if source.file.endswith(".gz") else raw
    table = np.loadtxt(
        text.decode("ascii").splitlines(), delimiter=",", skiprows=source.header_rows
    )
    inputs, labels = np.ascontiguousarray(table[:, :-1]), table[:, -1].astype(np.intp)
    held_out = held_out_rows(labels)
    for array in (inputs, labels, held_out):
        array.setflags(write=False)
    return Dataset(name, inputs, labels, held_out, hashlib.sha256(raw).hexdigest(), source)


def held_out_rows(
    labels: npt.NDArray[np.intp], fraction: float = HELD_OUT_FRACTION, seed: int = SEED
) -> npt.NDArray[np.bool_]:
    """Choose the same fraction of every class, by a seeded permutation.

    The permutation sorts the row numbers by the SHA-256 of `"{seed}/{row}"`: it depends on no
    library's random stream, so the split is the same everywhere and for ever.

    Args:
        labels: class indices, shape (N,).
        fraction: the part of every class to hold out, rounded to the nearest row count.
        seed: names the permutation.

    Returns:
        True for the held-out rows, shape (N,).
    """
    rank = rank_within_class(labels, seed)
    size = np.bincount(labels)
    held_out: npt.NDArray[np.bool_] = rank < np.rint(fraction * size[labels])
    return held_out


def rank_within_class(labels: npt.NDArray[np.intp], seed: int) -> npt.NDArray[np.intp]:
    """The place of every row among the rows of its class, in the order of the seed.

    Args:
        labels: class indices, shape (N,).
        seed: names the permutation.

    Returns:
        Ranks from 0, shape (N,).
    """
    keys = [hashlib.sha256(f"{seed}/{row}".encode()).digest() for row in range(len(labels))]
    rank = np.empty(len(labels), dtype=np.intp)
    seen = [0] * (int(labels.max(initial=-1)) + 1)
    for row in sorted(range(len(labels)), key=keys.__getitem__):
        rank[row] = seen[labels[row]]
        seen[labels[row]] += 1
    return rank
