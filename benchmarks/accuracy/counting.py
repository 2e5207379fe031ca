"""What the errors of losses count against, beyond the terms of their formulas."""

from collections.abc import Iterator

from catalogue import WHOLE, Entries, Share
from exact import ONE, ZERO, finite, normal
from mpmath import mpf

DIGIT = mpf(2) ** -40
"""Probabilities that come from logits or logarithms are known to this part of a digit."""


def digit_of(form: str, source: str) -> mpf:
    """The part of a digit to which the probabilities, or smoothed targets, of a row are known."""
    if form == "smoothed":
        return ONE
    return DIGIT if form == "soft" and source != "probabilities" else ZERO


def counted_sizes(name: str, row: list[Share], entries: Entries, source: str) -> Iterator[mpf]:
    """The sizes; 0 where digits are lost below the normal range, which 1 / T may bring back."""
    tied = source == "logits" or (source == "log-probabilities" and name in WHOLE)
    lost = name == "generalized_cross_entropy" and any(c.w and not normal(c.p) for c in row)
    for c, (_, size) in zip(row, entries, strict=True):
        yield ZERO if lost or (tied and not normal(c.p)) or not normal(size) else size


def scaled(value: mpf, size: mpf, factor: mpf | None) -> tuple[mpf, mpf]:
    """A value and its size, weighted; the size is 0 where the value is beyond float64 before."""
    if factor is None:
        return value, size
    product = factor * value
    if not finite(value):
        return product, ZERO
    return product, product if size is value else factor * size
