"""The commands on models: they give what the functions give, and their exit codes are kept."""

import json
import os
import subprocess
import sys
from dataclasses import fields
from hashlib import sha256

import numpy as np
import pyarrow
import pytest
from pyarrow import csv as arrow_csv
from pyarrow import parquet

from service import classifier
from service.classifier import Options, load_dataset, read_model
from service.cli.progress import Progress
from service.cli.training import _moved
from service.cli.training import train as train_command

from .conftest import run

IRIS = load_dataset("iris")
SPECIES = np.array(IRIS.classes)[IRIS.labels]


@pytest.fixture
def data(tmp_path):
    lines = [",".join([*IRIS.feature_names, "species"])]
    lines += [
        ",".join([*map(repr, row), name])
        for row, name in zip(IRIS.inputs.tolist(), SPECIES, strict=True)
    ]
    path = tmp_path / "iris.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_training_gives_the_bits_of_the_function_and_shows_the_baselines_first(data, tmp_path):
    out = tmp_path / "flowers.safetensors"
    shown = run(
        "train", data, "--label", "species", "--out", out, "--l2", 0.1, "--test-fraction", 0.2
    ).stdout
    wanted = classifier.train(
        IRIS.inputs,
        SPECIES,
        feature_names=IRIS.feature_names,
        options=Options(l2=0.1, test_fraction=0.2),
    )
    written = read_model(out)
    assert (written.name, written.classes) == ("flowers", wanted.model.classes)
    assert written.feature_names == IRIS.feature_names
    assert (written.coefficients == wanted.model.coefficients).all()
    first = shown.splitlines()
    assert first[0].split() == ["part", "rows", "log", "loss", "class", "frequencies", "uniform"]
    test = first[2].split()
    assert test[:2] == ["test", "30"]
    assert float(test[2]) == pytest.approx(wanted.parts["test"].log_loss, rel=1e-5)
    assert written.metadata["log_loss"]["test"] == wanted.parts["test"].log_loss


def test_every_option_of_a_fit_is_one_of_the_command_with_its_default():
    given = {parameter.name: parameter for parameter in train_command.params}
    for field in fields(Options):
        assert given[field.name].default == field.default
        assert given[field.name].opts == ["--" + field.name.replace("_", "-")]
        assert given[field.name].help


def test_options_reach_the_fit(data, tmp_path):
    out = tmp_path / "m.safetensors"
    weights = {"setosa": 1, "virginica": 2}
    run(
        *("train", data, "--label", "species", "--out", out, "--no-intercept", "--standardize"),
        *("--class-weights", json.dumps(weights), "--solver", "newton-cg", "--name", "mine"),
    )
    options = Options(intercept=False, standardize=True, class_weights=weights, solver="newton-cg")
    wanted = classifier.train(IRIS.inputs, SPECIES, options=options).model
    assert (read_model(out).coefficients == wanted.coefficients).all()
    assert read_model(out).name == "mine"


def test_a_column_of_weights_weighs(tmp_path):
    data = tmp_path / "d.csv"
    data.write_text("x,w,y\n1,2,0\n2,1,1\n3,1,0\n4,3,1\n")
    out = tmp_path / "m.safetensors"
    shown = run("train", data, "--label", "y", "--weights", "w", "--out", out, "--json").stdout
    wanted = classifier.train([[1.0], [2], [3], [4]], [0, 1, 0, 1], sample_weights=[2, 1, 1, 3])
    assert json.loads(shown)["parts"]["train"]["log_loss"] == wanted.parts["train"].log_loss
    assert read_model(out).classes == (0, 1)
    report = json.loads(
        run("evaluate", out, data, "--label", "y", "--weights", "w", "--json").stdout
    )
    assert report["log_loss"] == pytest.approx(wanted.parts["train"].log_loss, rel=1e-14)


