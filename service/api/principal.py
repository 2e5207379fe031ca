"""Who asks: the key of a request by its id, for whatever belongs to one principal."""

from starlette.types import Scope

ANONYMOUS = "anonymous"
"""Whoever sends no key, where the service is open; no key has this id."""


def principal_of(scope: Scope) -> str:
    """The id of the key that a request came with, or `ANONYMOUS`."""
    found: str = scope["state"].get("principal", ANONYMOUS)
    return found
