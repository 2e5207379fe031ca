"""What a fit tells of its steps, and the curve that stays."""

import json

import numpy as np
import pytest

from service.classifier import Options, card, fit, load_dataset, train
from service.classifier.trace import LONGEST, Trace
from tests.classifier.test_solvers import drawn, objective_of

SMOOTH = ("newton-cholesky", "newton-cg", "lbfgs")


@pytest.mark.parametrize("solver", [*SMOOTH, "orthant-newton"])
def test_every_accepted_step_is_told_from_the_start_to_the_end(solver):
    iris, told = load_dataset("iris"), []
    options = Options(solver=solver, l1=0.5 if solver == "orthant-newton" else 0.0)
    found = fit(iris.inputs, iris.labels, classes=3, options=options, tell=told.append)
    assert [step.iteration for step in told] == list(range(found.iterations + 1))
    assert told[0].log_loss == pytest.approx(np.log(3))  # all parameters are 0
    assert told[0].objective == pytest.approx(150 * np.log(3))
    assert told[-1].objective == found.objective
    assert told[-1].gradient_norm == found.gradient_norm
    assert told[-1].log_loss == pytest.approx(-found.log_likelihood / 150, rel=1e-14)
    values = np.array([step.objective for step in told])
    assert (np.diff(values) <= 1e-10 * values[1:]).all()
    assert found.curve == tuple(told[: LONGEST + 1]) or len(told) > LONGEST


def test_descent_tells_the_losses_of_every_epoch():
    inputs, labels = drawn(600, 5, 3)
    options = Options(solver="sgd", epochs=12, validation_fraction=0.25)
    told = []
    found = train(inputs, labels, options=options, tell=told.append)
    assert [step.iteration for step in told] == list(range(len(told)))
    assert told[-1].log_loss < told[0].log_loss
    best = min(step.validation_log_loss for step in told[1:])
    assert found.parts["validation"].log_loss == pytest.approx(best, rel=1e-12)


def test_the_validation_loss_is_that_of_the_features_as_they_came():
    inputs, labels = drawn(400, 4, 3, spread=100.0)
    options = Options(standardize=True, validation_fraction=0.25)
    found = train(inputs, labels, options=options)
    last = found.fit.curve[-1]
    assert last.validation_log_loss == pytest.approx(found.parts["validation"].log_loss, rel=1e-9)
    assert last.log_loss == pytest.approx(found.parts["train"].log_loss, rel=1e-9)


@pytest.mark.parametrize("steps", [1, 2, LONGEST, LONGEST + 1, 1000])
def test_a_curve_is_short_even_and_has_both_ends(steps):
    objective = objective_of(rows=50)
    trace, point = Trace(objective), objective.at(np.zeros(objective.shape))
    for iteration in range(steps):
        trace(iteration, point)
    kept = [step.iteration for step in trace.curve]
    assert len(kept) <= LONGEST + 1
    assert (kept[0], kept[-1]) == (0, steps - 1)
    assert len(kept) == steps or len(kept) > LONGEST // 2
    assert len(set(np.diff(kept[:-1]).tolist())) <= 1


def test_the_card_has_the_curve_by_column():
    iris = load_dataset("iris")
    options = Options(validation_fraction=0.2)
    found = train(iris.inputs, iris.labels, options=options)
    curve = json.loads(json.dumps(card(found, options)))["curve"]
    assert curve["iteration"] == list(range(found.fit.iterations + 1))
    assert curve["objective"][-1] == found.fit.objective
    assert curve["validation_log_loss"][-1] == found.fit.curve[-1].validation_log_loss
    plain = train(iris.inputs, iris.labels)
    assert "validation_log_loss" not in card(plain, Options())["curve"]
