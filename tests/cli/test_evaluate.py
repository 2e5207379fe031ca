"""Files of predictions of every format: one report, bad cells with file, row and column."""

import json
import os
import pty
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
from click.testing import CliRunner
from pyarrow import parquet

from service import evaluation
from service.cli import main
from service.wire import arrow, batches, text

RNG = np.random.default_rng(4)
RAW = RNG.normal(size=(500, 3)) * 2
P = np.exp(RAW) / np.exp(RAW).sum(axis=1, keepdims=True)
CLASSES = ("bee", "cat", "dog")
Y = RNG.integers(0, 3, 500)
WEIGHTS = RNG.integers(0, 3, 500) / 2
WEIGHTS[7] = 1.0  # a row that is to be spoiled, and read
PLACES = [f"{i % 4}" for i in range(500)]
COLUMNS = {
    **{f"p_{name}": P[:, k].tolist() for k, name in enumerate(CLASSES)},
    "y": [CLASSES[k] for k in Y],
    "w": WEIGHTS.tolist(),
    "place": PLACES,
    "id": [f"row-{i}" for i in range(500)],
}
FORMATS = ("csv", "ndjson", "parquet", "arrow", "arrows")


def write(path, columns):
    """The columns as a file of the format that its suffix says."""
    form, table = path.suffix[1:], None
    names, rows = list(columns), list(zip(*columns.values(), strict=True))
    if form == "csv":
        shown = [
            ["" if c is None else c if isinstance(c, str) else repr(c) for c in r] for r in rows
        ]
        path.write_text("\n".join(",".join(row) for row in [names, *shown]) + "\n")
    elif form == "ndjson":
        path.write_text("".join(json.dumps(dict(zip(names, r, strict=True))) + "\n" for r in rows))
    else:
        table = pa.table(columns)
    if form == "parquet":
        parquet.write_table(table, path, row_group_size=150)
    elif table is not None:
        new = pa.ipc.new_file if form == "arrow" else pa.ipc.new_stream
        with new(str(path), table.schema) as writer:
            writer.write_table(table, max_chunksize=150)
    return path


def run(*arguments, code=0):
    result = CliRunner().invoke(main, ["evaluate", *map(str, arguments)])
    assert result.exit_code == code, result.output
    return result


def judged(*arguments, code=0):
    found = run(*arguments, "--label", "y", "--json", code=code)
    return json.loads(found.stdout), found.stderr


def some(begin, end, **changed):
    columns = {name: list(values[begin:end]) for name, values in COLUMNS.items()}
    for name, (row, value) in changed.items():
        columns[name][row] = value
    return columns


def whole(**more):
    report = evaluation.evaluate(
        probabilities=P, labels=np.array(CLASSES)[Y], classes=CLASSES, **more
    )
    from service.wire import dump_json

    return json.loads(dump_json(report))


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_gives_the_report_of_the_function(form, tmp_path, monkeypatch):
    monkeypatch.setattr(arrow, "ROWS", 70)
    monkeypatch.setattr(text, "ROWS", 70)
    path = write(tmp_path / f"p.{form}", COLUMNS)
    options = ("--probabilities", "p_*", "--weights", "w", "--slice", "place", "--row-id", "id")
    found, _ = judged(path, *options)
    assert found == whole(sample_weights=WEIGHTS, slices={"place": PLACES}, row_ids=COLUMNS["id"])


@pytest.mark.parametrize("form", FORMATS)
def test_wide_rows_come_few_at_a_time(form, tmp_path, monkeypatch):
    monkeypatch.setattr(batches, "ELEMENTS", 64)
    path = write(tmp_path / f"p.{form}", COLUMNS)
    numbers, texts = ["p_bee", "p_cat", "p_dog"], ["y"]
    sizes = [len(b.rows) for b in batches.open_source(path).batches(numbers, texts) if len(b.rows)]
    assert max(sizes) == 64 // 4
    assert sum(sizes) == 500
    assert judged(path, "--probabilities", "p_*")[0] == whole()


@pytest.mark.parametrize("text", ["y,p_a\n", "y,p_a\né,1\n"])
def test_a_file_in_another_encoding_is_told(tmp_path, text):
    path = tmp_path / "p.csv"
    path.write_bytes(text.encode("utf-16" if text.isascii() else "latin-1"))
    said = run(path, "--label", "y", "--probabilities", "p_*", code=1).stderr
    assert said == f"Error: {path}: the file is not CSV: it is not UTF-8\n"


