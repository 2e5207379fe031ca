"""States as bytes: equal ones give equal bytes, and only such bytes are read back."""

import json
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from service.errors import Code, MalformedBody


class Stored(Protocol):
    """A state that can be written."""

    def to_bytes(self) -> bytes:
        """The state as canonical JSON."""


S = TypeVar("S", bound=Stored)


def canonical(stored: dict[str, Any]) -> bytes:
    """The one text of a JSON object."""
    return json.dumps(stored, sort_keys=True, separators=(",", ":")).encode()


def restored(data: bytes, read: Callable[[dict[str, Any]], S], ours: bool = False) -> S:
    """Reads a state.

    Args:
        data: what `to_bytes` gave.
        read: makes the state from the JSON object.
        ours: whether the bytes need no comparison with their canonical form.

    Raises:
        MalformedBody: the bytes are not a state, or not in its canonical form.
    """
    try:
        state = read(json.loads(data))
        same = ours or state.to_bytes() == data
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise MalformedBody(Code.INVALID_STATE, "not the state of an evaluation") from error
    if not same:
        raise MalformedBody(Code.INVALID_STATE, "an evaluation state that was altered")
    return state


def check_format(stored: dict[str, Any], known: int | str) -> None:
    """Refuses what another version wrote.

    Raises:
        ValueError: it did.
    """
    if stored["format"] != known:
        raise ValueError(f"format {stored['format']!r}; this version of Xent reads {known}")
