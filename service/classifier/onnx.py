"""ONNX: write a model as a graph, and read the graphs that others write of a linear classifier.

The graph that is written computes in float64 inside and takes and gives float32, as the users of
onnxruntime and skl2onnx expect: `X` to `label` and `probabilities`. What is read is followed
operator by operator; one that does not belong to a linear classifier is refused by its name.

Source: the operators' definitions, https://onnx.ai/onnx/operators/
"""

from collections.abc import Sequence
from types import ModuleType

import numpy as np

from service.classifier.interchange import full_parameters, model_from_parameters
from service.classifier.model import Model
from service.classifier.onnx_graph import Reader, malformed, refused
from service.classifier.prediction import Label
from service.errors import Missing

OPSET = 17
IR_VERSION = 8


def to_onnx(model: Model) -> bytes:
    """A model as ONNX: `X` (N, D) float32 in; `label` (N,), `probabilities` (N, K) float32 out.

        probabilities = Softmax(Gemm(Cast(X), coefficients, intercepts))

    Args:
        model: the model.

    Raises:
        Missing: the package onnx is not installed.
    """
    onnx = _onnx()
    helper, kinds = onnx.helper, onnx.TensorProto
    weight, bias = full_parameters(model)
    rows, width = weight.shape
    names = np.array(model.classes)
    kind = kinds.INT64 if names.dtype.kind == "i" else kinds.STRING
    stored = list(model.classes) if kind == kinds.INT64 else [str(c).encode() for c in names]
    nodes = [
        helper.make_node("Cast", ["X"], ["inputs"], to=kinds.DOUBLE),
        helper.make_node("Gemm", ["inputs", "coefficients", "intercepts"], ["logits"], transB=1),
        helper.make_node("Softmax", ["logits"], ["exact"], axis=-1),
        helper.make_node("Cast", ["exact"], ["probabilities"], to=kinds.FLOAT),
        helper.make_node("ArgMax", ["logits"], ["index"], axis=1, keepdims=0),
        helper.make_node("Gather", ["classes", "index"], ["label"]),
    ]
    graph = helper.make_graph(
        nodes,
        model.name,
        [helper.make_tensor_value_info("X", kinds.FLOAT, ["N", width])],
        [
            helper.make_tensor_value_info("label", kind, ["N"]),
            helper.make_tensor_value_info("probabilities", kinds.FLOAT, ["N", rows]),
        ],
        [
            onnx.numpy_helper.from_array(np.ascontiguousarray(weight), "coefficients"),
            onnx.numpy_helper.from_array(np.ascontiguousarray(bias), "intercepts"),
            helper.make_tensor("classes", kind, [rows], stored),
        ],
    )
    opsets = [helper.make_opsetid("", OPSET)]
    proto = helper.make_model(
        graph, producer_name="xent", opset_imports=opsets, ir_version=IR_VERSION
    )
    helper.set_model_props(proto, {"feature_names": "\n".join(model.feature_names)})
    onnx.checker.check_model(proto)
    content: bytes = proto.SerializeToString(deterministic=True)
    return content


def model_from_onnx(
    body: bytes,
    *,
    classes: Sequence[Label] | None = None,
    feature_names: Sequence[str] | None = None,
    name: str = "model",
    version: int = 1,
) -> Model:
    """A model from ONNX: what `to_onnx`, skl2onnx or torch.onnx write of a linear classifier.

    Args:
        body: the file, whole: data that lie in other files are refused.
        classes: names in column order; None is those of the graph, or 0..K-1.
        feature_names: D names; None is those of the file, or x0, x1, ...
        name: of the model.
        version: of the model.

    Raises:
        Missing: the package onnx is not installed.
        MalformedBody: not ONNX, or a tensor that does not hold what it says.
        InvalidInput: an operator, attribute or order of operators that a linear classifier has
            not, or parameters that do not fit together.
    """
    onnx = _onnx()
    try:
        proto = onnx.load_model_from_string(bytes(body))
    except Exception as error:  # protobuf's parsers differ in their errors
        raise malformed("the bytes cannot be read") from error
    if not proto.opset_import:
        raise malformed("it names no set of operators")
    if proto.functions or proto.graph.sparse_initializer:
        raise refused("local functions and sparse tensors are none of a linear classifier's")
    reader = Reader(onnx)
    reader.read(proto.graph)
    known = {entry.key: entry.value for entry in proto.metadata_props}
    names = known["feature_names"].split("\n") if "feature_names" in known else None
    assert reader.weight is not None
    rows = len(reader.weight)
    bias = np.zeros(rows) if reader.bias is None else np.broadcast_to(reader.bias, (rows,))
    return model_from_parameters(
        reader.weight,
        bias,
        classes=reader.classes if classes is None else classes,
        feature_names=feature_names or names,
        name=name,
        version=version,
    )


def _onnx() -> ModuleType:
    try:
        import onnx
        import onnx.numpy_helper
    except ImportError:
        raise Missing.package("onnx", "ONNX") from None
    module: ModuleType = onnx
    return module
