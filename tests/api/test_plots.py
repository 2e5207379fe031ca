"""Pictures over HTTP: what is drawn, for whom, and what is told where nothing is."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from starlette.testclient import TestClient

from service.api.admission import Admission
from service.app import create_app
from service.evaluation import evaluate, pictures
from service.settings import Settings

if "CI" not in os.environ:
    pytest.importorskip("matplotlib", reason="has no wheel for this platform")

TRAINING = "/v1/models/leaves/versions/1/plots/training.svg"
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    folder: Path = tmp_path_factory.mktemp("data")
    app = create_app(Settings(data_dir=folder))
    with TestClient(app, base_url="http://localhost") as client:
        made = client.post(
            "/v1/models/leaves/versions",
            json={
                "inputs": [[0.5], [1.0], [1.5], [3.0], [0.7], [2.5], [0.9], [2.8], [1.1], [3.3]],
                "labels": [HOSTILE, HOSTILE, "oak", "oak", *3 * (HOSTILE, "oak")],
                "options": {"solver": "sgd", "epochs": 3, "validation_fraction": 0.4},
            },
        )
        assert made.status_code == 201, made.text
        yield client


def test_the_training_curve_is_that_of_the_card(client: TestClient) -> None:
    answer = client.get(TRAINING)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/svg+xml")
    curve = client.get("/v1/models/leaves/versions/1").json()["curve"]
    assert "validation_log_loss" in curve
    assert answer.text == pictures.training(curve).svg
    ElementTree.fromstring(answer.text)
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("theme", ["light", "dark", "auto"])
def test_each_theme_has_its_picture_and_its_tag(theme: Any, client: TestClient) -> None:
    answer = client.get(f"{TRAINING}?theme={theme}")
    assert ("var(--ink)" in answer.text) == (theme == "auto")
    tag = answer.headers["etag"]
    for seen in (tag, f'W/{tag}, "other"', "*"):
        again = client.get(f"{TRAINING}?theme={theme}", headers={"If-None-Match": seen})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    other = client.get(f"{TRAINING}?theme={'light' if theme == 'dark' else 'dark'}")
    assert other.headers["etag"] != tag
    fresh = client.get(f"{TRAINING}?theme={theme}", headers={"If-None-Match": '"other"'})
    assert (fresh.status_code, fresh.text) == (200, answer.text)


@pytest.fixture(scope="module")
def evaluated(client: TestClient) -> str:
    """The path of an evaluation of the model's version."""
    answer = client.post(
        "/v1/models/leaves/versions/1/evaluations",
        json={"inputs": [[0.5], [1.0], [1.5], [3.0]], "labels": [HOSTILE, HOSTILE, "oak", HOSTILE]},
    )
    assert answer.status_code == 201, answer.text
    path: str = answer.headers["location"]
    return path


@pytest.mark.parametrize("plot", pictures.GALLERY)
def test_the_pictures_of_an_evaluation_are_those_of_its_rows(
    plot: str, evaluated: str, client: TestClient
) -> None:
    rows = client.post(
        "/v1/models/leaves/versions/1/predict", json={"inputs": [[0.5], [1.0], [1.5], [3.0]]}
    ).json()
    report = evaluate(
        probabilities=np.array(rows["probabilities"]),
        labels=np.array([HOSTILE, HOSTILE, "oak", HOSTILE]),
        classes=[HOSTILE, "oak"],
        include=["curves"],
    )
    wanted = pictures.draw(report, plot)
    assert wanted is not None
    answer = client.get(f"{evaluated}/plots/{plot}.svg")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/svg+xml")
    assert list(ElementTree.fromstring(answer.text).itertext()) == list(
        ElementTree.fromstring(wanted.svg).itertext()
    )
    of_version = client.get(f"/v1/models/leaves/versions/default/plots/{plot}.svg")
    assert of_version.text == answer.text
    assert of_version.headers["etag"] == answer.headers["etag"]


def test_what_an_evaluation_has_not_is_told(evaluated: str, client: TestClient) -> None:
    for path, code in (
        (f"{evaluated}/plots/training.svg", "unknown_picture"),
        (f"/v1/evaluations/{'0' * 32}/plots/roc.svg", "unknown_evaluation"),
        (TRAINING.replace("leaves", "iris").replace("training", "roc"), "unknown_picture"),
    ):
        answer = client.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, code)


def test_a_running_evaluation_is_drawn_as_far_as_it_is(client: TestClient) -> None:
    opened = client.post("/v1/evaluations/open", json={"class_count": 2}).headers["location"]
    path = f"{opened}/plots/reliability.svg"
    assert client.get(path).json()["code"] == "unknown_picture"
    tags = []
    for number in (1, 2):
        pushed = client.post(
            f"{opened}/batches",
            json={"probabilities": [[0.75, 0.25]], "labels": [0], "row_ids": [number]},
            headers={"Idempotency-Key": f'"{number}"'},
        )
        assert pushed.status_code < 300, pushed.text
        answer = client.get(path)
        assert answer.status_code == 200
        tags.append(answer.headers["etag"])
    assert tags[0] != tags[1]


def test_head_is_answered_without_the_picture(client: TestClient) -> None:
    answer = client.head(TRAINING)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["etag"]


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        (f"{TRAINING}?theme=sepia", 422, "invalid_option"),
        (f"{TRAINING}?themes=dark", 422, "unknown_member"),
        (TRAINING.replace("training", "pie"), 404, "unknown_picture"),
        (TRAINING.replace("versions/1", "versions/9"), 404, "unknown_version"),
        (TRAINING.replace("leaves", "none"), 404, "unknown_model"),
        (TRAINING.replace("leaves", "flowers"), 404, "unknown_picture"),
        (TRAINING.removesuffix(".svg"), 404, "not_found"),
    ],
)
def test_what_cannot_be_had_is_told(path: str, status: int, code: str, client: TestClient) -> None:
    parameters = {"coefficients": [[1.0]], "intercepts": [0.0], "classes": ["a", "b"]}
    client.post("/v1/models/flowers/versions", json=parameters)
    answer = client.get(path)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_accept_is_held_to_the_form(client: TestClient) -> None:
    assert client.get(TRAINING, headers={"Accept": "image/*"}).status_code == 200
    answer = client.get(TRAINING, headers={"Accept": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (406, "not_acceptable")


def test_without_matplotlib_the_answer_names_the_extra(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    answer = client.get(TRAINING)
    assert (answer.status_code, answer.json()["code"]) == (501, "not_installed")
    assert "[pictures]'" in answer.json()["detail"]


def test_one_is_drawn_at_a_time_and_those_without_a_place_are_told(client: TestClient) -> None:
    """While one is drawn, and nobody may wait."""
    app: Any = client.app
    given, app.state.drawing = app.state.drawing, Admission(1, 0, 1.0)
    try:
        assert app.state.drawing.take(1)
        answer = client.get(TRAINING)
        assert (answer.status_code, answer.json()["code"]) == (503, "overloaded")
        assert answer.headers["retry-after"]
        app.state.drawing.give_back(1)
        assert client.get(TRAINING).status_code == 200
    finally:
        app.state.drawing = given
