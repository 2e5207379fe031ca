"""Deleting, restoring and purging over HTTP; what pages begin with; digests of what is sent."""

import base64
import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from typing import Any

import httpx
import orjson
import pytest

from service.api.cursor import cursor_of, position_of
from service.errors import Code, InvalidInput

FRESH = count()
BODY = {"coefficients": [[1.5, -0.5]], "intercepts": [0.25], "classes": ["rose", "tulip"]}
ROWS = {"inputs": [[1.0, 2.0]]}


@pytest.fixture
def model(caller: Any) -> str:
    """The path of a model with two versions."""
    path = f"/v1/models/undone-{next(FRESH)}"
    for _ in range(2):
        assert caller.post(f"{path}/versions", BODY).status_code == 201
    return path


def act(caller: Any, method: str, path: str, **options: Any) -> tuple[int, str | None]:
    """The status of the answer and the code of its problem."""
    answer = caller.ask(method, path, **options)
    return answer.status_code, answer.json()["code"] if answer.status_code >= 400 else None


class TestDeleting:
    def test_a_version_goes_comes_back_and_goes_for_good(self, caller: Any, model: str) -> None:
        path = f"{model}/versions/2"
        assert act(caller, "DELETE", path) == (204, None)
        assert act(caller, "DELETE", path) == (404, "unknown_version")
        for asked in (path, f"{path}/artifact", f"{path}/parameters"):
            assert act(caller, "GET", asked) == (404, "unknown_version")
        assert caller.post(f"{path}/predict", ROWS).status_code == 404
        assert caller.post(f"{model}/predict", ROWS).json()["version"] == 1
        assert [v["version"] for v in caller.get(f"{model}/versions").json()["versions"]] == [1]
        restored = caller.ask("POST", f"{path}/restore")
        assert (restored.status_code, restored.json()["version"]) == (200, 2)
        assert caller.post(f"{model}/predict", ROWS).json()["version"] == 2
        assert act(caller, "POST", f"{path}/purge") == (409, "not_deleted")
        assert act(caller, "DELETE", path) == (204, None)
        assert act(caller, "POST", f"{path}/purge") == (204, None)
        assert act(caller, "POST", f"{path}/restore") == (404, "unknown_version")
        assert caller.post(f"{model}/versions", BODY).json()["version"] == 3

    def test_a_model_goes_with_its_name_until_it_is_purged(self, caller: Any, model: str) -> None:
        made = {"if-none-match": "*"}
        champion = f"{model}/aliases/champion"
        assert caller.ask("PUT", champion, json={"version": 1}, headers=made).status_code == 200
        assert act(caller, "DELETE", model) == (204, None)
        assert act(caller, "GET", model) == (404, "unknown_model")
        assert act(caller, "GET", champion) == (404, "unknown_model")
        assert caller.post(f"{model}/predict", ROWS).status_code == 404
        assert caller.post(f"{model}/versions", BODY).json()["code"] == "model_deleted"
        assert act(caller, "POST", f"{model}/restore") == (200, None)
        assert caller.get(f"{model}/versions/champion").json()["version"] == 1
        assert act(caller, "DELETE", model) == (204, None)
        assert act(caller, "POST", f"{model}/purge") == (204, None)
        assert act(caller, "POST", f"{model}/restore") == (404, "unknown_model")
        assert caller.post(f"{model}/versions", BODY).json()["version"] == 3
        assert act(caller, "GET", champion) == (404, "unknown_alias")

    def test_an_alias_holds_its_version_and_is_deleted_by_who_has_seen_it(
        self, caller: Any, model: str
    ) -> None:
        champion = f"{model}/aliases/champion"
        headers = {"if-none-match": "*"}
        tag = caller.ask("PUT", champion, json={"version": 1}, headers=headers).headers["etag"]
        assert act(caller, "DELETE", f"{model}/versions/1") == (409, "aliased")
        for alias in ("champion", "default"):  # sent again, it would take another one away
            refused = act(caller, "DELETE", f"{model}/versions/{alias}")
            assert refused == (404, "unknown_version")
        assert act(caller, "DELETE", champion) == (428, "condition_missing")
        stale = {"if-match": '"0"'}
        assert act(caller, "DELETE", champion, headers=stale) == (412, "stale")
        assert act(caller, "DELETE", champion, headers={"if-match": tag}) == (204, None)
        assert act(caller, "DELETE", champion, headers={"if-match": tag}) == (404, "unknown_alias")
        assert act(caller, "DELETE", f"{model}/versions/1") == (204, None)

    @pytest.mark.parametrize(
        ("method", "path", "expected"),
        [
            ("DELETE", "/v1/models/iris", (409, "shipped_model")),
            ("DELETE", "/v1/models/iris/versions/1", (409, "shipped_model")),
            ("POST", "/v1/models/iris/purge", (409, "shipped_model")),
            ("POST", "/v1/models/iris/versions/1/restore", (409, "shipped_model")),
            ("DELETE", "/v1/models/nobody", (404, "unknown_model")),
            ("DELETE", "/v1/models/nobody/versions/1", (404, "unknown_model")),
            ("POST", "/v1/models/nobody/restore", (404, "unknown_model")),
            ("POST", "/v1/models/nobody/versions/1/purge", (404, "unknown_model")),
            ("POST", "/v1/models/nobody/versions/1/restore", (404, "unknown_model")),
            ("POST", "/v1/models/nobody/versions/best/purge", (404, "unknown_version")),
            ("POST", "/v1/models/nobody/versions/99999999999999999/restore",
             (404, "unknown_version")),
            ("DELETE", "/v1/models/%00", (400, "bad_request")),
        ],
    )  # fmt: skip
    def test_what_is_not_there_or_ships(
        self, caller: Any, method: str, path: str, expected: tuple[int, str]
    ) -> None:
        assert act(caller, method, path) == expected


