"""Keys in several processes: a revoked one is refused by all of them within two seconds."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.registry import Keys, Store
from tests.registry.conftest import fresh_url, postgresql

__all__ = ["fresh_url", "postgresql"]

AGREEMENT_SECONDS = 2.0
ASKED = 20  # each on a connection of its own, so that all workers are asked


def statuses(ports: list[int], token: str) -> set[int]:
    headers = {"Authorization": f"Bearer {token}"}
    return {
        httpx.get(f"http://127.0.0.1:{port}/v1/losses/focal", headers=headers).status_code
        for port in ports
        for _ in range(ASKED)
    }


@pytest.mark.parametrize("kind", ["workers on SQLite", "replicas on PostgreSQL"])
def test_made_and_revoked_everywhere(
    kind: str,
    serve: Callable[..., AbstractContextManager[Any]],
    request: pytest.FixtureRequest,
    tmp_path: Path,
) -> None:
    with ExitStack() as stack:
        if "PostgreSQL" in kind:
            url = request.getfixturevalue("fresh_url")("postgresql")
            servers = [stack.enter_context(serve(XENT_DATABASE_URL=url)) for _ in range(2)]
        else:
            url = f"sqlite:///{tmp_path / 'xent.db'}"
            more = {"XENT_WORKERS": "2", "XENT_DATA_DIR": str(tmp_path)}
            servers = [stack.enter_context(serve(**more))]
        ports = [server.port for server in servers]
        store = Store(url)
        stack.callback(store.end)
        assert statuses(ports, "xent") == {401}  # what looks like a key is one
        key, token = Keys(store).create("a client", ["score"])
        time.sleep(AGREEMENT_SECONDS)
        assert statuses(ports, token) == {200}
        Keys(store).revoke(key.id)
        time.sleep(AGREEMENT_SECONDS)
        assert statuses(ports, token) == {401}
        for server in servers:
            lines = server.lines(event="request", principal=key.id)
            assert {line["status"] for line in lines} == {200}
            assert token[16:] not in server.log_text()
