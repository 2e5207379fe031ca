"""Differences and products together with what their rounding lost."""

from service.numerics.arrays import Array

SPLITTER = 134217729.0  # 2**27 + 1, Veltkamp's constant for float64


def two_difference(a: Array, b: Array) -> tuple[Array, Array]:
    """The rounded a - b and its rounding error: their exact sum is a - b.

    Source: D. Knuth, The Art of Computer Programming 2, section 4.2.2 (TwoSum).
    """
    difference = a - b
    virtual = difference - a
    return difference, (a - (difference - virtual)) - (b + virtual)


def two_product(a: Array, b: Array | float) -> tuple[Array, Array]:
    """The rounded a b and its rounding error: their exact sum is a b.

    Exact for |a| and |b| below 2**996 and |a b| above 2**-969.

    Source: T. Dekker, "A floating-point technique for extending the available precision" (1971).
    """
    product = a * b
    a_high, b_high = SPLITTER * a, SPLITTER * b
    a_high, b_high = a_high - (a_high - a), b_high - (b_high - b)
    a_low, b_low = a - a_high, b - b_high
    error = a_low * b_low - (((product - a_high * b_high) - a_low * b_high) - a_high * b_low)
    return product, error
