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


# They join and part the letters of a word in scripts that need it.
JOINERS = "\N{ZERO WIDTH JOINER}\N{ZERO WIDTH NON-JOINER}"


def printable(text: str) -> str:
    """A text of others on one line, without signs that steer a terminal or turn the line around."""
    return "".join(
        sign if sign.isprintable() or sign in JOINERS else "\N{REPLACEMENT CHARACTER}"
        for sign in text
    )


def name(value: object, longest: int = 48) -> str:
    """What others have named, on one printable line; what they have not, in brackets."""
    text = printable(str(value))
    if not text:
        return "(empty)"
    return text if len(text) <= longest else text[: longest - 1] + "…"


def quoted(value: object) -> str:
    """The same within a sentence, whichever way it is written."""
    return f"“\N{FIRST STRONG ISOLATE}{name(value)}\N{POP DIRECTIONAL ISOLATE}”"


def share(value: float) -> str:
    """A share in percent, of three digits."""
    return "–" if isnan(value) else f"{100.0 * value:.3g} %"


def short(value: float) -> str:
    """A number of things in at most five signs: 9999, 12.3k, 4.56M."""
    for unit, size in (("", 1.0), ("k", 1e3), ("M", 1e6), ("G", 1e9)):
        if value < 9999.5 * size if unit == "" else value < 999.5 * size:
            return f"{value / size:.{4 if unit == '' else 3}g}{unit}"
    return f"{value:.0e}".replace("e+", "e")
