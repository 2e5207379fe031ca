"""`xent evaluations`, on the same store as a server."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from service.cli import main

ROWS = "id,p_dog,p_cat,animal\n1,0.3,0.7,cat\n2,0.8,0.2,dog\n3,0.1,0.9,dog\n"
PUSH = ("--label", "animal", "--probabilities", "p_*")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str]]:
    monkeypatch.setenv("XENT_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.delenv("XENT_DATABASE_URL", raising=False)

    def invoke(*arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(main, ("evaluations", *arguments))
        return result.exit_code, result.output.strip()

    return invoke


def test_open_push_show_close_and_list(run: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    assert run("list")[1].split()[:2] == ["id", "made"]
    file = tmp_path / "rows.csv"
    file.write_text(ROWS)
    _, id = run("open", "--classes", "cat,dog", "--name", "week", "--model", "pets")
    assert run("push", id, str(file), *PUSH)[1].endswith("3 rows counted, 0 of weight 0")
    assert run("push", id, str(file), *PUSH)[1].endswith("3 rows counted before, 0 of weight 0")
    shown = json.loads(run("show", id)[1])
    assert shown["report"]["confusion_matrix"] == [[1, 0], [1, 1]]
    assert (shown["batches"], shown["report"]["count"]) == (1, 3)
    code, text = run("close", id)
    assert (code, text.split(",")[0]) == (0, "count 3")
    assert run("push", id, str(file), *PUSH, "--key", "x")[0] == 1
    (line,) = run("list", "--model", "pets")[1].splitlines()[1:]
    assert line.startswith(id)
    assert "week" in line


def test_what_does_not_fit_is_said(run: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text(ROWS)
    _, id = run("open", "--classes", "cat,cow")
    for arguments, text in (
        (("push", id, str(file), *PUSH), "its classes are dog, cat; they are to be cat, cow"),
        (("show", "0" * 32), "no evaluation of that id"),
        (("open", "--classes", "cat,cat"), "classes[1] is the name of classes[0], too"),
    ):
        code, printed = run(*arguments)
        assert (code, text in printed) == (1, True), printed


def test_a_file_of_any_form_is_a_batch_with_slices_and_a_bad_row_is_named(
    run: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    rows = [
        {"y": str(k % 3), "w": k % 2, "z_1": 1, "z_0": 2, "z_2": k, "of": "ab"[k % 2]}
        for k in range(6)
    ]
    file = tmp_path / "rows.ndjson"
    file.write_text("\n".join(map(json.dumps, rows)))
    _, id = run("open", "--classes", "0,1,2")
    options = ("--label", "y", "--logits", "z_*", "--weights", "w", "--slice", "of", "--key", "day")
    assert run("push", id, str(file), *options)[1] == "day: 3 rows counted, 3 of weight 0"
    report = json.loads(run("show", id)[1])["report"]
    assert report["count"] == 3
    assert [entry["count"] for entry in report["slices"]["of"]] == [3]
    assert {row["row"] for row in report["worst"]} == {"day/1", "day/3", "day/5"}
    file.write_text(json.dumps({**rows[0], "y": "7", "w": 1}))
    code, said = run("push", id, str(file), *options[:-1], "other")
    assert code == 1
    assert "rows.ndjson: row 0 (line 1), column y, is none of the 3 classes" in said
    assert run("push", id, str(file), "--label", "y")[0] == 2
    assert json.loads(run("show", id)[1])["batches"] == 1
