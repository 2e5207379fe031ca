"""`xent keys create|list|revoke` and `xent audit`: on the store that the settings name."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import click

from service.cli.commands import read_settings
from service.cli.show import table
from service.registry import SCOPES, Key, Keys, Scope, Store
from service.registry.audit import entries
from service.registry.key import NAME

DAY = 24 * 60 * 60
PAGE = 1000
Rate = click.IntRange(1, 2**31 - 1)


@click.group()
def keys() -> None:
    """Who may call: make keys, list and revoke them."""


@keys.command()
@click.argument("name")
@click.option("--scope", "scopes", multiple=True, required=True, type=click.Choice(SCOPES))
@click.option("--days", type=click.IntRange(1, 36_500), help="Until it expires; without: never.")
@click.option("--requests-per-minute", type=Rate, help="To each server process.")
@click.option("--rows-per-minute", type=Rate, help="Of scoring calls, by each server process.")
def create(
    name: str,
    scopes: tuple[Scope, ...],
    days: int | None,
    requests_per_minute: int | None,
    rows_per_minute: int | None,
) -> None:
    """Print a new key, once and never again; NAME is for people.

    --scope score is for losses, predictions and evaluations, read for weights, aliases, stored
    evaluations and metrics, train for whatever changes models or evaluations, admin for keys, the
    log of changes and taking models away; give it several times for several.
    """
    if not NAME.fullmatch(name):
        raise click.ClickException(f"a name must match {NAME.pattern}, whole")
    with _store() as store:
        key, token = Keys(store).create(
            name,
            scopes,
            expires=None if days is None else int(time.time()) + days * DAY,
            requests_per_minute=requests_per_minute,
            rows_per_minute=rows_per_minute,
        )
    click.echo(token)
    click.echo(f"{key.id}: keep it now, it cannot be shown again", err=True)


@keys.command("list")
def list_keys() -> None:
    """Every key, the oldest first; never what it is made of."""
    with _store() as store:
        found: list[Key] = []
        after = None
        while True:
            page = Keys(store).page(after, PAGE)
            found += page.keys
            after = page.next
            if after is None:
                break
    rows = [
        (key.id, key.name, " ".join(key.scopes), _day(key.created), _state(key), _minute(key.used))
        for key in found
    ]
    click.echo(table(rows, ("id", "name", "scopes", "created", "state", "last used")))


@keys.command()
@click.argument("id")
def revoke(id: str) -> None:
    """Refuse the key ID for good; servers follow within two seconds."""
    with _store() as store:
        key = Keys(store).revoke(id)
    click.echo(f"{key.id} {key.name}: revoked")


@click.command()
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
def audit(limit: int) -> None:
    """Who changed which key or model, and when; the newest first."""
    with _store() as store:
        found = entries(store, None, limit)
    rows = [
        (
            _minute(entry.at // 10**6),
            entry.principal,
            entry.request or "",
            entry.action,
            entry.subject,
            " ".join(f"{name}={value}" for name, value in entry.detail.items()),
        )
        for entry in found
    ]
    click.echo(table(rows, ("when (UTC)", "who", "request", "action", "what", "detail")))


@contextmanager
def _store() -> Iterator[Store]:
    store = Store(read_settings().database)
    try:
        yield store
    finally:
        store.end()


def _state(key: Key) -> str:
    if key.revoked is not None:
        return f"revoked {_day(key.revoked)}"
    if key.expires is None:
        return "in force"
    word = "expired" if key.expires <= time.time() else "until"
    return f"{word} {_day(key.expires)}"


def _day(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d}"


def _minute(seconds: int | None) -> str:
    return "never" if seconds is None else f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M}"
