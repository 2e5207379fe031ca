"""What an ONNX graph computes, followed operator by operator, where it is a linear classifier."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from service.classifier.prediction import Label
from service.classifier.rows import Array
from service.errors import MAX_NAME, Code, InvalidInput, MalformedBody

PASSES = ("Cast", "Identity", "ZipMap", "Reshape", "Flatten")


@dataclass(slots=True)
class Reader:
    """What is known of the values of a graph, each by its name.

    Attributes:
        onnx: the package.
        values: `input`, `logits`, `probabilities` or `label`.
        constants: arrays.
        weight: shape (K, D), once there is a linear operator.
        bias: shape (K,) or (1,).
        classes: where the graph names them.
    """

    onnx: ModuleType
    values: dict[str, str] = field(default_factory=dict)
    constants: dict[str, npt.NDArray[Any]] = field(default_factory=dict)
    weight: Array | None = None
    bias: Array | None = None
    classes: list[Label] | None = None

    def read(self, graph: Any) -> None:
        """Follows a graph to its end.

        Raises:
            MalformedBody: a tensor does not hold what it says.
            InvalidInput: it is no linear classifier.
        """
        for tensor in graph.initializer:
            self.constants[tensor.name] = self._array(tensor)
        inputs = [entry.name for entry in graph.input if entry.name not in self.constants]
        if len(inputs) != 1:
            raise refused(f"the graph has {len(inputs)} inputs; a classifier has one")
        self.values[inputs[0]] = "input"
        for node in graph.node:
            self._follow(node)
        found = [self.values.get(entry.name) for entry in graph.output]
        if not {"logits", "probabilities"} & set(found) or not set(found) <= {
            "logits",
            "probabilities",
            "label",
        }:
            raise refused("the outputs must be logits or probabilities, and perhaps labels")

    def _follow(self, node: Any) -> None:
        operator = str(node.op_type)
        attributes = {
            entry.name: self.onnx.helper.get_attribute_value(entry) for entry in node.attribute
        }
        if node.domain not in ("", "ai.onnx", "ai.onnx.ml"):
            raise refused(f"operators of the domain {node.domain[:MAX_NAME]} are not known")
        if operator == "Constant":
            if set(attributes) != {"value"}:
                raise refused("Constant must hold a tensor")
            self.constants[node.output[0]] = self._array(attributes["value"])
        elif operator in PASSES:
            self._pass(operator, node, attributes)
        elif operator == "LinearClassifier":
            self._classifier(node, attributes)
        elif operator in ("MatMul", "Gemm", "Add"):
            self._linear(operator, node, attributes)
        elif operator in ("Softmax", "Sigmoid", "Normalizer", "ArgMax"):
            self._shape_output(operator, node, attributes)
        elif operator in ("Gather", "ArrayFeatureExtractor"):
            names, index = node.input
            if self.values.get(index) != "label" or names not in self.constants:
                raise refused(f"{operator} must look up class names")
            self.classes = _labels(self.constants[names].reshape(-1).tolist())
            self.values[node.output[0]] = "label"
        else:
            raise refused(f"{operator[:MAX_NAME]} is no operator of a linear classifier")

    def _pass(self, operator: str, node: Any, attributes: dict[str, Any]) -> None:
        """Operators that change no value, but in type or form."""
        source = node.input[0]
        if source in self.constants and operator in ("Cast", "Identity"):
            if operator == "Identity":
                self.constants[node.output[0]] = self.constants[source]
                return
            raise refused("Cast of a constant is not followed")
        kind = self._input_of(node)
        if operator == "Cast" and kind != "label":
            floats = (self.onnx.TensorProto.FLOAT, self.onnx.TensorProto.DOUBLE)
            if attributes.get("to") not in floats:
                raise refused("Cast of scores must be to FLOAT or DOUBLE")
        if operator == "Flatten" and (kind != "input" or attributes.get("axis", 1) != 1):
            raise refused("Flatten is known for the input alone")
        if operator == "Reshape" and kind != "label":
            raise refused("Reshape is known for labels alone")
        if operator == "ZipMap":
            given = attributes.get("classlabels_int64s") or attributes.get("classlabels_strings")
            if kind != "probabilities" or given is None:
                raise refused("ZipMap must name the classes of probabilities")
            self._name(_labels(given))
        self.values[node.output[0]] = kind

    def _linear(self, operator: str, node: Any, attributes: dict[str, Any]) -> None:
        if operator == "Add":
            left, right = node.input
            scores, constant = (left, right) if right in self.constants else (right, left)
            if self.values.get(scores) != "logits" or self.bias is not None:
                raise refused("Add must add the intercepts to a product, once")
            self.bias = self._numbers(constant, operator).reshape(-1)
            self.values[node.output[0]] = "logits"
            return
        if self._input_of(node) != "input" or self.weight is not None:
            raise refused(f"{operator} must take the input, and there must be one of its kind")
        matrix = self._numbers(node.input[1], operator)
        if matrix.ndim != 2:
            raise refused(f"the factor of {operator} is no matrix")
        self.weight = matrix.T
        if operator == "Gemm":
            if attributes.get("transA", 0):
                raise refused("Gemm with transA is not known")
            self.weight = matrix if attributes.get("transB", 0) else matrix.T
            self.weight = attributes.get("alpha", 1.0) * self.weight
            if len(node.input) > 2 and node.input[2]:
                bias = self._numbers(node.input[2], operator).reshape(-1)
                self.bias = attributes.get("beta", 1.0) * bias
        if self.bias is not None and self.bias.size not in (1, len(self.weight)):
            raise refused("the intercepts are not as many as the classes")
        self.values[node.output[0]] = "logits"

    def _shape_output(self, operator: str, node: Any, attributes: dict[str, Any]) -> None:
        kind = self._input_of(node)
        wanted = {
            "Softmax": kind == "logits" and attributes.get("axis", -1) in (-1, 1),
            "Sigmoid": kind == "logits" and self.weight is not None and len(self.weight) == 1,
            "Normalizer": kind == "probabilities" and attributes.get("norm") == b"L1",
            "ArgMax": kind in ("logits", "probabilities")
            and attributes.get("axis", 0) in (-1, 1)
            and not attributes.get("select_last_index", 0),
        }
        if not wanted[operator]:
            raise refused(f"{operator} is known in another place or with other attributes only")
        if operator == "Softmax" and self.weight is not None and len(self.weight) == 1:
            raise refused("Softmax over a single column")
        self.values[node.output[0]] = "label" if operator == "ArgMax" else "probabilities"

    def _classifier(self, node: Any, attributes: dict[str, Any]) -> None:
        if self._input_of(node) != "input" or self.weight is not None:
            raise refused("LinearClassifier must take the input")
        flat = np.asarray(attributes.get("coefficients", ()), dtype=np.float64)
        bias = np.asarray(attributes.get("intercepts", ()), dtype=np.float64)
        rows = bias.size
        if rows < 2 or flat.size == 0 or flat.size % rows:
            raise refused("LinearClassifier must have intercepts and coefficients for each class")
        self.weight, self.bias = flat.reshape(rows, -1), bias
        given = attributes.get("classlabels_ints") or attributes.get("classlabels_strings")
        if given is not None:
            self._name(_labels(given))
        post = attributes.get("post_transform", b"NONE")
        if post == b"LOGISTIC":
            mirrored = rows == 2 and (flat[: flat.size // 2] == -flat[flat.size // 2 :]).all()
            if not mirrored or bias[0] != -bias[1]:
                raise refused("LinearClassifier with LOGISTIC is one against the rest: no softmax")
            self.weight, self.bias = self.weight[1:], bias[1:]
        elif post not in (b"SOFTMAX", b"NONE"):
            raise refused("LinearClassifier must have post_transform SOFTMAX, LOGISTIC or NONE")
        for output, kind in zip(node.output, ("label", "scores"), strict=False):
            scores = "logits" if post == b"NONE" else "probabilities"
            self.values[output] = scores if kind == "scores" else kind

    def _name(self, classes: list[Label]) -> None:
        if self.classes is not None and self.classes != classes:
            raise refused("its classes are named in two ways")
        self.classes = classes

    def _input_of(self, node: Any) -> str:
        kind = self.values.get(node.input[0]) if node.input else None
        if kind is None:
            raise refused(f"the input of {node.op_type[:MAX_NAME]} is not computed before it")
        return kind

    def _numbers(self, name: str, operator: str) -> Array:
        array = self.constants.get(name)
        if array is None or array.dtype.kind != "f":
            raise refused(f"{operator} must have a constant tensor of floating numbers")
        return array.astype(np.float64)

    def _array(self, tensor: Any) -> npt.NDArray[Any]:
        """The cells of a tensor, once it holds as many as it says."""
        kinds = self.onnx.TensorProto
        where = f"the tensor {tensor.name[:MAX_NAME]}"
        if tensor.data_location == kinds.EXTERNAL or tensor.external_data:
            raise refused(f"{where} lies in another file")
        count = math.prod(tensor.dims) if all(size >= 0 for size in tensor.dims) else -1
        sizes = {kinds.FLOAT: 4, kinds.DOUBLE: 8, kinds.INT64: 8, kinds.FLOAT16: 2}
        if tensor.data_type == kinds.STRING:
            held = len(tensor.string_data)
        elif tensor.data_type not in sizes:
            raise refused(f"{where} is of another type than FLOAT, DOUBLE, INT64 or STRING")
        elif tensor.HasField("raw_data"):
            held, rest = divmod(len(tensor.raw_data), sizes[tensor.data_type])
            held = -1 if rest else held
        else:
            held = max(len(tensor.float_data), len(tensor.double_data), len(tensor.int64_data))
        if held != count:
            raise malformed(f"{where} does not hold as many numbers as its shape says")
        if tensor.data_type == kinds.STRING:
            return np.array(list(tensor.string_data), dtype=np.object_).reshape(tuple(tensor.dims))
        try:
            array: npt.NDArray[Any] = self.onnx.numpy_helper.to_array(tensor)
        except ValueError as error:
            raise malformed(f"{where} does not hold what its type says") from error
        return array


def _labels(values: Sequence[Any]) -> list[Label]:
    try:
        return [value.decode() if isinstance(value, bytes) else value for value in values]
    except UnicodeDecodeError:
        raise malformed("a class name is not UTF-8") from None


def refused(detail: str) -> InvalidInput:
    """The error for a graph that computes something else."""
    return InvalidInput.at("", Code.UNSUPPORTED_MODEL, f"not a linear classifier: {detail}")


def malformed(detail: str) -> MalformedBody:
    """The error for bytes that are no ONNX model."""
    return MalformedBody(Code.INVALID_ONNX, f"not an ONNX model: {detail}")
