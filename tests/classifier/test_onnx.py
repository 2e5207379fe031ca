"""ONNX: what is written runs elsewhere, what others write is read, the rest is refused."""

import numpy as np
import pytest

from service.classifier import load_dataset, model_from_onnx, shipped_models, to_onnx
from service.errors import Code, InvalidInput, MalformedBody

pytestmark = pytest.mark.peers
onnx = pytest.importorskip("onnx", reason="an extra: `make test-peers` installs it")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402 - none without the package
from onnx.reference import ReferenceEvaluator  # noqa: E402

WEIGHT = np.array([[1.0, -2.0], [0.5, 0.25], [-1.5, 3.0]], dtype=np.float32)
BIAS = np.array([0.1, 0.2, -0.3], dtype=np.float32)
ROWS = np.array([[1.0, 2.0], [-0.5, 0.125]], dtype=np.float32)


def softmax(logits):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def built(nodes, tensors=(), outputs=("probabilities",), **options):
    graph = helper.make_graph(
        nodes,
        "theirs",
        [helper.make_tensor_value_info("X", TensorProto.FLOAT, [None, 2])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        [
            value if isinstance(value, TensorProto) else numpy_helper.from_array(value, name)
            for name, value in dict(tensors).items()
        ],
    )
    return helper.make_model(graph, **options).SerializeToString()


def classifier_node(weight=WEIGHT, bias=BIAS, post="SOFTMAX", **more):
    labels = more or {"classlabels_ints": list(range(len(bias)))}
    return helper.make_node(
        "LinearClassifier",
        ["X"],
        ["label", "scores"],
        domain="ai.onnx.ml",
        coefficients=weight.ravel().tolist(),
        intercepts=bias.tolist(),
        post_transform=post,
        **labels,
    )


@pytest.mark.parametrize("name", ["iris", "digits"])
def test_another_evaluator_gives_our_labels_and_probabilities(name):
    model = shipped_models()[name]
    rows = load_dataset(name).inputs.astype(np.float32)
    label, probabilities = ReferenceEvaluator(to_onnx(model)).run(None, {"X": rows})
    ours = model.predict(rows)
    assert probabilities.dtype == np.float32
    assert np.abs(probabilities - ours.probabilities).max() <= 1e-6
    assert label.tolist() == list(ours.labels)


@pytest.mark.parametrize("name", ["iris", "digits"])
def test_onnxruntime_gives_our_labels_and_probabilities(name):
    runtime = pytest.importorskip("onnxruntime", reason="has no wheel for this platform")
    model = shipped_models()[name]
    rows = load_dataset(name).inputs.astype(np.float32)
    session = runtime.InferenceSession(to_onnx(model))
    label, probabilities = session.run(["label", "probabilities"], {"X": rows})
    ours = model.predict(rows)
    assert np.abs(probabilities - ours.probabilities).max() <= 1e-6
    assert label.tolist() == list(ours.labels)


def test_what_is_written_comes_back_to_the_bit(model, binary):
    back = model_from_onnx(to_onnx(model), name="small")
    assert (back.classes, back.feature_names) == (model.classes, model.feature_names)
    assert (back.coefficients == model.coefficients).all()
    assert (back.intercepts == model.intercepts).all()
    rows = [[0.5], [-3.0]]
    two = model_from_onnx(to_onnx(binary))
    assert (two.predict(rows).probabilities == binary.predict(rows).probabilities).all()
    assert to_onnx(model) == to_onnx(model)


def test_a_linear_classifier_as_skl2onnx_writes_it_is_read():
    nodes = [
        classifier_node(classlabels_strings=["a", "b", "c"]),
        helper.make_node("Normalizer", ["scores"], ["unit"], domain="ai.onnx.ml", norm="L1"),
        helper.make_node("Identity", ["label"], ["output_label"]),
        helper.make_node(
            "ZipMap",
            ["unit"],
            ["probabilities"],
            domain="ai.onnx.ml",
            classlabels_strings=["a", "b", "c"],
        ),
    ]
    found = model_from_onnx(built(nodes, outputs=("output_label", "probabilities")))
    assert found.classes == ("a", "b", "c")
    expected = softmax(ROWS @ WEIGHT.T.astype(float) + BIAS)
    np.testing.assert_allclose(found.predict(ROWS).probabilities, expected, rtol=1e-14)


def test_the_mirrored_rows_of_a_binary_classifier_are_one():
    weight = np.vstack([-WEIGHT[0], WEIGHT[0]])
    node = classifier_node(weight, np.array([-0.5, 0.5], np.float32), "LOGISTIC")
    found = model_from_onnx(built([node], outputs=("label", "scores")))
    expected = 1 / (1 + np.exp(-(ROWS @ WEIGHT[0].astype(float) + 0.5)))
    np.testing.assert_allclose(found.predict(ROWS).probabilities[:, 1], expected, rtol=1e-14)


@pytest.mark.parametrize("outer", [True, False])
def test_a_torch_layer_is_read_with_and_without_its_softmax(outer):
    nodes = [helper.make_node("Gemm", ["X", "fc.weight", "fc.bias"], ["z"], transB=1)]
    if outer:
        nodes.append(helper.make_node("Softmax", ["z"], ["probabilities"], axis=1))
    body = built(nodes, {"fc.weight": WEIGHT, "fc.bias": BIAS}, ["probabilities" if outer else "z"])
    found = model_from_onnx(body, classes=["x", "y", "z"])
    assert (found.coefficients == WEIGHT).all()
    assert (found.intercepts == BIAS).all()
    assert found.classes == ("x", "y", "z")


def test_a_product_and_a_sum_are_read_and_a_factor_is_multiplied_in():
    nodes = [
        helper.make_node("MatMul", ["X", "w"], ["xw"]),
        helper.make_node("Add", ["b", "xw"], ["z"]),
        helper.make_node("Softmax", ["z"], ["probabilities"], axis=-1),
    ]
    found = model_from_onnx(built(nodes, {"w": WEIGHT.T, "b": BIAS}))
    assert (found.coefficients == WEIGHT).all()
    assert (found.intercepts == BIAS).all()
    scaled = helper.make_node("Gemm", ["X", "w", "b"], ["z"], alpha=2.0, beta=0.5)
    found = model_from_onnx(built([scaled], {"w": WEIGHT.T, "b": BIAS}, ["z"]))
    assert (found.coefficients == 2.0 * WEIGHT.astype(float)).all()
    assert (found.intercepts == 0.5 * BIAS.astype(float)).all()


GEMM = helper.make_node("Gemm", ["X", "w", "b"], ["z"], transB=1)
LAYER = {"w": WEIGHT, "b": BIAS}


@pytest.mark.parametrize(
    ("nodes", "says"),
    [
        ([GEMM, helper.make_node("Relu", ["z"], ["probabilities"])], "Relu"),
        ([helper.make_node("If", ["X"], ["probabilities"])], "If"),
        ([helper.make_node("Boom", ["X"], ["probabilities"], domain="evil")], "domain evil"),
        ([GEMM, helper.make_node("Gemm", ["z", "w", "b"], ["probabilities"])], "one of its kind"),
        ([GEMM, helper.make_node("Softmax", ["z"], ["probabilities"], axis=0)], "Softmax"),
        ([GEMM, helper.make_node("Sigmoid", ["z"], ["probabilities"])], "Sigmoid"),
        ([helper.make_node("Softmax", ["X"], ["probabilities"])], "Softmax"),
        ([helper.make_node("Gemm", ["X", "gone"], ["probabilities"])], "constant tensor"),
        ([helper.make_node("Gemm", ["X", "w"], ["probabilities"], transA=1)], "transA"),
        ([helper.make_node("Gemm", ["gone", "w"], ["probabilities"])], "not computed before"),
        ([GEMM, helper.make_node("Cast", ["z"], ["probabilities"], to=TensorProto.INT8)], "Cast"),
        ([classifier_node(post="LOGISTIC")], "one against the rest"),
        ([classifier_node(post="PROBIT")], "post_transform"),
        ([classifier_node(bias=np.zeros(4, np.float32))], "for each class"),
        ([GEMM], "outputs"),
    ],
)
def test_a_graph_that_is_none_of_ours_is_refused_by_name(nodes, says):
    with pytest.raises(InvalidInput, match=says) as caught:
        model_from_onnx(built(nodes, LAYER))
    assert caught.value.code is Code.UNSUPPORTED_MODEL


def lying(**change):
    tensor = numpy_helper.from_array(WEIGHT, "w")
    for name, value in change.items():
        if name == "dims":
            del tensor.dims[:]
            tensor.dims.extend(value)
        else:
            setattr(tensor, name, value)
    return tensor


@pytest.mark.parametrize(
    ("tensor", "says"),
    [
        (lying(dims=[2**40, 2**20]), "as its shape says"),
        (lying(dims=[3, -2]), "as its shape says"),
        (lying(raw_data=b"123"), "as its shape says"),
        (lying(data_type=TensorProto.DOUBLE), "as its shape says"),
    ],
)
def test_a_tensor_that_lies_is_refused(tensor, says):
    with pytest.raises(MalformedBody, match=says):
        model_from_onnx(built([GEMM], {"w": tensor, "b": BIAS}, ["z"]))


@pytest.mark.parametrize(
    ("tensor", "says"),
    [
        (lying(data_type=TensorProto.INT4), "of another type"),
        (lying(data_location=TensorProto.EXTERNAL), "another file"),
        (lying(dims=[6]), "no matrix"),
    ],
)
def test_a_tensor_of_no_use_is_refused(tensor, says):
    with pytest.raises(InvalidInput, match=says):
        model_from_onnx(built([GEMM], {"w": tensor, "b": BIAS}, ["z"]))


def test_intercepts_of_another_number_are_refused():
    with pytest.raises(InvalidInput, match="not as many as the classes"):
        model_from_onnx(built([GEMM], {"w": WEIGHT, "b": np.zeros(7, np.float32)}, ["z"]))


def test_bytes_that_are_no_model_are_refused():
    for body in (b"", b"PK\x03\x04", b"\xff" * 64):
        with pytest.raises(MalformedBody):
            model_from_onnx(body)


def test_a_file_cut_short_is_refused_unless_only_the_names_of_features_are_gone():
    iris = shipped_models()["iris"]
    whole, read = to_onnx(iris), 0
    for size in range(len(whole)):
        try:
            found = model_from_onnx(whole[:size])
        except (MalformedBody, InvalidInput):
            continue
        read += 1
        assert (found.coefficients == iris.coefficients).all()
        assert (found.intercepts == iris.intercepts).all()
        assert found.classes == iris.classes
    assert read <= 1


def test_the_checker_of_the_format_accepts_what_is_written(model):
    onnx.checker.check_model(onnx.load_model_from_string(to_onnx(model)), full_check=True)