def test_what_is_deleted_is_listed_until_it_is_restored_or_purged(caller: Any, model: str) -> None:
    name = model.rpartition("/")[2]

    def listed() -> list[tuple[int | None, str]]:
        found, path = [], "/v1/deleted?limit=1"
        while path:
            page = caller.get(path).json()
            assert len(page["deleted"]) <= 1
            found += page["deleted"]
            path = page.get("next")
        return [(t.get("version"), t["at"]) for t in found if t["name"] == name]

    assert listed() == []
    before = datetime.now(UTC)
    for number in (1, 2):
        assert act(caller, "DELETE", f"{model}/versions/{number}") == (204, None)
    (one, at), (two, later) = listed()
    assert (one, two) == (1, 2)
    assert before <= datetime.fromisoformat(at) < datetime.fromisoformat(later)
    assert act(caller, "POST", f"{model}/versions/1/purge") == (204, None)
    assert listed() == [(2, later)]
    assert act(caller, "POST", f"{model}/versions/2/restore") == (200, None)
    assert listed() == []
    assert act(caller, "DELETE", model) == (204, None)
    assert [number for number, _ in listed()] == [None]
    assert act(caller, "POST", f"{model}/purge") == (204, None)
    assert listed() == []


def test_the_default_is_seen_before_it_is_set_and_can_be_unset(caller: Any, model: str) -> None:
    path = f"{model}/aliases/default"
    seen = caller.get(path)
    assert seen.json() == {"alias": "default", "version": 2}
    tag = {"if-match": seen.headers["etag"]}
    moved = caller.ask("PUT", path, json={"version": 1}, headers=tag)
    assert moved.json() == {"alias": "default", "version": 1}
    assert caller.ask("PUT", path, json={"version": 2}, headers=tag).status_code == 412
    assert caller.post(f"{model}/versions", BODY).json()["version"] == 3
    assert caller.get(model).json()["version"] == 1
    back = {"if-match": moved.headers["etag"]}
    assert act(caller, "DELETE", path, headers=back) == (204, None)
    assert caller.get(path).json() == {"alias": "default", "version": 3}
    lines = caller.get("/v1/audit?limit=1").json()["changes"]
    assert [(line["action"], line["detail"]) for line in lines] == [("alias.delete", {"before": 1})]


def test_who_has_seen_another_default_does_not_move_it(caller: Any, model: str) -> None:
    path = f"{model}/aliases/default"
    seen = {"if-match": caller.get(path).headers["etag"]}
    assert caller.post(f"{model}/versions", BODY).json()["version"] == 3
    assert act(caller, "PUT", path, json={"version": 1}, headers=seen) == (412, "stale")
    assert caller.get(path).json() == {"alias": "default", "version": 3}
    made = {"if-none-match": "*"}
    assert act(caller, "PUT", path, json={"version": 1}, headers=made) == (200, None)
    assert act(caller, "PUT", path, json={"version": 2}, headers=made) == (412, "stale")


