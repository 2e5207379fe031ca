"""Information of distributions, to a unit in the last place, against mpmath."""

import math
from typing import Any

import mpmath
import numpy as np
import pytest
from mpmath import mp, mpf

from service.errors import Code, InvalidInput
from service.losses import information

RNG = np.random.default_rng(2)
# where long doubles are no wider than float64, a few roundings remain
UNITS = 1 if np.finfo(np.longdouble).nmant > 60 else 8


def expected(p: list[float], q: list[float] | None, unit: str) -> dict[str, Any]:
    """The definitions, in the precision that is set."""
    per = mpmath.log(2) if unit == "bit" else mpf(1)
    ours = [mpf(x) / mpmath.fsum(map(mpf, p)) for x in p]
    content = [mpmath.inf if x == 0 else -mpmath.log(x) for x in ours]
    entropy = mpmath.fsum(x * c for x, c in zip(ours, content, strict=True) if x)
    answer = {
        "entropy": entropy / per,
        "perplexity": mpmath.exp(entropy),
        "information_content": [c / per for c in content],
    }
    if q is None:
        return answer
    theirs = [mpf(x) / mpmath.fsum(map(mpf, q)) for x in q]
    middle = [(a + b) / 2 for a, b in zip(ours, theirs, strict=True)]
    return answer | {
        "cross_entropy": (entropy + divergence(ours, theirs)) / per,
        "kl_divergence": divergence(ours, theirs) / per,
        "js_divergence": (divergence(ours, middle) + divergence(theirs, middle)) / 2 / per,
    }


def divergence(p: list[Any], q: list[Any]) -> Any:
    if any(a and not b for a, b in zip(p, q, strict=True)):
        return mpmath.inf
    return mpmath.fsum(a * mpmath.log(a / b) for a, b in zip(p, q, strict=True) if a)


def off(found: float, exact: Any) -> float:
    """The error in ulp; float64's last normal unit below the normal numbers."""
    if mpmath.isinf(exact) or exact == 0:
        return 0.0 if found == float(exact) else math.inf
    unit = max(math.ulp(float(exact)), 2.0**-1074)
    return float(abs(mpf(found) - exact) / unit)


CASES: dict[str, tuple[list[float], list[float] | None]] = {
    "one event": ([3.0], [5.0]),
    "counts": ([2.0, 3.0, 4.0], [4.0, 4.0, 1.0]),
    "large counts": ([1e15, 7.0, 123456789.0], [3.0, 1e15, 1.0]),
    "an event of 0": ([0.0, 1.0, 3.0], [2.0, 1.0, 1.0]),
    "impossible for Q": ([1.0, 1.0], [1.0, 0.0]),
    "almost certain": ([1.0, 1e-17, 3e-200], [1.0, 2e-17, 1e-300]),
    "all of float64": ([1e308, 5e307, 1e-308, 5e-324], [5e-324, 1e-308, 5e307, 1e308]),
    "tiny": ([5e-324, 1e-323], [1e-323, 5e-324]),
    "uniform": ([1.0] * 8, [1.0] * 7 + [1.0 + 2.0**-52]),
    "other": ([0.1, 0.2, 0.7], None),
    **{
        f"random {i}": (RNG.dirichlet(np.full(n, 0.3)).tolist(), RNG.uniform(0, 1, n).tolist())
        for i, n in enumerate((2, 3, 10, 100))
    },
    **{
        f"near, {d}": (
            (p := RNG.dirichlet(np.full(6, 0.8))).tolist(),
            (p * (1 + d * RNG.normal(0, 1, 6))).tolist(),
        )
        for d in (1e-3, 1e-8, 1e-12, 1e-15)
    },
}


@pytest.mark.parametrize("unit", ["nat", "bit"])
@pytest.mark.parametrize("name", CASES)
def test_every_figure_is_right_to_the_last_unit(name: str, unit: Any) -> None:
    p, q = CASES[name]
    found = information(p=np.array(p), q=None if q is None else np.array(q), unit=unit)
    with mp.workdps(1000):
        figures = expected(p, q, unit)
        contents = figures.pop("information_content")
        for content, exact in zip(found.information_content, contents, strict=True):
            assert off(float(content), exact) <= UNITS
        for figure, exact in figures.items():
            # an exponential multiplies what its argument is off by
            bound = 2 * float(figures["entropy"]) if figure == "perplexity" else 0
            assert off(getattr(found, figure), exact) <= UNITS + bound, figure


