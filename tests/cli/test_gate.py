"""`xent compare` and `xent predict --abstain`: the functions' verdicts, and exit codes."""

import csv
import json

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from service import classifier, evaluation
from service.classifier import load_dataset
from service.wire import arrow, dump_json, text

from .conftest import run

IRIS = load_dataset("iris")


def predictions(path, classes, probabilities, labels):
    lines = [",".join(["y", *(f"p_{name}" for name in classes)])]
    for label, row in zip(labels, probabilities, strict=True):
        lines.append(",".join([label, *map(repr, row)]))
    path.write_text("\n".join(lines) + "\n")
    return path


def test_the_gate_gives_the_verdict_of_the_function_and_its_exit_code(tmp_path):
    labels = ["a", "b"] * 20
    guess = [[0.5, 0.5]] * 40
    sharp = [[0.8 + i / 1000, 0.2 - i / 1000][:: 1 if i % 2 == 0 else -1] for i in range(40)]
    before = predictions(tmp_path / "a.csv", "ab", guess, labels)
    after = predictions(tmp_path / "b.csv", "ba", [row[::-1] for row in sharp], labels)
    options = ("--label", "y", "--probabilities", "p_*", "--json")
    found = json.loads(run("compare", before, after, *options).stdout)
    wanted = evaluation.compare(
        baseline_probabilities=np.array(guess),
        candidate_probabilities=np.array(sharp),
        labels=np.array([0, 1] * 20),
    )
    assert wanted.better
    assert (found["delta"], found["better"]) == (wanted.delta, True)
    assert "better: log loss 0.693147 before" in run("compare", before, after, *options[:-1]).stdout
    assert "NOT SHOWN" in run("compare", after, before, *options[:-1], code=4).stdout
    run("compare", before, after, *options, "--margin", 5, code=4)
    other = predictions(tmp_path / "c.csv", "ab", guess, labels[::-1])
    assert "row 0, column y" in run("compare", before, other, *options, code=1).stderr
    short = predictions(tmp_path / "d.csv", "ab", guess[1:], labels[1:])
    said = run("compare", before, short, *options, code=1).stderr
    assert "row 0, column y" in said
    cut = predictions(tmp_path / "e.csv", "ab", guess[:-1], labels[:-1])
    said = run("compare", before, cut, *options, code=1).stderr
    assert "the candidate ends after 39 rows, the baseline goes on" in said
    said = run("compare", cut, before, *options, code=1).stderr
    assert "the baseline ends after 39 rows, the candidate goes on" in said
    assert "margin" in run("compare", before, after, *options, "--margin", "nan", code=1).stderr
    run("compare", before, after, *options, "--logits", "p_*", code=2)
    run("compare", before, after, "--label", "y", code=2)


def test_the_gate_reads_files_of_other_batches_and_forms_side_by_side(tmp_path, monkeypatch):
    monkeypatch.setattr(arrow, "ROWS", 70)
    monkeypatch.setattr(text, "ROWS", 90)
    rng = np.random.default_rng(3)
    n = 1000
    before, labels = rng.normal(size=(n, 3)), rng.integers(0, 3, n)
    after = before + 0.1 * np.eye(3)[labels]
    weights, regions = rng.integers(0, 3, n).astype(float), rng.choice(["n", "s"], n)
    names = ["x", "y", "z"]
    label = np.array(names)[labels]
    logits = {f"z_{name}": before[:, place] for place, name in enumerate(names)}
    table = pa.table({"label": label, **logits, "w": weights, "region": regions})
    parquet.write_table(table, tmp_path / "before.parquet", row_group_size=300)
    lines = [
        json.dumps(
            {"label": names[k], **{f"z_{m}": v for m, v in zip("zyx", row[::-1], strict=True)}}
        )
        for k, row in zip(labels, after.tolist(), strict=True)
    ]
    (tmp_path / "after.ndjson").write_text("\n".join(lines) + "\n")
    options = ("--label", "label", "--logits", "z_*", "--weights", "w", "--slice", "region")
    files = (tmp_path / "before.parquet", tmp_path / "after.ndjson")
    found = json.loads(run("compare", *files, *options, "--json").stdout)
    wanted = evaluation.compare(
        baseline_logits=before,
        candidate_logits=after,
        labels=np.array(names, object)[labels],
        classes=names,
        sample_weights=weights,
        slices={"region": regions.tolist()},
    )
    assert found == json.loads(dump_json(wanted))
    shown = run("compare", *files, *options).stdout
    assert f"of {wanted.count} rows {wanted.won} have a smaller loss, {wanted.lost} a " in shown
    assert f"{wanted.p_t:.3g} (t test), {wanted.p_sign:.3g} (sign test)" in shown
    lines = [line.split() for line in shown.splitlines()]
    for each in (*wanted.per_class, *wanted.slices["region"]):
        figures = (each.delta, *each.interval)
        assert [each.label, str(each.count), *(f"{x:.6g}" for x in figures)] in lines


