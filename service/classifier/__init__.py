"""The multinomial logistic model: predict, fit, evaluate; the models that ship."""

from service.classifier.artifact import read_model, to_bytes
from service.classifier.datasets import SHIPPED, Dataset, Source, load_dataset
from service.classifier.evaluate import evaluate
from service.classifier.examples import write_examples
from service.classifier.fit import Fit, fit
from service.classifier.model import Label, Model, Prediction
from service.classifier.options import Options
from service.classifier.training import shipped_models, train_shipped

__all__ = [
    "SHIPPED",
    "Dataset",
    "Fit",
    "Label",
    "Model",
    "Options",
    "Prediction",
    "Source",
    "evaluate",
    "fit",
    "load_dataset",
    "read_model",
    "shipped_models",
    "to_bytes",
    "train_shipped",
    "write_examples",
]
