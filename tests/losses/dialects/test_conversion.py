"""Predictions that a library does not take, converted before they are compared."""

import numpy as np
import pytest

from service.losses import CATALOGUE, score
from service.losses.dialects import CONVERSIONS, SUPPORTED, dialect_loss

LOSSES = {loss.name: loss for loss in CATALOGUE}
CE, NLL, KL = "cross-entropy", "negative-log-likelihood", "kl-divergence"
P = np.array([[0.5, 0.25, 0.25], [0.125, 0.125, 0.75]])
LABELS = np.array([0, 1])
HARD, SOFT = {"labels": LABELS}, {"targets": np.array([[0.5, 0.5, 0.0], [0.25, 0.25, 0.5]])}
SENT = {"logits": np.log(P) + 3, "probabilities": P, "log_probabilities": np.log(P)}


def compared(loss, library, **given):
    return score(LOSSES[loss], given, compare=[library]).compared[library]


def codes(found):
    return [rule.code for rule in found.rules]


@pytest.mark.parametrize(
    ("loss", "library", "member", "taken", "truth"),
    [
        (CE, "sklearn", "logits", "probabilities", HARD),
        (CE, "sklearn", "log_probabilities", "probabilities", HARD),
        (CE, "keras", "log_probabilities", "probabilities", HARD),
        (CE, "torch", "probabilities", "log_probabilities", HARD),
        (CE, "torch", "probabilities", "logits", SOFT),
        (CE, "torch", "log_probabilities", "logits", SOFT),
        (NLL, "torch", "probabilities", "log_probabilities", HARD),
        (KL, "torch", "probabilities", "log_probabilities", SOFT),
        (KL, "keras", "logits", "probabilities", SOFT),
        ("brier", "sklearn", "logits", "probabilities", HARD),
    ],
)
def test_the_library_is_given_what_it_takes_and_the_answer_says_so(
    loss, library, member, taken, truth
):
    found = compared(loss, library, **{member: SENT[member]}, **truth)
    plain = dialect_loss(library, loss, **{taken: SENT[taken]}, **truth)
    assert codes(found) == [f"from_{member}", *codes(plain)]
    assert found.loss == pytest.approx(plain.loss, rel=1e-7)
    assert CONVERSIONS[member, taken] == found.rules[0]


@pytest.mark.parametrize(("loss", "truth"), [(NLL, HARD), (KL, SOFT)])
def test_torch_makes_log_probabilities_itself(loss, truth):
    found = compared(loss, "torch", logits=SENT["logits"], **truth)
    plain = dialect_loss("torch", loss, log_probabilities=SENT["log_probabilities"], **truth)
    assert "log_softmax_first" in codes(found)
    assert found.loss == pytest.approx(plain.loss, rel=1e-6)


def test_what_a_library_takes_is_left_as_it_is():
    assert not any(
        code.startswith("from_") for code in codes(compared(CE, "torch", **HARD, logits=P))
    )


def test_conversions_are_made_in_float64():
    given = {"logits": SENT["logits"].astype(np.float32), "labels": LABELS}
    found = compared(CE, "sklearn", **given)
    assert codes(found) == ["from_logits"]  # nothing is left in float32
    p = np.exp(given["logits"].astype(np.float64))
    p /= p.sum(axis=1, keepdims=True)
    assert found.loss == pytest.approx(-np.log(p[[0, 1], LABELS]).mean(), rel=1e-15)


def test_the_temperature_and_the_axis_are_those_of_the_logits():
    given = {"logits": SENT["logits"].T, "labels": LABELS, "axis": 0, "temperature": 2.0}
    found = compared(CE, "sklearn", **given)
    assert found.loss == pytest.approx(score(LOSSES[CE], given).loss, rel=1e-14)


def test_binary_logits_become_probabilities_of_the_positive_class():
    given = {"logits": np.array([2.0, -1.0]), "labels": np.array([1, 1])}
    found = compared("binary-cross-entropy", "sklearn", **given)
    assert codes(found) == ["from_logits"]
    assert found.loss == pytest.approx(np.log1p(np.exp([-2.0, 1.0])).mean(), rel=1e-15)


def test_infinities_are_the_library_s_own_affair():
    given = {"probabilities": np.array([[0.0, 1.0]]), "labels": np.array([0])}
    assert compared(NLL, "torch", **given).loss == np.inf
    far = {"log_probabilities": np.array([[1e3, -1.0]]), "labels": np.array([1])}
    found = score(LOSSES[CE], far, dialect="keras")  # Infinity divided by itself is NaN, and 0
    assert found.loss == pytest.approx(-np.log(np.float32(1e-7)), rel=1e-6)
    assert found.exact is None


def test_no_logarithm_is_taken_for_a_binary_logit():
    for truth in ("labels", "targets"):
        for losses in SUPPORTED.values():
            for loss, calls in losses.items():
                fitting = [call for call in calls if truth in call.truths]
                if loss.startswith("binary") and fitting:
                    assert any("probabilities" in call.predictions for call in fitting)
