"""A process that registers models and moves an alias, and says what was acknowledged.

python writer.py URL NAME COUNT: prints a line for every write, once it is done.
"""

import sys

import numpy as np

from service.classifier import Model
from service.errors import NotFound
from service.registry import Registry


def main(url: str, name: str, count: int) -> None:
    registry = Registry({}, 10**6, url)
    for turn in range(count):
        made = Model(
            name=name,
            version=1,
            classes=("a", "b"),
            feature_names=("x",),
            coefficients=np.array([[float(turn)]]),
            intercepts=np.zeros(1),
        )
        number = registry.register(made).version
        print("version", number, turn, flush=True)  # noqa: T201
        try:
            seen = registry.aliases.find(name, "champion").change
        except NotFound:
            seen = None
        moved = registry.aliases.move(name, "champion", number, seen)
        print("alias", number, moved.change, flush=True)  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
