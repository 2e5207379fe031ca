"""Information theory of one or two distributions, given as probabilities or as counts."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from service.errors import Code, InvalidInput, cell
from service.losses.options import one_of
from service.losses.result import Array, Numbers, Unit
from service.losses.truth import check_shape
from service.losses.weights import check_weights
from service.numerics import ExactSum
from service.numerics.errorfree import two_product

Weights = Numbers | Mapping[str, float]
ByEvent = Array | dict[str, float]

# Wider than float64 where the machine has it, so that what is printed is the rounded exact value;
# elsewhere the same to a unit in the last place.
Extended = npt.NDArray[np.longdouble]


@dataclass(frozen=True, slots=True)
class Information:
    """What a distribution P holds, and what it costs to take it for Q.

    Attributes:
        unit: of everything but the perplexity and the totals.
        entropy: H(P) = sum p (-log p).
        perplexity: exp of the entropy in nats: the number of equally likely events.
        information_content: -log p of every event, in the form of `p`.
        p_total: the sum of the weights of P, by which they are divided.
        q_total: the sum of the weights of Q; `None` without it, as all of the following.
        cross_entropy: H(P, Q) = sum p (-log q).
        kl_divergence: sum [p log(p / q) - p + q], >= 0.
        js_divergence: the mean divergence of P and Q from their mean; in [0, log 2].
    """

    unit: Unit
    entropy: float
    perplexity: float
    information_content: ByEvent
    p_total: float
    q_total: float | None = None
    cross_entropy: float | None = None
    kl_divergence: float | None = None
    js_divergence: float | None = None


@dataclass(frozen=True, slots=True)
class _Distribution:
    """Weights and the sum that divides them, unrounded, all times one power of two.

    In float64 a share below its range is 0; the extended weights still have its logarithm.

    Attributes:
        given: the sum of the weights as they came, rounded.
        weights: of the events.
        extended: the same in extended precision.
        total: their sum.
        high: that sum, rounded.
        low: what the rounding lost.
    """

    given: float
    weights: Array
    extended: Extended
    total: ExactSum
    high: float
    low: float

    @classmethod
    def of(cls, member: str, weights: Array) -> "_Distribution":
        total = ExactSum.of(weights)
        high = total.value
        if not 0 < high < np.inf:
            empty = "0" if high == 0 else "more than float64 can hold"
            code = Code.EMPTY_REDUCTION if high == 0 else Code.WEIGHT_OVERFLOW
            raise InvalidInput.at(f"/{member}", code, f"the weights of {member} add up to {empty}")
        total.add(np.array([-high]))
        # divided by a power of two, so that products neither overflow nor lose their low parts
        scale = -int(np.frexp(high)[1])
        extended = np.ldexp(weights.astype(np.longdouble), scale)
        weights = np.ldexp(weights, scale)
        parts = (math.ldexp(part, scale) for part in (high, total.value))
        return cls(high, weights, extended, ExactSum.of(weights), *parts)

    def expectation(self, amounts: Extended) -> float:
        """Sum of p x over events, where 0 inf is 0; rounded once."""
        total = ExactSum()
        for part in _parts(amounts):
            total.add(part, self.weights)
        return total.ratio(self.total)

    @property
    def shares(self) -> Extended:
        return self.weights / (np.longdouble(self.high) + np.longdouble(self.low))

    def content(self) -> Extended:
        """Each -log(w / total), as log(1 + rest / w): near 1 the quotient has lost its digits."""
        weights = self.extended
        rest = np.maximum((self.high - weights) + self.low, 0)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            ratio = np.where(weights == 0, np.inf, rest / weights)
            beyond = np.isinf(ratio) & (weights > 0)
            return np.where(beyond, -np.log(weights), np.log1p(ratio))


def information(*, p: Weights, q: Weights | None = None, unit: Unit = "nat") -> Information:
    """Entropy of P and, with Q, cross-entropy and divergences of the two.

    Args:
        p: weights >= 0 of events, shape (events,) or by name: probabilities or counts. They are
            divided by their exact sum.
        q: the same events; of named ones the union is taken, a missing event has weight 0.
        unit: `"nat"` or `"bit"`.

    Raises:
        InvalidInput: a weight that is none, weights that add up to 0, different events.

    Source: Shannon, "A mathematical theory of communication", 1948; Lin, "Divergence measures based
    on the Shannon entropy", 1991.
    """
    one_of("unit", unit, ("nat", "bit"))
    names, first, second = _aligned(p, q)
    ours = _Distribution.of("p", first)
    per_nat = 1 / np.log(np.longdouble(2)) if unit == "bit" else np.longdouble(1)
    content = ours.content()
    shown = (content * per_nat).astype(np.float64)
    answer = Information(
        unit=unit,
        entropy=ours.expectation(content * per_nat),
        perplexity=2.0 ** ours.expectation(content / np.log(np.longdouble(2))),
        information_content=shown
        if names is None
        else dict(zip(names, shown.tolist(), strict=True)),
        p_total=ours.given,
    )
    if second is None:
        return answer
    theirs = _Distribution.of("q", second)
    kl, js = _divergences(ours, theirs, per_nat)
    return replace(
        answer,
        q_total=theirs.given,
        cross_entropy=ours.expectation(theirs.content() * per_nat),
        kl_divergence=kl,
        js_divergence=js,
    )


def _aligned(p: Weights, q: Weights | None) -> tuple[list[str] | None, Array, Array | None]:
    """Both as arrays over the same events, with their names where they have some."""
    if isinstance(p, Mapping):
        if q is not None and not isinstance(q, Mapping):
            raise InvalidInput.at(
                "/q", Code.SHAPE_MISMATCH, "p names its events, so q is to name them as well"
            )
        names = list(dict.fromkeys([*p, *(q or ())]))
        return names, _named("p", p, names), None if q is None else _named("q", q, names)
    if isinstance(q, Mapping):
        raise InvalidInput.at(
            "/q", Code.SHAPE_MISMATCH, "q names its events, so p is to name them as well"
        )
    if p.ndim != 1:
        raise InvalidInput.at("/p", Code.SHAPE_MISMATCH, "p is one row of weights")
    if q is not None:
        check_shape("q", q, p.shape, "the events of p")
    return None, check_weights("p", p), None if q is None else check_weights("q", q)


def _named(member: str, weights: Mapping[str, float], names: list[str]) -> Array:
    for name, weight in weights.items():
        try:
            check_weights(member, np.array([weight]))
        except InvalidInput as error:
            pointer, text = cell(member, name)
            detail = f"{text}: a weight is a finite number >= 0"
            raise InvalidInput.at(pointer, error.code, detail) from error
    return np.array([weights.get(name, 0.0) for name in names], dtype=np.float64)


def _divergences(p: _Distribution, q: _Distribution, per_nat: np.longdouble) -> tuple[float, float]:
    """KL(P, Q) and JS(P, Q), from the difference of P and Q before it is rounded.

    With r = p / q - 1 a term of KL is q ((1 + r) log(1 + r) - r), or p log(p / q) - p + q where r
    is large. With s = (p - q) / (p + q) a term of JS is
    (p + q) / 4 ((1 + s) log(1 + s) + (1 - s) log(1 - s)). All of them are >= 0.
    """
    ours, our_rest = _product(p.weights, q)
    theirs, their_rest = _product(q.weights, p)
    difference = (ours - theirs) + (our_rest - their_rest)
    ours, theirs = ours + our_rest, theirs + their_rest
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        r = difference / theirs
        far = p.shares * (q.content() - p.content()) - p.shares + q.shares
        near = q.shares * _excess(np.clip(r, -1, 1))
        terms = np.where(p.weights == 0, q.shares, np.where(np.abs(r) <= 1, near, far))
        s = difference / (ours + theirs)
        mean = (p.shares + q.shares) / 4.0
        halves = np.where(mean > 0, mean * _symmetric_excess(s), 0)
    kl, js = (ExactSum.of(np.stack(_parts(amounts * per_nat))).value for amounts in (terms, halves))
    return kl, js


def _product(weights: Array, other: _Distribution) -> tuple[Extended, Extended]:
    """Weights times the total of the other distribution, as a sum of two."""
    high, low = two_product(weights, other.high)
    return high.astype(np.longdouble), low.astype(np.longdouble) + weights * other.low


def _parts(amounts: Extended) -> tuple[Array, Array]:
    """Amounts as float64, and what that leaves of them."""
    high = amounts.astype(np.float64)
    with np.errstate(invalid="ignore"):  # inf - inf: an infinite amount has no low part
        low = (amounts - high).astype(np.float64)
    return high, np.where(np.isfinite(high), low, 0.0)


def _excess(r: Extended) -> Extended:
    """(1 + r) log(1 + r) - r for -1 <= r <= 1: about r^2 / 2 where r is small."""
    small = np.abs(r) < 0.05
    x = np.where(small, r, 0)
    series = np.zeros_like(x)
    for k in range(16, 1, -1):  # r^2/2 - r^3/6 + r^4/12 - ...: 0.05^16 is below a rounding
        series = (-1) ** k / np.longdouble(k * (k - 1)) + series * x
    with np.errstate(divide="ignore", invalid="ignore"):  # log 0 at -1, where the limit is 1
        direct = np.where(r == -1, 1, (1 + r) * np.log1p(r) - r)
    return np.where(small, series * x * x, direct)


def _symmetric_excess(s: Extended) -> Extended:
    """(1 + s) log(1 + s) + (1 - s) log(1 - s) for |s| <= 1: about s^2 where s is small."""
    s = np.clip(s, -1, 1)
    small = np.abs(s) < 0.05
    square = np.where(small, s, 0) ** 2
    series = np.zeros_like(square)
    for k in range(8, 0, -1):  # s^2 + s^4/6 + s^6/15 + ...
        series = 1 / np.longdouble(k * (2 * k - 1)) + series * square
    with np.errstate(divide="ignore", invalid="ignore"):  # log 0 at the ends
        direct = (1 + s) * np.log1p(s) + (1 - s) * np.log1p(-s)
    direct = np.where(np.abs(s) == 1, 2 * np.log(np.longdouble(2)), direct)
    return np.where(small, series * square, direct)
