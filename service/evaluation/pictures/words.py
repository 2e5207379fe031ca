"""Numbers and names as the pictures and the page write them."""

from collections.abc import Iterable
from math import isinf, isnan

Number = float | Iterable[float] | None


def number(value: Number) -> str:
    """Four significant digits; integers whole; a dash for what is not there; ranges as such."""
    if isinstance(value, Iterable):
        ends = [number(end) for end in value]
        return "–" if "–" in ends else " to ".join(ends)
    if value is None or isnan(value):
        return "–"
    if isinstance(value, int):
        return f"{value:,}"
    text = "infinite" if isinf(value) else f"{abs(value):.4g}"
    return f"−{text}" if value < 0 else text


def name(value: object, longest: int = 48) -> str:
    """What others have named, on one printable line."""
    signs = (sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in str(value))
    text = "".join(signs)
    return text if len(text) <= longest else text[: longest - 1] + "…"