def test_files_of_several_formats_are_put_together_and_name_their_rows(tmp_path):
    parts = [("a.csv", 0, 100), ("b.parquet", 100, 350), ("c.ndjson", 350, 500)]
    for name, begin, end in parts:
        write(tmp_path / name, some(begin, end))
    found, _ = judged(tmp_path / "*.csv", tmp_path / "[bc].*", "--probabilities", "p_*")
    wanted = whole()
    for row in wanted["worst"]:
        name, begin, _ = next(part for part in parts if part[1] <= row["row"] < part[2])
        row["row"] = f"{name}:{row['row'] - begin}"
    assert found == wanted


def test_logits_and_renormalized_rows(tmp_path):
    logits = {f"z{k}": RAW[:, k].tolist() for k in range(3)}
    path = write(tmp_path / "z.csv", {**logits, "y": [str(k) for k in Y]})
    found, _ = judged(path, "--logits", "z*")
    wanted = evaluation.evaluate(logits=RAW, labels=Y)
    assert (found["log_loss"], found["brier"]) == (wanted.log_loss, wanted.brier)
    scaled = {name: [2 * v for v in COLUMNS[name]] for name in COLUMNS if name.startswith("p_")}
    path = write(tmp_path / "p.csv", {**COLUMNS, **scaled})
    run(path, "--label", "y", "--probabilities", "p_*", code=1)
    found, _ = judged(path, "--probabilities", "p_*", "--normalize", "renormalize")
    assert found["log_loss"] == pytest.approx(whole()["log_loss"], rel=1e-12)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize(
    ("changed", "column", "words"),
    [
        ({"p_cat": (7, None)}, "p_cat", ("missing", "empty")),
        ({"y": (7, None)}, "y", ("missing", "empty")),
        ({"y": (7, "eel")}, "y", ("none of the 3 classes",)),
        ({"w": (7, -1.0)}, "w", ("a weight is >= 0",)),
        ({"p_dog": (7, 1.5)}, "p_dog", ("a probability lies in [0, 1]",)),
        ({"p_bee": (7, 0.9), "p_cat": (7, 0.9)}, None, ("--normalize renormalize",)),
        ({"place": (7, None)}, "place", ("missing", "empty")),
        ({"id": (7, None)}, "id", ("missing", "empty")),
    ],
    ids=["null", "no label", "unknown class", "weight", "probability", "sum", "slice", "id"],
)
def test_a_bad_cell_is_named_and_can_be_left_out(form, changed, column, words, tmp_path):
    path = write(tmp_path / f"p.{form}", some(0, 20, **changed))
    options = ("--probabilities", "p_*", "--weights", "w", "--slice", "place", "--row-id", "id")
    refused = run(path, "--label", "y", *options, code=1).stderr
    line = {"csv": " (line 9)", "ndjson": " (line 8)"}.get(form, "")
    where = f"p.{form}: row 7{line}" + ("" if column is None else f", column {column},")
    assert where in refused
    assert any(word in refused for word in words)
    found, shown = judged(path, *options, "--on-error", "collect")
    assert where in shown
    assert "1 rows were left out" in shown
    good = [*range(7), *range(8, 20)]
    assert found["count"] + found["ignored"] == 19
    assert (
        found["log_loss"]
        == evaluation.evaluate(
            probabilities=P[good], labels=Y[good], sample_weights=WEIGHTS[good]
        ).log_loss
    )


def test_a_value_that_a_dictionary_lacks_is_missing(tmp_path):
    labels = pa.DictionaryArray.from_arrays(pa.array([0, 1, 2]), pa.array(["bee", None, "cat"]))
    path = write(tmp_path / "p.arrow", {**some(0, 3), "y": labels})
    options = ("--label", "y", "--probabilities", "p_*")
    assert "row 1, column y, is missing" in run(path, *options, code=1).stderr


def test_what_was_scored_before_a_bad_row_is_told(tmp_path):
    good, bad = write(tmp_path / "a.csv", some(0, 9)), write(tmp_path / "b.csv", some(9, 20))
    bad.write_text(bad.read_text().replace(f"\n{COLUMNS['p_bee'][12]!r}", "\nnan"))
    said = run(good, bad, "--label", "y", "--probabilities", "p_*", code=1)
    before = evaluation.evaluate(probabilities=P[:12], labels=Y[:12]).log_loss
    assert said.stdout == ""
    first, error = said.stderr.splitlines()
    assert first == f"the 12 rows before have the log loss {before:.6g}"
    assert error == f"Error: {bad}: row 3 (line 5), column p_bee, is no decimal number"


