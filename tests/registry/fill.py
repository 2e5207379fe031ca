"""Fills the disk under a registry, makes some room, and fills it again.

python -m tests.registry.fill FOLDER: prints how many versions there were each time.
"""

import sys
from pathlib import Path

from service.errors import StoreFull
from service.registry import Registry

from .conftest import model
from .ledger import check


def fill(registry: Registry, acknowledged: list[tuple[str, int, float]]) -> None:
    """Registers until there is no room."""
    while True:
        value = float(len(acknowledged))
        try:
            number = registry.register(model("mine", value)).version
        except StoreFull:
            break
        acknowledged.append(("version", number, value))
    assert registry.find("mine", 1).coefficients.item() == 0


def main(folder: Path) -> None:
    ballast = folder / "ballast"
    ballast.write_bytes(bytes(40_000))
    url = f"sqlite:///{folder / 'xent.db'}"
    registry = Registry({}, 10**6, url)
    acknowledged: list[tuple[str, int, float]] = []
    for _ in range(2):
        fill(registry, acknowledged)
        ballast.unlink(missing_ok=True)
        assert check(url, acknowledged) == len(acknowledged)
        print(len(acknowledged))  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]))
