"""What PyTorch, SciPy and scikit-learn answer for the same rows, where they are installed.

Each is called as its documents say for such predictions, and nothing is mended: what it cannot be
given is left out.
"""

import importlib
import warnings
from collections.abc import Callable
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import numpy as np
from families import Family
from forms import Form

Answers = dict[str, np.ndarray]
"""By library."""


def optional(name: str) -> ModuleType | None:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


torch, special, stats, distance, metrics = map(
    optional,
    ("torch", "scipy.special", "scipy.stats", "scipy.spatial.distance", "sklearn.metrics"),
)

if torch:
    torch.set_num_threads(1)  # for rows so small, threads wait for one another


@contextmanager
def quietly() -> Any:
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def of_softmax(name: str, z: np.ndarray) -> Answers:
    """Softmax, its logarithm and its normaliser, of logits divided by the temperature."""
    answers = {}
    with quietly():
        if torch:
            answers["PyTorch"] = getattr(torch, name)(torch.tensor(z), 1).numpy()
        if special:
            answers["SciPy"] = getattr(special, name)(z, axis=1)
    return answers


def of_loss(
    name: str, form: Form, family: Family, source: str, *, bits: bool
) -> dict[str, Answers]:
    """Losses and gradients, by part of the answer."""
    answers: dict[str, Answers] = {"loss": {}, "gradient": {}}
    with quietly():
        loss = None if bits or not torch else torch_loss(name, form, source)
        if loss is not None:
            values = torch.tensor(family.values, requires_grad=True)
            z = values / family.temperature if source == "logits" else values
            found = loss(z)
            found.sum().backward()
            answers["loss"]["PyTorch"] = found.detach().numpy()
            answers["gradient"]["PyTorch"] = values.grad.numpy()
        if special and name != "cross_entropy" and form.name in ("", "soft"):
            p = chances(family, source)
            truth = form.members.get("targets")
            if truth is None:
                truth = np.eye(p.shape[1])[form.members["labels"]] if p.shape[1] <= 1000 else None
            found = None if truth is None else scipy_loss(name, p, truth, bits)
            if found is not None:
                answers["loss"]["SciPy"] = found
        if metrics and special and not bits and not form.name:
            found = sklearn_loss(name, chances(family, source), form.members["labels"])
            if found is not None:
                answers["loss"]["scikit-learn"] = found
    return answers


def chances(family: Family, source: str) -> np.ndarray:
    if source == "logits":
        return special.softmax(family.values / family.temperature, axis=1)
    return family.values if source == "probabilities" else np.exp(family.values)


def torch_loss(name: str, form: Form, source: str) -> Callable[[Any], Any] | None:
    """From predictions to losses."""
    functions = torch.nn.functional
    smoothing = form.members.get("label_smoothing", 0.0)
    given = {key: torch.tensor(value) for key, value in form.members.items()}
    truth = given.get("labels", given.get("targets"))
    weights = given.get("sample_weights", 1.0)

    def logs(values: Any) -> Any:
        if source == "logits":
            return torch.log_softmax(values, 1)
        return torch.log(values) if source == "probabilities" else values

    if name == "cross_entropy" and source == "logits":
        options = {"weight": given.get("class_weights"), "label_smoothing": smoothing}
        return lambda z: weights * functions.cross_entropy(z, truth, reduction="none", **options)
    if name == "cross_entropy" and form.hard:
        options = {"weight": given.get("class_weights"), "reduction": "none"}
        return lambda values: weights * functions.nll_loss(logs(values), truth, **options)
    if name == "kl_divergence" and form.name == "soft":
        return lambda values: functions.kl_div(logs(values), truth, reduction="none").sum(1)
    if name == "entropy":
        if source == "logits":
            return lambda z: torch.distributions.Categorical(logits=z).entropy()
        if source == "probabilities":
            return lambda p: torch.special.entr(p).sum(1)
    return None


def scipy_loss(name: str, p: np.ndarray, t: np.ndarray, bits: bool) -> np.ndarray | None:
    base = 2 if bits else None
    if name == "entropy":
        return stats.entropy(p, base=base, axis=1)
    if name == "kl_divergence":
        return stats.entropy(t, p, base=base, axis=1) if bits else special.kl_div(t, p).sum(axis=1)
    if name == "js_divergence":
        return distance.jensenshannon(t, p, base=base, axis=1) ** 2
    return None


def sklearn_loss(name: str, p: np.ndarray, labels: np.ndarray) -> np.ndarray | None:
    """Of each row alone, since it answers with means."""
    classes = np.arange(p.shape[1])
    if name == "cross_entropy":
        function, options = metrics.log_loss, {}
    elif name == "brier":
        function, options = metrics.brier_score_loss, {"scale_by_half": False}
    else:
        return None
    rows = zip(labels[:, None], p[:, None], strict=True)
    return np.array([function(y, row, labels=classes, **options) for y, row in rows])


def of_sigmoid(name: str, z: np.ndarray) -> Answers:
    answers = {}
    with quietly():
        if torch and name != "log1mexp":
            function = getattr(torch.nn.functional, name.replace("log_s", "logs"))
            answers["PyTorch"] = function(torch.tensor(z)).numpy()
        if special and name in SCIPY_NAMES:
            answers["SciPy"] = getattr(special, SCIPY_NAMES[name])(z)
    return answers


SCIPY_NAMES = {"sigmoid": "expit", "log_sigmoid": "log_expit"}


def of_binary(name: str, form: Any, family: Family, source: str) -> dict[str, Answers]:
    """Binary cross-entropy and its gradient, by part of the answer."""
    answers: dict[str, Answers] = {"loss": {}, "gradient": {}}
    if name != "binary_cross_entropy":
        return answers
    with quietly():
        if torch and (source == "logits" or form.positive == 1.0):
            values = torch.tensor(family.values, requires_grad=True)
            truth, weight = torch.tensor(form.truth), torch.tensor(form.scale)
            functions = torch.nn.functional
            if source == "logits":
                found = functions.binary_cross_entropy_with_logits(
                    values, truth, reduction="none", pos_weight=torch.tensor(form.positive)
                )
            else:
                p = values if source == "probabilities" else values.exp()
                found = functions.binary_cross_entropy(p, truth, reduction="none")
            found = found * weight
            found.sum().backward()
            answers["loss"]["PyTorch"] = found.detach().numpy()
            answers["gradient"]["PyTorch"] = values.grad.numpy()
        if metrics and special and not form.name:
            p = {"logits": special.expit, "log-probabilities": np.exp}.get(source, np.asarray)(
                family.values
            )
            rows = zip(form.truth[:, None], p[:, None], strict=True)
            answers["loss"]["scikit-learn"] = np.array(
                [metrics.log_loss(y, x, labels=[0, 1]) for y, x in rows]
            )
    return answers


def of_reduction(name: str, values: np.ndarray) -> Answers:
    """The sum or mean of the same numbers."""
    if not torch:
        return {}
    return {"PyTorch": getattr(torch.tensor(values), name)().numpy()[None]}


def of_narrow(loss: str, form: str, z: np.ndarray, labels: np.ndarray) -> Answers:
    """The same of predictions in fewer bits."""
    if loss != "cross_entropy":
        return of_softmax(loss, z)
    if not torch:
        return {}
    values = torch.tensor(z, requires_grad=True)
    with quietly():
        found = torch.nn.functional.cross_entropy(values, torch.tensor(labels), reduction="none")
        found.sum().backward()
    return {"PyTorch": (values.grad if form else found.detach()).numpy()}
