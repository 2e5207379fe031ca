"""Promoting over HTTP: conditions, who wins, rolling back; the files of versions."""

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.api.cursor import cursor_of
from service.api.stored import names
from service.classifier import from_bytes
from service.wire import TENSORS

FRESH = count()
BODY = {"coefficients": [[1.5, -0.5]], "intercepts": [0.25], "classes": ["rose", "tulip"]}
NEW = {"if-none-match": "*"}
ROWS = {"inputs": [[1.0, 2.0]]}


@pytest.fixture
def model(caller: Any) -> Iterator[str]:
    """The path of a model with two versions."""
    path = f"/v1/models/promoted-{next(FRESH)}"
    for _ in range(2):
        assert caller.post(f"{path}/versions", BODY).status_code == 201
    return path


def put(caller: Any, path: str, version: Any, headers: dict[str, str]) -> httpx.Response:
    return caller.ask("PUT", path, json={"version": version}, headers=headers)


class TestPromoting:
    def test_make_move_and_roll_back(self, caller: Any, model: str) -> None:
        path = f"{model}/aliases/champion"
        assert caller.get(path).json()["code"] == "unknown_alias"
        made = put(caller, path, 1, NEW)
        assert (made.status_code, made.json()) == (200, {"alias": "champion", "version": 1})
        moved = put(caller, path, 2, {"if-match": made.headers["etag"]})
        assert moved.json() == {"alias": "champion", "version": 2, "previous": 1}
        seen = caller.get(path)
        assert (seen.json(), seen.headers["etag"]) == (moved.json(), moved.headers["etag"])
        assert caller.get(f"{model}/versions/champion").json()["version"] == 2
        back = put(caller, path, seen.json()["previous"], {"if-match": seen.headers["etag"]})
        assert back.json() == {"alias": "champion", "version": 1, "previous": 2}
        assert caller.get(f"{model}/versions/champion").json()["version"] == 1
        assert caller.post(f"{model}/versions/champion/predict", ROWS).json()["version"] == 1

    def test_the_default_is_what_calls_without_a_version_mean(
        self, caller: Any, model: str
    ) -> None:
        assert put(caller, f"{model}/aliases/default", 1, NEW).status_code == 200
        assert caller.get(model).json()["version"] == 1

    def test_who_has_not_looked_changes_nothing(self, caller: Any, model: str) -> None:
        path = f"{model}/aliases/champion"
        tag = put(caller, path, 1, NEW).headers["etag"]
        for headers, status in (
            ({}, 428),
            ({"If-None-Match": '"5"'}, 428),
            (NEW, 412),
            ({"if-match": '"0"'}, 412),
            ({"if-match": f"W/{tag}"}, 412),
            ({"if-match": tag.strip('"')}, 412),
            ({"if-match": tag, **NEW}, 412),
        ):
            answer = put(caller, path, 2, headers)
            assert answer.status_code == status, headers
        assert caller.get(path).json()["version"] == 1
        assert put(caller, path, 2, {"if-match": f'"0", {tag}'}).status_code == 200
        assert put(caller, f"{model}/aliases/other", 1, {"if-match": "*"}).status_code == 412

    def test_of_many_who_have_seen_the_same_one_wins(
        self, server: Any, caller: Any, model: str
    ) -> None:
        path = f"{server.url}{model}/aliases/champion"
        tag = put(caller, f"{model}/aliases/champion", 1, NEW).headers["etag"]

        def move(version: int) -> int:
            body = {"version": version}
            return httpx.put(path, json=body, headers={"if-match": tag}, timeout=30).status_code

        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(move, [1, 2] * 8))
        assert sorted(found) == [200] + [412] * 15

    @pytest.mark.parametrize(
        ("path", "version", "code"),
        [
            ("/v1/models/iris/aliases/champion", 1, "shipped_model"),
            ("/v1/models/nobody/aliases/champion", 1, "unknown_model"),
            ("/v1/models/%00/aliases/champion", 1, "bad_request"),
            ("/v1/models/nobody/aliases/Champion", 1, "invalid_option"),
            ("/v1/models/nobody/aliases/7", 1, "invalid_option"),
            ("/v1/models/nobody/aliases/%D0%B0", 1, "invalid_option"),
            ("/v1/models/nobody/aliases/" + "a" * 64, 1, "invalid_option"),
            ("/v1/models/nobody/aliases/champion", 0, "invalid_option"),
            ("/v1/models/nobody/aliases/champion", 2**31, "invalid_option"),
            ("/v1/models/nobody/aliases/champion", True, "invalid_option"),
            ("/v1/models/nobody/aliases/champion", None, "missing_member"),
        ],
    )
    def test_bad_input(self, caller: Any, path: str, version: Any, code: str) -> None:
        assert put(caller, path, version, NEW).json()["code"] == code

    def test_a_version_that_is_not_there(self, caller: Any, model: str) -> None:
        answer = put(caller, f"{model}/aliases/champion", 3, NEW)
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown_version")
        assert caller.get(f"{model}/aliases/champion").status_code == 404

    def test_bodies_are_plain_json(self, caller: Any, model: str) -> None:
        path = f"{model}/aliases/champion"
        for content, kind, status in (
            (b"{", "application/json", 400),
            (b"[]", "application/json", 422),
            (b'{"version":1,"version":2}', "application/json", 422),
            (b'{"version":1,"force":true}', "application/json", 422),
            (b"version=1", "application/x-www-form-urlencoded", 415),
            (b"", TENSORS, 415),
        ):
            headers = {"content-type": kind, **NEW}
            assert caller.ask("PUT", path, content=content, headers=headers).status_code == status


