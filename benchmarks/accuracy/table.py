"""Tables of what was measured, in Markdown."""

from collections.abc import Iterable

import numpy as np
from divergences import Kept
from families import DIGITS
from measured import Measured

PEERS = ("PyTorch", "SciPy", "scikit-learn")


def reached(m: Measured) -> bool:
    return bool(m.errors.max(initial=0.0) <= m.goal)


def grouped(measured: Iterable[Measured], *fields: str) -> list[tuple[tuple, list[Measured]]]:
    """By the values of fields, in order; without what has nothing to count."""
    groups: dict[tuple, list[Measured]] = {}
    for m in measured:
        if m.errors.size:
            groups.setdefault(tuple(getattr(m, field) for field in fields), []).append(m)
    return sorted(groups.items())


def line(cells: Iterable[object]) -> None:
    print("|", " | ".join(map(str, cells)), "|")


def header(*names: object) -> None:
    print()
    line(names)
    line(["---"] * len(names))


def together(errors: list[np.ndarray], digits: str) -> str:
    """The largest error and the 99.9th percentile."""
    every = np.concatenate(errors)
    # "higher": between an infinite error and another there is nothing
    high = np.quantile(every, 0.999, method="higher")
    return f"{every.max():{digits}} / {high:{digits}}"


def of_summary(measured: list[Measured]) -> None:
    """A line for each function and source: the largest errors of its values and its gradients."""
    sizes = {"K <= 1,000": range(1001), "K = 131,072": range(1001, 131073)}
    parts = {
        f"{part}, {size}": (part, ks)
        for size, ks in sizes.items()
        for part in ("values", "gradients")
    }
    header("function", "from", *parts, *PEERS)
    for (loss, source), group in grouped(measured, "loss", "source"):
        cells = []
        for part, ks in parts.values():
            slopes = part == "gradients"
            chosen = [m for m in group if m.k in ks and m.form.endswith("gradient") == slopes]
            cells.append(f"{max(m.errors.max() for m in chosen):.2f}" if chosen else "")
        for peer in PEERS:
            errors = [m.peers[peer].max() for m in group if peer in m.peers and m.peers[peer].size]
            cells.append(f"{max(errors):.2g}" if errors else "")
        line([loss, source, *cells])


def of_functions(measured: list[Measured]) -> None:
    """A line for each function, form, source and number of classes."""
    header("function", "of", "from", "K", "max / 99.9 %", "family of the max", "values", *PEERS)
    for (loss, form, source, k), group in grouped(measured, "loss", "form", "source", "k"):
        worst = max(group, key=lambda m: m.errors.max())
        missed = "" if reached(worst) else " MISSED"
        cells = []
        for peer in PEERS:
            errors = [m.peers[peer] for m in group if peer in m.peers]
            cells.append(together(errors, ".2g") if sum(e.size for e in errors) else "")
        errors = together([m.errors for m in group], ".2f") + missed
        count = sum(m.errors.size for m in group)
        line([loss, form or "value", source, k, errors, worst.family, count, *cells])


def of_digits(rows: list[Kept]) -> None:
    """A line for each divergence, source, number of classes and library."""
    header("function", "from", "K", "by", *(f"digit {digit}" for digit in DIGITS))
    for row in rows:
        for library, digits in row.digits.items():
            missed = "" if row.met or library != "Xent" else " MISSED"
            figures = (f"{digits[digit]:.1f}" for digit in DIGITS)
            line([row.loss, row.source, row.k, library + missed, *figures])


def of_families(measured: list[Measured]) -> None:
    """A table for each function and source: a line for each family, a column for each form."""
    for (loss, source), group in grouped(measured, "loss", "source"):
        forms = [form for (form,), _ in grouped(group, "form")]
        print(f"\n### {loss} from {source}")
        header("family", *(form or "value" for form in forms))
        for (family,), rows in grouped(group, "family"):
            cells = dict(grouped(rows, "form"))
            line(
                [family]
                + [
                    together([m.errors for m in cells[form,]], ".2f") if (form,) in cells else ""
                    for form in forms
                ]
            )
