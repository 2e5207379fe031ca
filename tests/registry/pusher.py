"""A process that pushes batches to a running evaluation, and says what was acknowledged.

python pusher.py URL NAME COUNT: prints a line for every batch, once it is counted.
"""

import sys
from typing import Any

import numpy as np

from service.evaluation import Options
from service.registry import Batch, Evaluations, Facts, Store
from service.registry import running as room

ROWS = 3
OPTIONS = Options.of(class_count=2, worst=3)
room.FOLD, room.FOLD_SECONDS = 8, 0.01  # so that many are killed while they fold


def rows(turn: int, turns: int = 1) -> dict[str, Any]:
    """The rows of batches, always the same."""
    numbers = np.arange(turn * ROWS, (turn + turns) * ROWS)
    logits = np.sin(np.outer(numbers + 1.0, [1.0, 2.0])) * 5.0
    return {"logits": logits, "labels": numbers // 2 % 2, "row_ids": numbers}


def main(url: str, name: str, count: int) -> None:
    store = Store(url)
    evaluations = Evaluations(store, 10, 10**6)
    evaluations.running.start()
    page = evaluations.page(None, 1)
    if page.evaluations:
        id = page.evaluations[0].id
    else:
        with store.writing() as connection:
            id = evaluations.running.open(connection, Facts(name), OPTIONS).id
    # the last one may have been counted without a word: a client would send it again
    first = max(0, (evaluations.find(id).batches or 0) - 1)
    for turn in range(first, first + count):
        batch = Batch.of(OPTIONS.score(str(turn), **rows(turn)))
        if not evaluations.running.push(id, str(turn), str(turn), batch).repeated:
            print("batch", turn, id, flush=True)  # noqa: T201
    evaluations.running.end()
    store.end()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