def test_a_bad_row_on_either_side_is_named_with_its_file(tmp_path):
    good = predictions(tmp_path / "good.csv", "ab", [[0.5, 0.5]] * 3, "aba")
    bad = predictions(tmp_path / "bad.csv", "ab", [[0.5, 0.5], [0.5, 0.5], [0.5, 0.6]], "aba")
    options = ("--label", "y", "--probabilities", "p_*")
    for files in ((good, bad), (bad, good)):
        said = run("compare", *files, *options, code=1).stderr
        assert "bad.csv: row 2 (line 4)" in said
        assert "has the sum 1.1" in said
    run("compare", good, bad, *options, "--normalize", "renormalize", code=4)


def test_predictions_abstain_as_the_model_does(tmp_path):
    path = tmp_path / "rows.csv"
    rows = [IRIS.feature_names, *(map(repr, row) for row in IRIS.inputs.tolist())]
    path.write_text("\n".join(map(",".join, rows)) + "\n")
    shown = run("predict", "iris", path, "--abstain", "lac", "--coverage", 0.95).stdout
    asked = classifier.Abstain(method="lac", coverage=0.95)
    wanted = classifier.shipped_models()["iris"].predict(IRIS.inputs, None, asked)
    table = list(csv.DictReader(shown.splitlines()))
    assert [row["abstained"] == "true" for row in table] == wanted.abstained.tolist()
    assert [tuple(json.loads(r["prediction_set"])) for r in table] == [*wanted.prediction_sets]
    run("predict", "iris", path, "--coverage", 0.95, code=2)


def test_our_own_file_is_imported_with_its_held_out_scores(tmp_path):
    there, back = tmp_path / "there.safetensors", tmp_path / "back.safetensors"
    run("export", "iris", "--out", there)
    run("import", there, "--out", back, "--name", "back")
    found = classifier.read_model(back)
    assert found.name == "back"
    assert (found.held_out.scores == classifier.shipped_models()["iris"].held_out.scores).all()
    assert "back" in run("models", back).stdout


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("y,p_a,p_b\na,0.9,0.1\nc,0.4,0.6\n", ("row 1", "column y", "none of the 2 classes")),
        ("y,p_a,p_b\na,0.9,0.1\nb,0.4,0.7\n", ("1", "has the sum 1.1")),
        ("y,p_a,p_b\na,0.9,0.1\nb,x,0.6\n", ("row 1", "column p_a", "no decimal number")),
        ("y,p_a,p_b\na,0.9,0.1\nb,0.4\n", ("line 3", "2 cells")),
        ("p_a,p_b\n0.9,0.1\n", ("no column y", "p_a, p_b")),
        ("y,p_a,p_b\n", ("rows",)),
    ],
)
def test_a_bad_file_of_predictions_is_told_by_row_and_column(tmp_path, text, words):
    good, bad = tmp_path / "good.csv", tmp_path / "bad.csv"
    good.write_text("y,p_a,p_b\na,0.9,0.1\nb,0.4,0.6\n")
    bad.write_text(text)
    options = ("--label", "y", "--probabilities", "p_*")
    for command in (("evaluate", bad), ("compare", good, bad)):
        said = run(*command, *options, code=1).output
        assert all(word in said for word in words), said
