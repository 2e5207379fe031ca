"""The models that ship: what they claim, and that they can be built again."""

import subprocess
import sys

import numpy as np
import pytest
from safetensors import safe_open

from service.classifier import evaluate, load_dataset, shipped_models, train_shipped, training
from service.classifier.datasets import SHIPPED
from service.classifier.training import PENALTIES, penalty_search


@pytest.fixture(scope="module")
def models():
    return shipped_models()


def contents(path):
    with safe_open(path, framework="numpy") as file:
        return file.metadata(), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


def held_out(name):
    data = load_dataset(name)
    return data.inputs[data.held_out], np.array(data.classes)[data.labels[data.held_out]]


@pytest.mark.parametrize("model", ["iris", pytest.param("digits", marks=pytest.mark.slow)])
def test_a_rebuild_gives_the_same_file_to_the_last_stored_digit(model, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "SOURCES", (model,))
    (path,) = train_shipped(tmp_path)
    assert path.name == f"{model}.safetensors"
    metadata, tensors = contents(path)
    shipped_metadata, shipped_tensors = contents(SHIPPED / path.name)
    assert metadata == shipped_metadata
    for name, array in tensors.items():
        shipped = shipped_tensors[name]
        # One unit in the 12th significant digit of each number.
        magnitude = np.where(shipped == 0.0, 1.0, np.abs(shipped))
        # Scores are stored to 6 digits, distances to 9.
        digits = {"held": 6, "dist": 9}.get(name[:4], 12)
        unit = 10.0 ** (np.floor(np.log10(magnitude)) - digits + 1)
        unit = np.where(shipped == 0.0, 0.0, unit)
        assert (np.abs(array * 1.0 - shipped) <= 1.001 * unit).all()


@pytest.mark.parametrize(("name", "classes", "features"), [("iris", 3, 4), ("digits", 10, 64)])
def test_the_shipped_files_are_small_and_hold_twelve_digits(models, name, classes, features):
    model = models[name]
    assert (SHIPPED / f"{name}.safetensors").stat().st_size < 120_000
    assert (model.name, model.version) == (name, 1)
    assert model.coefficients.shape == (classes, features)
    assert model.classes == load_dataset(name).classes
    assert model.feature_names == load_dataset(name).feature_names
    for value in [*model.coefficients.ravel().tolist(), *model.intercepts.tolist()]:
        assert value == float(f"{value:.11e}")


@pytest.mark.parametrize("name", ["iris", "digits"])
def test_the_held_out_figures_are_those_of_the_held_out_rows(models, name):
    inputs, labels = held_out(name)
    model = models[name]
    stated = model.metadata["metrics"]["held_out"]
    # The plain definition, without the engine.
    logits = inputs @ model.coefficients.T + model.intercepts
    truth = np.array([model.classes.index(label) for label in labels.tolist()])
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_probabilities = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    log_loss = -log_probabilities[np.arange(len(truth)), truth].mean()
    shares = np.bincount(truth) / len(truth)
    assert stated["rows"] == len(labels)
    assert stated["log_loss"] == pytest.approx(log_loss, rel=1e-11)
    assert stated["accuracy"] == pytest.approx((logits.argmax(axis=1) == truth).mean(), rel=1e-11)
    assert stated["uniform_baseline"] == pytest.approx(np.log(len(shares)), rel=1e-11)
    assert stated["prior_baseline"] == pytest.approx(-(shares * np.log(shares)).sum(), rel=1e-11)
    assert evaluate(model, inputs, labels).log_loss == pytest.approx(stated["log_loss"], rel=1e-11)


@pytest.mark.parametrize(
    ("name", "log_loss", "accuracy"), [("iris", 0.115, 0.93), ("digits", 0.12, 0.97)]
)
def test_the_shipped_models_are_worth_shipping(models, name, log_loss, accuracy):
    stated = models[name].metadata["metrics"]["held_out"]
    assert stated["log_loss"] < log_loss
    assert stated["accuracy"] > accuracy


@pytest.mark.parametrize("name", ["iris", "digits"])
def test_the_metadata_say_how_the_model_was_made(models, name):
    metadata, data = models[name].metadata, load_dataset(name)
    assert metadata["data"]["licence"] == "CC-BY-4.0"
    assert metadata["data"]["attribution"]
    assert metadata["data"]["sha256"] == data.sha256
    split = metadata["split"]
    assert split["seed"] == 1
    assert split["training_rows"] + split["held_out_rows"] == len(data.labels)
    training = metadata["training"]
    assert training["gradient_norm"] <= 1e-8
    candidates = training["l2_candidates"]
    assert [candidate["l2"] for candidate in candidates] == list(PENALTIES[: len(candidates)])
    assert training["l2"] == min(candidates, key=lambda found: found["log_loss"])["l2"]


@pytest.mark.parametrize("name", ["iris", "digits"])
def test_the_stored_parameters_are_at_the_optimum_they_state(models, name):
    data, model = load_dataset(name), models[name]
    training = model.metadata["training"]
    inputs, labels = data.inputs[~data.held_out], data.labels[~data.held_out]
    logits = inputs @ model.coefficients.T + model.intercepts
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    residuals = shifted / shifted.sum(axis=1, keepdims=True)
    residuals[np.arange(len(labels)), labels] -= 1.0
    gradient = residuals.T @ inputs + training["l2"] * model.coefficients
    largest = max(np.abs(gradient).max(), np.abs(residuals.sum(axis=0)).max())
    assert largest / len(labels) == pytest.approx(training["gradient_norm"], rel=0.05)
    assert largest / len(labels) < 1e-10
    likelihood = training["log_likelihood"]
    penalty = training["l2"] / 2 * (model.coefficients**2).sum()
    assert training["objective_value"] == pytest.approx(penalty - likelihood, rel=1e-11)


def test_the_penalties_are_all_tried_while_the_log_loss_falls(monkeypatch):
    monkeypatch.setattr(training, "PENALTIES", (100.0, 10.0))
    candidates = penalty_search(load_dataset("iris"))
    assert [candidate.l2 for candidate in candidates] == [100.0, 10.0]
    assert candidates[0].log_loss > candidates[1].log_loss


def test_predicting_does_not_load_scipy():
    # Only the fit needs it, and every start of the service would pay for its import.
    script = (
        "import sys; from service.classifier import shipped_models; "
        "shipped_models()['iris'].predict([[5.1, 3.5, 1.4, 0.2]]); "
        "sys.exit('scipy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