def test_statistics_and_temperature_are_shown(data, tmp_path):
    table = tmp_path / "t.csv"
    table.write_text("male,honours\n" + "1,y\n" * 18 + "1,n\n" * 73 + "0,y\n" * 35 + "0,n\n" * 74)
    shown = run(
        *("train", table, "--label", "honours", "--out", tmp_path / "t.safetensors"),
        *("--l2", 0, "--statistics", "--reference-class", "n"),
    ).stdout
    assert "-0.651376" not in shown  # the page on training has it for the other direction
    assert "0.333" in shown
    assert "McFadden" in shown
    shown = run(
        *("train", data, "--label", "species", "--out", tmp_path / "c.safetensors"),
        *("--validation-fraction", 0.4, "--calibrate", "temperature", "--seed", 3),
    ).output
    assert "temperature" in shown


def test_a_fit_that_did_not_converge_has_its_own_exit_code(data, tmp_path):
    out = tmp_path / "m.safetensors"
    result = run("train", data, "--label", "species", "--out", out, "--max-iterations", 1, code=3)
    assert "NOT CONVERGED" in result.stdout
    assert "not converged" in result.stderr
    assert read_model(out).metadata["fit"]["converged"] is False


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_table_of_predictions_becomes_a_page_beside_the_text(suffix, data, tmp_path):
    if "CI" not in os.environ:
        pytest.importorskip("matplotlib", reason="has no wheel for this platform")
    predictions, page = tmp_path / "p.csv", tmp_path / "report.html"
    run("predict", "iris", data, "--keep", "species", "--out", predictions)
    if suffix == "parquet":
        parquet.write_table(arrow_csv.read_csv(predictions), tmp_path / "p.parquet")
    arguments = [
        "evaluate", tmp_path / f"p.{suffix}", "--label", "species", "--probabilities", "p_*",
    ]  # fmt: skip
    plain = run(*arguments).stdout
    assert run(*arguments, "--html", page).stdout == plain
    loss = json.loads(run(*arguments, "--json").stdout)["log_loss"]
    html = page.read_text("utf-8")
    assert f"<title>p.{suffix}: log loss {loss:.4g}</title>" in html
    assert html.count("<svg") == 7


def test_the_page_of_a_model_names_both(data, tmp_path):
    page = tmp_path / "report.html"
    arguments = ["evaluate", "iris", data, "--label", "species", "--html", page]
    run(*arguments)
    assert "<h1>iris on iris.csv</h1>" in page.read_text("utf-8")


def test_predictions_are_a_table_that_evaluates_to_the_report_of_the_model(data, tmp_path):
    out = tmp_path / "p.csv"
    run("predict", "iris", data, "--keep", "species", "--out", out)
    header = out.read_text().splitlines()[0]
    assert header == "species,predicted,p_setosa,p_versicolor,p_virginica"
    ours = classifier.evaluate(classifier.shipped_models()["iris"], IRIS.inputs, SPECIES)
    for arguments in ((out, "--probabilities", "p_*"), ("iris", data)):
        shown = run("evaluate", *arguments, "--label", "species", "--json").stdout
        report = json.loads(shown)
        assert report["log_loss"] == pytest.approx(ours.log_loss, rel=1e-14)
        assert [c["label"] for c in report["per_class"]] == list(IRIS.classes)
    assert run("evaluate", out, "--label", "species", "--probabilities", "p_*").stdout.startswith(
        "log loss"
    )


def test_probabilities_are_written_to_the_bit_and_columns_are_found_by_name(data, tmp_path):
    turned = tmp_path / "turned.csv"
    columns = [line.split(",")[::-1] for line in data.read_text().splitlines()]
    turned.write_text("\n".join(map(",".join, columns)))
    ours = classifier.shipped_models()["iris"].predict(IRIS.inputs)
    lines = run("predict", "iris", turned).stdout.splitlines()[1:]
    assert [
        [float(p) for p in line.split(",")[1:]] for line in lines
    ] == ours.probabilities.tolist()
    shown = json.loads(run("predict", "iris", turned, "--json", "--top", 2).stdout)
    assert shown["top_labels"][0] == ["setosa", "versicolor"]


