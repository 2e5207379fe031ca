"""`xent keys` and `xent audit`, as somebody at a terminal uses them."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from service.cli import main
from service.registry import Keys, Store
from service.registry.key import id_of, is_well_formed
from service.settings import Settings


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.setenv("XENT_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.delenv("XENT_DATABASE_URL", raising=False)
    return lambda *arguments: CliRunner().invoke(main, arguments)


def test_made_listed_revoked_and_written_down(run: Callable[..., Result]) -> None:
    scopes = ("--scope", "score", "--scope", "train")
    limits = ("--days", "30", "--requests-per-minute", "600", "--rows-per-minute", "9")
    made = run("keys", "create", "ci", *scopes, *limits)
    assert made.exit_code == 0
    token = made.stdout.removesuffix("\n")  # alone, so that a shell can keep it
    assert is_well_formed(token)
    assert "cannot be shown again" in made.stderr

    store = Store(Settings().database)
    keys = Keys(store)
    keys.refresh()
    found = keys.find(token)
    assert (found.scopes, found.requests_per_minute, found.rows_per_minute) == (
        ("score", "train"), 600, 9,
    )  # fmt: skip
    assert found.expires is not None
    assert 0 <= 30 * 86400 - (found.expires - found.created) < 60  # it was reckoned before

    listed = run("keys", "list").output
    assert all(word in listed for word in (id_of(token), "ci", "score train", "until", "never"))
    revoked = run("keys", "revoke", id_of(token))
    assert revoked.output == f"{id_of(token)} ci: revoked\n"
    assert "revoked 20" in run("keys", "list").output
    told = run("audit").output
    assert told.index("key.revoke") < told.index("key.create")
    assert "local" in told
    assert token[16:] not in made.stderr + listed + told
    store.end()


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (("create", "ci"), 2, "--scope"),
        (("create", "ci", "--scope", "root"), 2, "'root'"),
        (("create", "new\nline", "--scope", "score"), 1, "a name must match"),
        (("create", "x" * 64, "--scope", "score"), 1, "a name must match"),
        (("create", "ci", "--scope", "score", "--days", "0"), 2, "--days"),
        (("create", "ci", "--scope", "score", "--rows-per-minute", "0"), 2, "--rows"),
        (("revoke", "nobody"), 1, "there is no key of that id"),
    ],
)
def test_what_is_refused(
    run: Callable[..., Result], arguments: tuple[str, ...], code: int, text: str
) -> None:
    result = run("keys", *arguments)
    assert (result.exit_code, text in result.output) == (code, True)


def test_an_empty_store_has_empty_lists(run: Callable[..., Result]) -> None:
    assert run("keys", "list").output.startswith("id")
    assert run("audit").output.startswith("when")