def test_a_line_of_another_length_is_a_bad_row_and_rows_are_named_by_their_first_line(tmp_path):
    path = tmp_path / "p.csv"
    path.write_text('y,p_a,p_b\na,0.5,0.5\na,0.5\n\n"a\nb",0.5,0.5\nb,0.25,0.75\n')
    options = ("--probabilities", "p_*")
    said = run(path, "--label", "y", *options, code=1).stderr
    assert "p.csv: row 1 (line 3), has 2 cells; the first line has 3" in said
    found, said = judged(path, *options, "--on-error", "collect")
    assert found["count"] == 2
    assert "row 2 (line 4), is empty; the first line has 3" in said
    assert "row 3 (line 5), column y, is none of the 2 classes, a, b" in said
    assert "3 rows were left out" in said
    assert found["rejected"]["rows"] == 3
    told = [error["detail"] for error in found["rejected"]["errors"]]
    assert told[0] == "p.csv: row 1 (line 3), has 2 cells; the first line has 3"
    assert len(told) == 3
    page = tmp_path / "report.html"
    run(path, "--label", "y", *options, "--on-error", "collect", "--html", page)
    assert "Rows that could not be scored, left out: 3." in page.read_text("utf-8")


@pytest.mark.parametrize("form", FORMATS)
def test_a_file_that_is_cut_short_is_an_error_and_what_was_read_of_it_is_not_lost(form, tmp_path):
    path = write(tmp_path / f"p.{form}", COLUMNS)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 2 // 3])
    whole_one = write(tmp_path / "a.csv", some(0, 50))
    options = ("--probabilities", "p_*", "--label", "y")
    refused = run(path, *options, code=1).stderr
    assert f"p.{form}: " in refused
    found = run(
        whole_one,
        path,
        *options,
        "--json",
        "--on-error",
        "collect",
        code=0 if form in ("csv", "ndjson") else 1,  # of text, the last line alone is bad
    )
    assert json.loads(found.stdout)["count"] >= 50


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--probabilities", "q_*"), "no column has a name that --probabilities matches"),
        (("--probabilities", "p_*", "--weights", "v"), "there is no column v"),
        (("--probabilities", "p_*", "--slice", "v"), "there is no column v"),
        (("--logits", "y*"), "no column has a name"),
    ],
)
@pytest.mark.parametrize("form", FORMATS)
def test_missing_columns(form, options, said, tmp_path):
    path = write(tmp_path / f"p.{form}", some(0, 9))
    assert said in run(path, "--label", "y", *options, code=1).stderr


@pytest.mark.parametrize("name", ["p_a", "y"])
@pytest.mark.parametrize("form", ["csv", "parquet", "arrow"])
def test_a_name_of_two_columns_says_nothing(form, name, tmp_path):
    path = tmp_path / f"p.{form}"
    table = pa.table([[0.5], [0.5], ["a"], ["a" if name == "y" else "0.5"]], [*"abc", "d"])
    table = table.rename_columns(["p_a", "p_b", "y", name])
    if form == "csv":
        rows = zip(*(column.to_pylist() for column in table.columns), strict=True)
        lines = [table.column_names, *([str(cell) for cell in row] for row in rows)]
        path.write_text("\n".join(map(",".join, lines)) + "\n")
    elif form == "parquet":
        parquet.write_table(table, path)
    else:
        with pa.ipc.new_file(str(path), table.schema) as writer:
            writer.write_table(table)
    said = run(path, "--label", "y", "--probabilities", "p_*", code=1).stderr
    assert f"p.{form}: column {name} is there 2 times" in said


def test_columns_of_another_type_and_files_that_are_none(tmp_path):
    path = write(tmp_path / "p.parquet", {**some(0, 9), "p_cat": ["a"] * 9})
    wanted = "column p_cat does not hold numbers, but string"
    assert wanted in run(path, "--label", "y", "--probabilities", "p_*", code=1).stderr
    for name in ("x.parquet", "x.arrow", "x.ndjson", "x.csv"):
        (tmp_path / name).write_bytes(b"\xff\xfe nothing")
        run(tmp_path / name, "--label", "y", "--probabilities", "p_*", code=1)
    run(tmp_path / "no.csv", "--label", "y", "--probabilities", "p_*", code=2)
    run(path, "--label", "y", code=2)
    run(path, "--label", "y", "--logits", "a", "--probabilities", "b", code=2)


def test_a_terminal_sees_how_far_it_is(tmp_path):
    path = write(tmp_path / "p.csv", {name: column * 40 for name, column in COLUMNS.items()})
    leader, follower = pty.openpty()
    command = [sys.executable, "-m", "service", "evaluate", str(path), "--label", "y"]
    ran = subprocess.run(
        [*command, "--probabilities", "p_*"], stderr=follower, stdout=subprocess.PIPE, check=True
    )
    os.close(follower)
    shown = os.read(leader, 65536).decode()
    os.close(leader)
    assert shown.endswith("\r\x1b[K")
    assert ran.stdout.startswith(b"log loss")


