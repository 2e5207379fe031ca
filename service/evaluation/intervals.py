"""Intervals of 95 %, for means and for shares, and tests."""

import math
from functools import lru_cache

LEVEL = 0.95
QUANTILE = 1.959963984540054
"""The number that a standard normal variable stays within 95 % of the time."""


def interval(value: float, error: float, skew: float, df: float, low: float) -> tuple[float, float]:
    """The interval around a mean by Student's t and Hall's transformation, which follows the skew.

        W = T + a T**2 + a**2 T**3 / 3 + a / 2     T = (mean - truth) / error     a = skew / 3

    has lost the skew of T to second order; its inverse is taken at the quantiles of t.

    Args:
        value: the mean.
        error: its standard error; nan without one.
        skew: sum d**3 / (sum d**2)**1.5 of the deviations from the mean.
        df: degrees of freedom.
        low: where the interval is cut off.

    Source: P. Hall, On the removal of skewness by transformation, JRSS B 54 (1992).
    """
    if math.isnan(error):
        return math.nan, math.nan
    a, t = skew / 3.0, t_quantile(df)
    return max(low, value - _hall(t, a) * error), value - _hall(-t, a) * error


def _hall(w: float, a: float) -> float:
    """The T whose W is w: (cbrt(1 + 3 a (w - a / 2)) - 1) / a, without the cancellation."""
    w -= a / 2.0
    r = math.cbrt(1.0 + 3.0 * a * w)
    return 3.0 * w / (1.0 + r + r * r)


@lru_cache(4096)
def t_quantile(df: float) -> float:
    """The number that Student's t of so many degrees of freedom stays within 95 % of the time.

        t = z + g_1 / df + g_2 / df**2 + ...        from 1,000 on, where five terms are all digits

    Source: Abramowitz & Stegun, Handbook of Mathematical Functions, 26.7.5.
    """
    if df >= 1000.0:
        z, q = QUANTILE, QUANTILE * QUANTILE
        series = (
            (q + 1.0) / 4.0,
            ((5.0 * q + 16.0) * q + 3.0) / 96.0,
            (((3.0 * q + 19.0) * q + 17.0) * q - 15.0) / 384.0,
            ((((79.0 * q + 776.0) * q + 1482.0) * q - 1920.0) * q - 945.0) / 92160.0,
        )
        return z + z * sum(term / df**k for k, term in enumerate(series, 1))
    from scipy.special import stdtrit  # a third of a second, for small data alone

    return float(stdtrit(df, 0.5 + LEVEL / 2))


def wilson(share: float, rows: float) -> tuple[float, float]:
    """Wilson's interval of 95 % for a share.

        (share + q / 2 +- z sqrt(share (1 - share) / rows + q / (4 rows))) / (1 + q)

    with q = z**2 / rows.

    Args:
        share: observed, in [0, 1]; nan of no rows.
        rows: how many, or how many of equal weight are as good.

    Source: E. B. Wilson, Probable inference, the law of succession, and statistical inference,
        JASA 22 (1927).
    """
    if math.isnan(share) or not rows > 0:
        return math.nan, math.nan
    q = QUANTILE * QUANTILE / rows
    reach = QUANTILE * math.sqrt((share * (1.0 - share) + q / 4.0) / rows)
    return max(0.0, (share + q / 2.0 - reach) / (1.0 + q)), min(
        1.0, (share + q / 2.0 + reach) / (1.0 + q)
    )


def p_t(mean: float, error: float, df: float) -> float:
    """Student's t test of a mean of 0, two-sided; nan without an error."""
    from scipy.special import stdtr

    if error == 0.0:
        return 1.0 if mean == 0.0 else 0.0
    return float(2.0 * stdtr(df, -abs(mean) / error))


def p_sign(won: int, lost: int) -> float:
    """Twice the probability of so few wins, or losses, of a fair coin; 1 without any."""
    from scipy.special import bdtr

    if won + lost == 0:
        return 1.0
    return min(1.0, float(2.0 * bdtr(min(won, lost), won + lost, 0.5)))