@pytest.mark.parametrize("form", ["json", "torch", pytest.param("onnx", marks=pytest.mark.peers)])
def test_a_model_goes_out_and_comes_back(form, tmp_path):
    suffix = {"torch": "safetensors"}.get(form, form)
    there, back = tmp_path / f"there.{suffix}", tmp_path / "back.safetensors"
    run("export", "iris", "--format", form, "--out", there)
    run("import", there, "--out", back, "--name", "back", "--classes", "a,b,c")
    found, iris = read_model(back), classifier.shipped_models()["iris"]
    assert (found.coefficients == iris.coefficients).all()
    assert (found.name, found.classes) == ("back", ("a", "b", "c"))
    assert found.feature_names == iris.feature_names


def test_the_models_are_listed(tmp_path):
    shown = run("models").stdout.splitlines()
    assert [line.split()[0] for line in shown] == ["name", "iris", "digits"]
    assert [m["name"] for m in json.loads(run("models", "--json").stdout)["models"]] == [
        "iris",
        "digits",
    ]


def test_a_model_is_listed_with_the_rows_that_its_log_loss_is_of(data, tmp_path):
    made, imported = tmp_path / "made.safetensors", tmp_path / "imported.safetensors"
    theirs = tmp_path / "theirs.json"
    run("train", data, "--label", "species", "--out", made, "--test-fraction", 0.2)
    run("export", "iris", "--out", theirs)
    run("import", theirs, "--out", imported)
    lines = run("models", made, imported).stdout.splitlines()
    found = read_model(made).metadata["log_loss"]["test"]
    assert lines[1].split()[4:] == [f"{found:.6g}", "test", "rows"]
    assert lines[2].split()[4:] == ["unknown", "imported"]


def test_what_a_file_says_of_its_training_stays_behind_and_numbered_classes_are_told(tmp_path):
    iris, plain = tmp_path / "iris.safetensors", tmp_path / "plain.json"
    run("export", "iris", "--out", iris)
    digest = sha256(iris.read_bytes()).hexdigest()
    assert run("import", iris, "--out", iris).stderr == ""
    found = read_model(iris)
    assert found.metadata == {"training": {"imported": True, "artifact_digest": digest}}
    plain.write_text('{"coef_": [[1.0], [2.0], [3.0]], "intercept_": [0.0, 0.0, 0.0]}')
    told = run("import", plain, "--out", tmp_path / "plain.safetensors").stderr
    assert "names no classes; they are called 0 to 2: --classes names them" in told
    found = read_model(tmp_path / "plain.safetensors")
    assert found.metadata == {"training": {"imported": True, "classes_numbered": True}}
    named = run("import", plain, "--out", iris, "--classes", "a,b,c")
    assert named.stderr == ""
    assert read_model(iris).metadata == {"training": {"imported": True}}


def test_the_card_of_a_model_is_that_of_a_training_over_http(data, tmp_path):
    out = tmp_path / "m.safetensors"
    run("train", data, "--label", "species", "--out", out, "--l2", 0.1)
    facts = read_model(out).metadata
    wanted = classifier.train(
        IRIS.inputs, SPECIES, feature_names=IRIS.feature_names, options=Options(l2=0.1)
    )
    card = classifier.card(wanted, Options(l2=0.1))
    assert facts["fit"].pop("seconds") > 0.0
    del card["fit"]["seconds"]
    assert facts == card


def test_columns_are_kept_in_both_forms_and_never_twice(data, tmp_path):
    shown = json.loads(run("predict", "iris", data, "--keep", "species", "--json").stdout)
    assert shown["kept"] == {"species": SPECIES.tolist()}
    assert "abstained" not in shown
    again = tmp_path / "again.csv"
    lines = data.read_text().splitlines()
    again.write_text("\n".join([f"{lines[0]},p_setosa", *(f"{line},1" for line in lines[1:])]))
    result = run("predict", "iris", again, "--keep", "p_setosa", code=1)
    assert "p_setosa cannot be kept" in result.stderr