@pytest.mark.parametrize(
    "option",
    [("--normalize", "off"), ("--slice", "day"), ("--row-id", "id"), ("--on-error", "stop")],
)
def test_options_of_files_do_not_go_with_a_model(tmp_path, option):
    rows = tmp_path / "rows.csv"
    rows.write_text("a,b\n1,2\n")
    message = run("model.safetensors", rows, "--label", "b", *option, code=2).output
    assert f"{option[0]} is of files of predictions" in message


def test_the_table_has_the_slices_that_were_asked_for(tmp_path):
    rows = tmp_path / "rows.csv"
    rows.write_text("y,p_a,p_b,day\na,0.5,0.5,mon\nb,0.25,0.75,tue\nb,0.5,0.5,mon\n")
    shown = run(rows, "--label", "y", "--probabilities", "p_*", "--slice", "day").stdout
    lines = [line.split() for line in shown.splitlines()]
    place = lines.index(["day", "rows", "log", "loss", "standard", "error", "accuracy"])
    assert lines[place + 1][:3] == ["mon", "2", "0.693147"]
    assert lines[place + 2][:3] == ["tue", "1", "0.287682"]


def test_the_table_has_the_interval_and_the_rows_that_are_unlike_others(tmp_path):
    path = tmp_path / "z.ndjson"
    rows = [
        {"y": "a", "z_a": 1e308, "z_b": -1e308, "w": 1},
        {"y": "b", "z_a": 1e308, "z_b": -1e308, "w": 1},
        {"y": "b", "z_a": 0, "z_b": "-Infinity", "w": 1},
        {"y": "b", "z_a": 0, "z_b": 0, "w": 0},
    ]
    path.write_text("\n".join(map(json.dumps, rows)))
    shown = run(path, "--label", "y", "--logits", "z_*", "--weights", "w").stdout
    figures = dict(line.rsplit(maxsplit=1) for line in shown.split("\n\n")[0].splitlines())
    assert figures["  with 95 % confidence"] == "unknown"
    assert figures["rows given probability 0"] == "1"
    assert figures["rows of a loss past float64"] == "1"
    assert figures["rows of weight 0, left out"] == "1"
    path = write(tmp_path / "p.csv", COLUMNS)
    low, high = judged(path, "--probabilities", "p_*")[0]["interval"]
    shown = run(path, "--label", "y", "--probabilities", "p_*").stdout
    assert shown.splitlines()[1].endswith(f" {low:.6g} to {high:.6g}")
    assert "weight 0" not in shown


def test_names_of_others_do_not_steer_the_terminal(tmp_path):
    path = tmp_path / "p.ndjson"
    names = {"\x1b[31mred\n": "a", "x" * 200: "a", "": "a", "plain": "b"}
    rows = [{"y": y, "p_a": 0.5, "p_b": 0.5, "\x1bday": name} for name, y in names.items()]
    path.write_text("\n".join(map(json.dumps, rows)))
    options = ("--label", "y", "--probabilities", "p_*")
    shown = run(path, *options, "--slice", "\x1bday").stdout
    assert "\x1b" not in shown
    assert len(shown.split("\n\n")[-1].splitlines()) == 5
    assert max(map(len, shown.splitlines())) < 110
    assert "(empty)" in shown
    said = run(path, *options, "--weights", "\x1b[2J", code=1).stderr
    assert "\x1b" not in said
    assert "there is no column \N{REPLACEMENT CHARACTER}[2J" in said


def test_a_page_that_cannot_be_written_is_told_before_anything_is_read(tmp_path, monkeypatch):
    path = write(tmp_path / "p.csv", {"y": ["bad"], "p_a": ["rows"]})
    options = (path, "--label", "y", "--probabilities", "p_*", "--html")
    said = run(*options, tmp_path / "none" / "report.html", code=2).stderr
    assert f"nothing can be written to the folder {tmp_path / 'none'}" in said
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    said = run(*options, tmp_path / "report.html", code=1).stderr
    assert "A page needs the extra pictures" in said
    assert "pip install '.[pictures]'" in said


def test_a_parquet_file_of_many_row_groups_takes_the_memory_of_one(tmp_path):
    rows = 20_000
    path, group = tmp_path / "p.parquet", {"x": np.random.default_rng(0).random(rows)}
    with parquet.ParquetWriter(path, pa.table(group).schema) as writer:
        for _ in range(30):
            writer.write_table(pa.table(group))
    before = pa.total_allocated_bytes()
    held = [pa.total_allocated_bytes() - before for _ in arrow.ParquetFile(path).batches(["x"], [])]
    assert len(held) > 3  # of 1 MB; the whole file has 5
    assert max(held) < 3e6
