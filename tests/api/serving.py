"""An application of its own, for what would change the answers of others."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from starlette.testclient import TestClient

from service.app import create_app
from service.settings import Settings


@contextmanager
def serving() -> Iterator[TestClient]:
    """A client of an application in this process that has stored nothing."""
    with TemporaryDirectory() as folder:
        app = create_app(Settings(data_dir=Path(folder), database_url=None))
        with TestClient(app, base_url="http://localhost") as client:
            yield client
