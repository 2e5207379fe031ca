"""The multinomial logistic model: predict, fit, evaluate; the models that ship."""

from service.classifier.abstention import Abstain, Abstention
from service.classifier.artifact import from_bytes, is_artifact, read_model, to_bytes
from service.classifier.card import card, described, imported
from service.classifier.datasets import SHIPPED, Dataset, Source, load_dataset
from service.classifier.distance import Distance, fit_distance
from service.classifier.evaluate import compare, evaluate, to_assess
from service.classifier.examples import write_examples
from service.classifier.fit import Fit, fit
from service.classifier.formats import FORMATS, Format, read_format, write_format
from service.classifier.held_out import HeldOut
from service.classifier.inference import Inference, likelihood_ratio
from service.classifier.interchange import (
    model_from_json,
    model_from_parameters,
    model_from_torch,
    to_json,
    to_torch,
)
from service.classifier.model import Model
from service.classifier.onnx import model_from_onnx, to_onnx
from service.classifier.options import SOLVERS, Options
from service.classifier.prediction import Label, Prediction, PredictionSets
from service.classifier.selective import RiskCoverage, risk_coverage
from service.classifier.sgd import Descent, partial_fit
from service.classifier.trace import Step, Tell
from service.classifier.train import Trained, train
from service.classifier.training import shipped_models, train_shipped
from service.evaluation.temperature import Calibration, fit_temperature

__all__ = [
    "FORMATS",
    "SHIPPED",
    "SOLVERS",
    "Abstain",
    "Abstention",
    "Calibration",
    "Dataset",
    "Descent",
    "Distance",
    "Fit",
    "Format",
    "HeldOut",
    "Inference",
    "Label",
    "Model",
    "Options",
    "Prediction",
    "PredictionSets",
    "RiskCoverage",
    "Source",
    "Step",
    "Tell",
    "Trained",
    "card",
    "compare",
    "described",
    "evaluate",
    "fit",
    "fit_distance",
    "fit_temperature",
    "from_bytes",
    "imported",
    "is_artifact",
    "likelihood_ratio",
    "load_dataset",
    "model_from_json",
    "model_from_onnx",
    "model_from_parameters",
    "model_from_torch",
    "partial_fit",
    "read_format",
    "read_model",
    "risk_coverage",
    "shipped_models",
    "to_assess",
    "to_bytes",
    "to_json",
    "to_onnx",
    "to_torch",
    "train",
    "train_shipped",
    "write_examples",
    "write_format",
]
