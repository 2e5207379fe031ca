"""What was measured of one function on one family of rows."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from exact import Exact

from service import losses


class Measured(NamedTuple):
    """Errors in ulp.

    Attributes:
        loss: the name of the function.
        form: what of it: "", "gradient", "soft", "soft gradient", and so on.
        source: what the predictions are given as: "logits", "probabilities", "log-probabilities".
        k: the number of classes.
        family: of the rows.
        errors: of Xent.
        peers: by library, its errors on the same rows.
        goal: the largest error that is allowed.
    """

    loss: str
    form: str
    source: str
    k: int
    family: str
    errors: np.ndarray
    peers: dict[str, np.ndarray]
    goal: float


def measured(
    loss: str,
    form: str,
    source: str,
    family: str,
    exact: Exact,
    computed: np.ndarray,
    peers: Mapping[str, np.ndarray] | None = None,
    *,
    k: int,
    goal: float | None = None,
) -> Measured:
    """The errors of what was computed, and of what peers answered."""
    return Measured(
        loss,
        form,
        source,
        k,
        family,
        exact.ulps(computed),
        {peer: exact.ulps(np.asarray(answer)) for peer, answer in (peers or {}).items()},
        goal if goal is not None else 4.0 if k <= 1000 else 8.0,
    )


def answered(loss: str, source: str, values: np.ndarray, unit: str, **members: Any) -> Any:
    """What Xent's function of that name answers for each sample, with the gradient."""
    given = {source.replace("-", "_"): values}
    units = {"unit": "bit"} if unit else {}
    return getattr(losses, loss)(**given, **members, **units, reduction="none", gradient=True)


def loss_and_gradient(
    loss: str,
    words: Sequence[str],
    source: str,
    family: str,
    exacts: tuple[Exact, Exact],
    answer: Any,
    peers: Mapping[str, Mapping[str, np.ndarray]] | None = None,
    *,
    k: int,
) -> Iterator[Measured]:
    """The errors of a loss and of its gradient; the words say what of the loss."""
    for part, more, exact in zip(("loss", "gradient"), ((), ("gradient",)), exacts, strict=True):
        form = " ".join(word for word in (*words, *more) if word)
        others = (peers or {}).get(part)
        yield measured(loss, form, source, family, exact, getattr(answer, part), others, k=k)
