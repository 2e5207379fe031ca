"""The multinomial logistic model: predict, fit, evaluate; the models that ship."""

from service.classifier.artifact import from_bytes, read_model, to_bytes
from service.classifier.card import card
from service.classifier.datasets import SHIPPED, Dataset, Source, load_dataset
from service.classifier.evaluate import evaluate
from service.classifier.examples import write_examples
from service.classifier.fit import Fit, fit, partial_fit
from service.classifier.inference import Inference, likelihood_ratio
from service.classifier.model import Label, Model, Prediction
from service.classifier.options import SOLVERS, Options
from service.classifier.sgd import Descent
from service.classifier.temperature import Calibration, fit_temperature
from service.classifier.train import Trained, train
from service.classifier.training import shipped_models, train_shipped
from service.classifier.uniqueness import is_unique

__all__ = [
    "SHIPPED",
    "SOLVERS",
    "Calibration",
    "Dataset",
    "Descent",
    "Fit",
    "Inference",
    "Label",
    "Model",
    "Options",
    "Prediction",
    "Source",
    "Trained",
    "card",
    "evaluate",
    "fit",
    "fit_temperature",
    "from_bytes",
    "is_unique",
    "likelihood_ratio",
    "load_dataset",
    "partial_fit",
    "read_model",
    "shipped_models",
    "to_bytes",
    "train",
    "train_shipped",
    "write_examples",
]