def test_the_example_of_the_coloured_balls_to_the_digit() -> None:
    p, q = {"red": 2, "green": 3, "blue": 4}, {"red": 4, "green": 4, "blue": 1}
    found = information(p=p, q=q, unit="bit")
    assert found.cross_entropy == 2.0588138903312014
    assert (found.p_total, found.q_total) == (9, 9)
    assert found.information_content == {
        name: pytest.approx(-math.log2(count / 9), rel=1e-15) for name, count in p.items()
    }
    array = information(p=np.array([2.0, 3, 4]), q=np.array([4.0, 4, 1]), unit="bit")
    shares = information(p=np.array([2, 3, 4]) / 9, q=np.array([4, 4, 1]) / 9, unit="bit")
    assert array.cross_entropy == found.cross_entropy
    assert shares.cross_entropy == pytest.approx(found.cross_entropy, rel=4e-16)


def test_events_are_the_union_and_a_missing_one_weighs_0() -> None:
    found = information(p={"a": 1, "b": 1}, q={"b": 2, "c": 2}, unit="bit")
    assert found.information_content == {"a": 1.0, "b": 1.0, "c": math.inf}
    assert (found.entropy, found.perplexity) == (1.0, 2.0)
    assert (found.cross_entropy, found.kl_divergence, found.js_divergence) == (
        math.inf,
        math.inf,
        0.5,
    )


def test_divergences_of_near_equals_keep_ten_digits_and_their_sign() -> None:
    rng = np.random.default_rng(6)
    for _ in range(40):
        p = rng.dirichlet(np.full(5, 0.5)) + 1e-9
        q = p * (1 + 1e-12 * rng.choice([-1, 1], 5))
        found = information(p=p, q=q)
        with mp.workdps(80):
            exact = expected(p.tolist(), q.tolist(), "nat")
        assert found.kl_divergence >= 0
        assert float(abs(found.kl_divergence / exact["kl_divergence"] - 1)) < 1e-10
        assert float(abs(found.js_divergence / exact["js_divergence"] - 1)) < 1e-10
    assert information(p=p, q=p).kl_divergence == 0
    assert information(p=p, q=2 * p).js_divergence == 0


@pytest.mark.parametrize(
    ("given", "pointer", "code"),
    [
        ({"p": np.array([1.0, -1.0])}, "/p/1", Code.NEGATIVE_WEIGHT),
        ({"p": np.array([1.0, np.nan])}, "/p/1", Code.NAN_VALUE),
        ({"p": np.array([1.0, np.inf])}, "/p/1", Code.INFINITE_VALUE),
        ({"p": np.array([0.0, 0.0])}, "/p", Code.EMPTY_REDUCTION),
        ({"p": np.array([])}, "/p", Code.EMPTY_REDUCTION),
        ({"p": {}}, "/p", Code.EMPTY_REDUCTION),
        ({"p": np.array([1e308, 1e308])}, "/p", Code.WEIGHT_OVERFLOW),
        ({"p": np.ones((2, 2))}, "/p", Code.SHAPE_MISMATCH),
        ({"p": np.ones(2), "q": np.ones(3)}, "/q", Code.SHAPE_MISMATCH),
        ({"p": {"a": 1}, "q": np.ones(1)}, "/q", Code.SHAPE_MISMATCH),
        ({"p": np.ones(1), "q": {"a": 1}}, "/q", Code.SHAPE_MISMATCH),
        ({"p": {"a": -1}}, "/p/a", Code.NEGATIVE_WEIGHT),
        ({"p": {"a/b": math.nan}}, "/p/a~1b", Code.NAN_VALUE),
        ({"p": {"a": 1}, "q": {"a": math.inf}}, "/q/a", Code.INFINITE_VALUE),
        ({"p": np.ones(1), "q": np.zeros(1)}, "/q", Code.EMPTY_REDUCTION),
        ({"p": np.ones(1), "unit": "ban"}, "/unit", Code.INVALID_OPTION),
    ],
)
def test_what_is_no_distribution_is_refused(given: Any, pointer: str, code: Code) -> None:
    with pytest.raises(InvalidInput) as caught:
        information(**given)
    assert (caught.value.faults[0].pointer, caught.value.code) == (pointer, code)


def test_nothing_is_changed() -> None:
    p, state = np.array([1.0, 0.0, 3.0]), np.geterr()
    p.flags.writeable = False
    information(p=p, q=p)
    assert np.geterr() == state
