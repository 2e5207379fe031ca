"""The dialects against what the libraries printed."""

import numpy as np
import pytest

from service.errors import Code, InvalidInput
from service.losses.dialects import DIALECTS, SUPPORTED, dialect_loss

LIMIT = 4
REFUSALS = {Code.DIALECT_UNSUPPORTED, Code.LABEL_OUT_OF_RANGE}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_is_within_4_ulp_of_what_the_library_printed(dialect, recorded, libraries):
    compared = 0
    for loss, given, printed in recorded[dialect]:
        if printed is not None:
            answer = dialect_loss(dialect, loss, **given)
            off = libraries.ulps(dialect, printed, answer.loss, given)
            assert off <= LIMIT, (off, loss, given, printed, answer.loss)
            compared += 1
    assert compared >= 80


@pytest.mark.parametrize("dialect", DIALECTS)
def test_refuses_what_the_library_refuses(dialect, recorded):
    refused = [(loss, given) for loss, given, printed in recorded[dialect] if printed is None]
    assert len(refused) >= 3
    for loss, given in refused:
        with pytest.raises(InvalidInput) as error:
            dialect_loss(dialect, loss, **given)
        assert error.value.code in REFUSALS, (loss, given)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_everything_in_the_table_is_recorded(dialect, recorded, requests):
    covered = set()
    for loss, given, printed in recorded[dialect]:
        call = requests.meant(dialect, loss, given)
        if printed is None or call is None:
            continue
        member, truth = (
            next(name for name in given if name in names)
            for names in (call.predictions, call.truths)
        )
        reduction = given.get("reduction", "mean")
        covered |= {(loss, call.text, member, truth, option, reduction) for option in ("", *given)}
    table = [(loss, call.text, *rest) for loss, call, *rest in requests.combinations(dialect)]
    assert [combination for combination in table if combination not in covered] == []
    assert {loss for loss, *_ in table} == {*SUPPORTED[dialect]}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_answers_have_the_precision_of_the_library(dialect, recorded):
    for loss, given, printed in recorded[dialect]:
        if printed is not None and dialect != "sklearn":
            answer = np.asarray(dialect_loss(dialect, loss, **given).loss)
            assert np.array_equal(answer, answer.astype(np.float32), equal_nan=True)


def test_an_answer_that_is_off_is_seen(libraries):
    assert libraries.ulps("torch", np.float64(2.0), 2.0 + 5 * 2.0**-22, {}) == 5
    assert libraries.ulps("sklearn", np.float64(2.0), 2.0 + 5 * 2.0**-51, {}) == 5
    assert libraries.ulps("torch", np.float64(np.nan), 0.0, {}) == np.inf
    assert libraries.ulps("torch", np.zeros(2), 0.0, {}) == np.inf
