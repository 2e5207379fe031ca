"""The headers of a request by name."""

from collections.abc import Mapping, Sequence

from starlette.types import Scope

Fields = Mapping[bytes, bytes]
"""Values by name in small letters."""


def joined(headers: Sequence[tuple[bytes, bytes]]) -> Fields:
    """The values by name; those of a repeated one are one list with commas.

    Args:
        headers: their names in small letters.

    Source: RFC 9110, section 5.3.
    """
    fields = dict(headers)
    if len(fields) < len(headers):
        values: dict[bytes, list[bytes]] = {}
        for name, value in headers:
            values.setdefault(name, []).append(value)
        fields = {name: b", ".join(found) for name, found in values.items()}
    return fields


def fields_of(scope: Scope) -> Fields:
    """The headers of a request, put together once for all that look at them."""
    state = scope.setdefault("state", {})
    fields: Fields | None = state.get("fields")
    if fields is None:
        fields = state["fields"] = joined(scope["headers"])
    return fields