class TestLists:
    def test_all_aliases_with_what_moves_them(self, caller: Any, model: str) -> None:
        before = datetime.now(UTC)
        for alias, version in (("shadow", 2), ("champion", 1)):
            assert put(caller, f"{model}/aliases/{alias}", version, NEW).status_code == 200
        champion, default, shadow = caller.get(f"{model}/aliases").json()["aliases"]
        for listed in (champion, shadow):
            assert before <= datetime.fromisoformat(listed["at"]) <= datetime.now(UTC)
            assert listed["principal"] == "anonymous"
            seen = caller.get(f"{model}/aliases/{listed['alias']}")
            assert listed["etag"] == seen.headers["etag"]
            assert seen.json().items() <= listed.items()
        assert default == {"alias": "default", "version": 2, "etag": '"-2"'}
        moved = put(caller, f"{model}/aliases/champion", 2, {"if-match": champion["etag"]})
        assert moved.status_code == 200
        again = caller.get(f"{model}/aliases").json()["aliases"][0]
        assert (again["version"], again["previous"]) == (2, 1)
        assert (again["etag"], again["at"] > champion["at"]) == (moved.headers["etag"], True)

    def test_pages_lead_to_all_and_what_is_made_up_is_refused(
        self, caller: Any, model: str
    ) -> None:
        for alias in ("zebra", "a", "b-1", "b.1", "b_1"):
            assert put(caller, f"{model}/aliases/{alias}", 1, NEW).status_code == 200
        found, path = [], f"{model}/aliases?limit=2"
        while path:
            page = caller.get(path).json()
            assert len(page["aliases"]) == 2
            found += [listed["alias"] for listed in page["aliases"]]
            path = page.get("next", "")
        assert found == ["a", "b-1", "b.1", "b_1", "default", "zebra"]
        for after in ("zebra", "", cursor_of("/v1/models", "a")):
            answer = caller.get(f"{model}/aliases?after={after}")
            assert (answer.status_code, answer.json()["code"]) == (422, "invalid_cursor")
            assert answer.json()["errors"][0]["pointer"] == "/after"

    def test_a_model_that_ships_has_its_default_alone(self, caller: Any) -> None:
        listed = {"alias": "default", "version": 1}
        page = caller.get("/v1/models/iris/aliases").json()
        assert page == {"aliases": [listed | {"etag": '"-1"'}]}
        seen = caller.get("/v1/models/iris/aliases/default")
        assert (seen.json(), seen.headers["etag"]) == (listed, '"-1"')
        moved = put(caller, "/v1/models/iris/aliases/default", 1, {"if-match": '"-1"'})
        assert (moved.status_code, moved.json()["code"]) == (409, "shipped_model")
        assert caller.get("/v1/models/iris/aliases/champion").status_code == 404
        assert caller.get("/v1/models/nobody/aliases").json()["code"] == "unknown_model"


def test_an_alias_is_not_moved_to_a_file_that_was_damaged(serve: Any, tmp_path: Path) -> None:
    with serve(XENT_DATA_DIR=str(tmp_path)) as server:
        path = f"{server.url}/v1/models/mine"
        for _ in range(2):
            assert httpx.post(f"{path}/versions", json=BODY, timeout=30).status_code == 201
        champion = f"{path}/aliases/champion"
        made = httpx.put(champion, json={"version": 1}, headers=NEW)
        with sqlite3.connect(tmp_path / "xent.db") as connection:
            connection.execute("UPDATE versions SET artifact = x'00' WHERE number = 2")
        connection.close()
        assert httpx.post(f"{path}/versions/2/predict", json=ROWS).status_code == 200  # in memory
        moved = httpx.put(champion, json={"version": 2}, headers={"if-match": made.headers["etag"]})
        assert (moved.status_code, moved.json()["code"]) == (500, "damaged_artifact")
        assert "version 2 of mine" in moved.json()["detail"]
        seen = httpx.get(champion)
        assert (seen.json()["version"], seen.headers["etag"]) == (1, made.headers["etag"])


