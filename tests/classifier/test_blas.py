"""How many threads BLAS has during a fit and after it."""

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from service.classifier import fit
from service.classifier.blas import one_blas_thread


def threads() -> set[int]:
    """Of every BLAS that is loaded."""
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


@pytest.fixture
def two():
    with one_blas_thread():  # SciPy's BLAS is loaded now
        pass
    with threadpool_limits(2, user_api="blas"):
        if threads() != {2}:
            pytest.skip("this BLAS has one thread, or cannot be told how many to use")
        yield


def test_a_fit_has_one_thread_of_blas_and_gives_the_others_back(two):
    seen = set()
    fit([[0.0], [1.0], [2.0]], [0, 1, 0], classes=2, tell=lambda _: seen.update(threads()))
    assert seen == {1}
    assert threads() == {2}


def test_an_error_gives_them_back(two):
    with pytest.raises(KeyError), one_blas_thread():
        raise KeyError
    assert threads() == {2}