class TestCursors:
    def test_pages_lead_to_all(self, caller: Any, model: str) -> None:
        assert caller.post(f"{model}/versions", BODY).status_code == 201
        found, path = [], f"{model}/versions?limit=1"
        while path:
            page = caller.get(path).json()
            found += [version["version"] for version in page["versions"]]
            path = page.get("next")
        assert found == [1, 2, 3]

    @pytest.mark.parametrize(
        "path",
        [
            *("/v1/models", "/v1/models/iris/versions", "/v1/models/iris/aliases"),
            *("/v1/keys", "/v1/evaluations", "/v1/deleted"),
        ],
    )
    @pytest.mark.parametrize(
        "made_up",
        [
            "",
            "iris",
            "0",
            "1",
            "-1",
            "AAAA",
            "a" * 400,
            "a" * 32,
            "%FF",
            "%C3%A9",
            "..%2F",
            "=",
            "====",
        ],
    )
    def test_what_is_made_up_is_refused(self, caller: Any, path: str, made_up: str) -> None:
        answer = caller.get(f"{path}?after={made_up}")
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_cursor")
        assert answer.json()["errors"][0]["pointer"] == "/after"

    def test_one_of_another_list_is_refused(self, caller: Any) -> None:
        cursor = caller.get("/v1/models?limit=1").json()["next"].rpartition("=")[2]
        assert caller.get(f"/v1/models?after={cursor}").status_code == 200
        answer = caller.get(f"/v1/models/iris/versions?after={cursor}")
        assert answer.json()["code"] == "invalid_cursor"

    @pytest.mark.parametrize("position", ["", "iris", "12", "z" * 63, "é"])
    def test_they_go_and_come_back_and_no_letter_of_them_is_spare(self, position: str) -> None:
        cursor = cursor_of("/v1/models", position)
        assert position_of("/v1/models", cursor) == position
        for place, letter in enumerate(cursor[:-1]):  # the last has bits that say nothing
            other = cursor[:place] + ("B" if letter == "A" else "A") + cursor[place + 1 :]
            with pytest.raises(InvalidInput) as found:
                position_of("/v1/models", other)
            assert found.value.code == Code.INVALID_CURSOR


def digest(algorithm: str, body: bytes) -> str:
    return base64.b64encode(hashlib.new(algorithm, body).digest()).decode()


class TestDigests:
    @pytest.fixture
    def send(self, caller: Any) -> Callable[[str, str], httpx.Response]:
        def send(name: str, value: str) -> httpx.Response:
            path = f"/v1/models/uploaded-{next(FRESH)}/versions"
            answer: httpx.Response = caller.post(path, orjson.dumps(BODY), **{name: value})
            there = caller.get(path).status_code
            assert there == (200 if answer.status_code == 201 else 404)
            return answer

        return send

    @pytest.mark.parametrize("name", ["content-digest", "repr-digest"])
    def test_the_right_ones_pass(
        self, send: Callable[[str, str], httpx.Response], name: str
    ) -> None:
        body = orjson.dumps(BODY)
        strong = f"sha-256=:{digest('sha256', body)}:"
        for value in (strong, f"sha-512=:{digest('sha512', body)}:, {strong}", "md5=:AAAA:"):
            assert send(name, value).status_code == 201

    @pytest.mark.parametrize(
        ("value", "code"),
        [
            (f"sha-256=:{digest('sha256', b'another')}:", "digest_mismatch"),
            (f"sha-512=:{digest('sha512', b'another')}:", "digest_mismatch"),
            (f"sha-256=:{digest('sha256', b'a')}:, sha-256=:{digest('sha256', b'b')}:",
             "digest_mismatch"),
            ("sha-256=:AAAA:", "invalid_digest"),
            ("sha-256=AAAA", "invalid_digest"),
            ("sha-256=:!:", "invalid_digest"),
            ("sha-256", "invalid_digest"),
            ("", "invalid_digest"),
            (f"SHA-256={digest('sha256', b'another')}", "invalid_digest"),
        ],
    )  # fmt: skip
    def test_others_register_nothing(
        self, send: Callable[[str, str], httpx.Response], value: str, code: str
    ) -> None:
        answer = send("content-digest", value)
        assert (answer.status_code, answer.json()["code"]) == (400, code)


@pytest.mark.parametrize("position", ["x", "1.5", "-5", "9" * 5000, "1\0", "", "a/9999999999"])
@pytest.mark.parametrize(
    "path", ["/v1/models/iris/versions", "/v1/keys", "/v1/evaluations", "/v1/deleted"]
)
def test_a_cursor_that_was_forged_is_refused(caller: Any, path: str, position: str) -> None:
    answer = caller.get(f"{path}?after={cursor_of(path, position)}")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_cursor")