def test_a_version_whose_file_was_damaged_can_be_taken_away(serve: Any, tmp_path: Path) -> None:
    with serve(XENT_DATA_DIR=str(tmp_path), XENT_MAX_REGISTRY_BYTES="1") as server:
        path = f"{server.url}/v1/models/mine"
        assert httpx.post(f"{path}/versions", json=BODY, timeout=30).status_code == 201
        with sqlite3.connect(tmp_path / "xent.db") as connection:
            connection.execute("UPDATE versions SET artifact = x'00'")
        connection.close()
        assert httpx.get(f"{path}/versions/1").json()["code"] == "damaged_artifact"
        assert httpx.delete(f"{path}/versions/1").status_code == 204
        assert httpx.post(f"{path}/versions/1/purge").status_code == 204


def test_two_workers_agree_on_what_was_seen(serve: Any, contract: Any) -> None:
    with serve(XENT_WORKERS="2") as server:
        path = f"{server.url}/v1/models/mine"
        for _ in range(2):
            assert httpx.post(f"{path}/versions", json=BODY, timeout=30).status_code == 201
        alias, headers = f"{path}/aliases/champion", NEW
        for turn in range(20):  # each on a connection of its own, so that both workers answer
            moved = httpx.put(alias, json={"version": 1 + turn % 2}, headers=headers)
            assert moved.status_code == 200, moved.text
            seen = httpx.get(alias)
            assert seen.json() == moved.json()
            headers = {"if-match": seen.headers["etag"]}


class TestArtifacts:
    def test_the_file_has_its_digest_as_etag(self, caller: Any, model: str) -> None:
        path = f"{model}/versions/2/artifact"
        answer = caller.get(path)
        assert answer.headers["content-type"] == TENSORS
        digest = sha256(answer.content).hexdigest()
        assert answer.headers["etag"] == f'"{digest}"'
        assert from_bytes(answer.content).coefficients.tolist() == BODY["coefficients"]
        for condition in (f'"{digest}"', f'W/"{digest}"', f'"x", "{digest}"', "*"):
            again = caller.get(path, **{"if-none-match": condition})
            assert (again.status_code, again.content) == (304, b"")
            assert again.headers["etag"] == f'"{digest}"'
        assert caller.get(path, **{"if-none-match": '"x"'}).content == answer.content
        head = caller.ask("HEAD", path)
        assert head.headers["content-length"] == str(len(answer.content))

    def test_every_card_tells_the_digest_and_when_it_was_registered(
        self, caller: Any, model: str
    ) -> None:
        before = datetime.now(UTC)
        card = caller.post(f"{model}/versions", BODY).json()
        made = {member: card[member] for member in ("digest", "created")}
        assert before <= datetime.fromisoformat(made["created"]) <= datetime.now(UTC)
        tag = caller.get(f"{model}/versions/3/artifact").headers["etag"]
        assert tag == f'"{made["digest"]}"'
        name = model.rpartition("/")[2]
        pages = caller.get("/v1/models?limit=1000").json()["models"]
        caller.ask("DELETE", f"{model}/versions/3")
        for shown in (
            caller.ask("POST", f"{model}/versions/3/restore").json(),
            caller.get(model).json(),
            caller.get(f"{model}/versions/3").json(),
            caller.get(f"{model}/versions").json()["versions"][-1],
            next(entry for entry in pages if entry["name"] == name),
        ):
            assert {member: shown[member] for member in made} == made
        shipped = caller.get("/v1/models/iris").json()
        artifact = caller.get("/v1/models/iris/versions/1/artifact").content
        assert shipped["digest"] == sha256(artifact).hexdigest()
        assert "created" not in shipped

    def test_what_is_not_there_or_not_wanted(self, caller: Any, model: str) -> None:
        assert caller.get(f"{model}/versions/9/artifact").json()["code"] == "unknown_version"
        path = f"{model}/versions/1/artifact"
        assert caller.get(path, accept="application/json").status_code == 406
        assert caller.get(path, accept=TENSORS).status_code == 200


@pytest.mark.parametrize(
    ("condition", "strong", "weak"),
    [
        ('"a"', True, True),
        ('W/"a"', False, True),
        ('"b", "a"', True, True),
        ('"b","c"', False, False),
        ("*", True, True),
        (" * ", True, True),
        ("a", False, False),
        ("", False, False),
        ('"', False, False),
    ],
)
def test_conditions_name_tags(condition: str, strong: bool, weak: bool) -> None:
    assert names(condition, '"a"', weak=False) is strong
    assert names(condition, '"a"', weak=True) is weak
    assert not names(condition, None, weak=True)