@pytest.mark.parametrize("options", [{}, {"solver": "sgd", "epochs": 4}, {"l1": 0.3}])
def test_the_line_of_progress_moves_from_0_to_the_end(options):
    options, line, shares = Options(**options), Progress(), []
    move = _moved(line, options)

    def tell(step):
        move(step)
        shares.append(line.share)

    classifier.train(IRIS.inputs, SPECIES, options=options, tell=tell)
    assert (shares[0], shares[-1]) == (0.0, 1.0)
    assert shares == sorted(shares)


def test_parquet_is_read_as_csv_is(data, tmp_path):
    columns = dict(zip(IRIS.feature_names, IRIS.inputs.T, strict=True)) | {"species": SPECIES}
    path = tmp_path / "iris.parquet"
    parquet.write_table(pyarrow.table(columns), path)
    arguments = ("--label", "species", "--json")
    assert run("evaluate", "iris", path, *arguments).stdout == (
        run("evaluate", "iris", data, *arguments).stdout
    )
    parquet.write_table(pyarrow.table({"x": [1.0, None], "y": ["a", "b"]}), path)
    result = run("train", path, "--label", "y", "--out", tmp_path / "m.safetensors", code=1)
    assert "row 1, column x, is missing" in result.stderr


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("x,y\n1,a\n,b\n", "row 1 (line 3), column x, is empty"),
        ("x,y\n1,a\nNA,b\n", "row 1 (line 3), column x, is no decimal number"),
        ("x,y\n1,a\n2,a\n", "two classes"),
        ("x,z\n1,a\n", "there is no column y; there is x, z"),
        ("x,y\n1\n", "line 2 has 1 cells"),
        ("", "first line"),
    ],
)
def test_bad_data_are_told_in_a_line_and_nothing_is_written(text, says, tmp_path):
    data, out = tmp_path / "d.csv", tmp_path / "m.safetensors"
    data.write_text(text)
    result = run("train", data, "--label", "y", "--out", out, code=1)
    assert says in result.stderr
    assert not out.exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["train", "absent.csv", "--label", "y", "--out", "m"],
        ["train", __file__, "--label", "y"],
        ["train", __file__, "--label", "y", "--out", "m", "--epochs", "many"],
        ["train", __file__, "--label", "y", "--out", "m", "--class-weights", "{"],
        ["predict", "iris", __file__, "--top", "2"],
        ["evaluate", "iris", "--label", "y"],
        ["export", "iris", "--out", "m.pickle"],
        ["import", __file__, "--out", "m"],
    ],
)
def test_wrong_usage_is_exit_code_2(arguments):
    run(*arguments, code=2)


def test_options_that_mean_nothing_are_all_named(data, tmp_path):
    result = run(
        *("train", data, "--label", "species", "--out", tmp_path / "m"),
        *("--l2", -1, "--epochs", 0),
        code=1,
    )
    assert "l2 must be" in result.stderr
    assert "epochs must be" in result.stderr


def test_a_model_that_is_not_there_is_told():
    assert "iris, digits" in run("predict", "irises", __file__, code=1).stderr


def test_a_label_that_the_model_does_not_know_is_named(tmp_path):
    path = tmp_path / "d.csv"
    path.write_text(",".join(IRIS.feature_names) + ",y\n1,2,3,4,rose\n")
    stderr = run("evaluate", "iris", path, "--label", "y", code=1).stderr
    assert "row 0, column y, is none of the 3 classes" in stderr


def test_the_real_command_answers_and_exits_as_told(data, tmp_path):
    environment = {name: value for name, value in os.environ.items() if name != "XENT_PORT"}

    def xent(*arguments):
        command = [sys.executable, "-m", "service", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)

    out = tmp_path / "m.safetensors"
    done = xent("train", data, "--label", "species", "--out", out, "--json")
    assert (done.returncode, done.stderr) == (0, "")  # and no progress where there is no terminal
    assert json.loads(done.stdout)["fit"]["converged"] is True
    refused = xent("predict", out, tmp_path / "m.safetensors")
    assert refused.returncode == 1
    assert refused.stderr.startswith("Error: the file is not CSV")
