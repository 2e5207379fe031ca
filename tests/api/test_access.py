"""Who may do what: every route under every kind of key, and what a wrong one is told."""

import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from service.api.access import Guarded
from service.api.authorize import is_loopback
from service.api.cursor import cursor_of
from service.api.principal import ANONYMOUS, principal_of
from service.app import create_app
from service.registry import SCOPES, Keys, Store
from service.registry.key import new_token
from service.settings import Settings

BODY = {"logits": [1, 2]}


@contextmanager
def serving(folder: Path, host: str = "127.0.0.1", **more: Any) -> Iterator[TestClient]:
    """A client of an application in this process, on what the folder holds."""
    app = create_app(Settings(data_dir=folder, database_url=None, host=host, **more))
    with TestClient(app, base_url="http://localhost") as client:
        yield client


@contextmanager
def keys_in(folder: Path) -> Iterator[Keys]:
    """The keys as the command line has them."""
    store = Store(Settings(data_dir=folder, database_url=None).database)
    yield Keys(store)
    store.end()


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def calls(app: Any) -> list[tuple[str, str, str]]:
    """Every route as method, path with something for its parameters, and access."""
    found = []
    for route in app.routes:
        assert isinstance(route, Guarded)
        for method in sorted(route.methods or ()):
            path = re.sub(r"\{\w+\}", "1", route.path)
            found.append((method, path, str(route.access)))
    assert len(found) > 40
    return found


class TestRoutes:
    def test_every_route_declares_its_access(self) -> None:
        routes = create_app(Settings()).routes
        silent = [r for r in routes if not isinstance(r, Guarded) or r.access is None]
        assert silent == []

    def test_what_is_public_is_no_more_than_this(self) -> None:
        public = {path for _, path, access in calls(create_app(Settings())) if access == "public"}
        assert {path for path in public if not path.startswith("/docs")} == {
            "/livez", "/readyz", "/version", "/limits", "/problems", "/problems/1", "/openapi.json",
        }  # fmt: skip

    def test_a_route_that_declares_nothing_is_closed(self, tmp_path: Path) -> None:
        app = create_app(Settings(data_dir=tmp_path, database_url=None))

        async def forgotten() -> str:
            return "a secret"

        app.router.add_api_route("/forgotten", forgotten)
        with TestClient(app, base_url="http://localhost") as client:
            answer = client.get("/forgotten")
        assert (answer.status_code, "a secret" in answer.text) == (500, False)

    def test_the_document_tells_it(self, document: dict[str, Any]) -> None:
        assert document["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
        shown = {
            operation["operationId"]: operation["security"]
            for methods in document["paths"].values()
            for operation in methods.values()
        }
        assert all(len(entry) <= 1 for entry in shown.values())
        scopes = {name: entry[0]["key"] for name, entry in shown.items() if entry}
        assert {scope for (scope,) in scopes.values()} == set(SCOPES)
        assert scopes["predict"] == ["score"]
        assert scopes["show_parameters"] == ["read"]
        assert scopes["train_version"] == scopes["promote_alias"] == ["train"]
        assert scopes["create_key"] == ["admin"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("keys")


@pytest.fixture(scope="module")
def tokens(folder: Path) -> dict[str, str]:
    """A text of each kind, by what is wrong with it or by its scope."""
    with keys_in(folder) as keys:
        found = {scope: keys.create(scope, [scope])[1] for scope in SCOPES}
        with pytest.MonkeyPatch.context() as patch:
            then = time.time() - 3600
            patch.setattr(time, "time", lambda: then)
            found["expired"] = keys.create("old", SCOPES, expires=int(then) + 60)[1]
        revoked, found["revoked"] = keys.create("lost", SCOPES)
        keys.revoke(revoked.id)
    found["unknown"] = new_token()
    found["wrong secret"] = found["admin"][:15] + new_token()[15:]
    found["mistyped"] = found["admin"][:-1] + ("0" if found["admin"][-1] != "0" else "1")
    found["cut short"] = found["admin"][:-7]
    return found


@pytest.fixture(scope="module")
def client(folder: Path, tokens: dict[str, str]) -> Iterator[TestClient]:
    with serving(folder) as client:
        yield client


class TestMatrix:
    """Every route of the application under every kind of key, generated from its routes."""

    @pytest.mark.parametrize(
        ("kind", "code"),
        [
            (None, "key_missing"),
            ("expired", "key_expired"),
            ("revoked", "key_revoked"),
            ("unknown", "key_invalid"),
            ("wrong secret", "key_invalid"),
            ("mistyped", "key_invalid"),
            ("cut short", "key_invalid"),
        ],
    )
    def test_without_a_key_in_force_only_what_is_public_is_served(
        self, client: TestClient, tokens: dict[str, str], kind: str | None, code: str
    ) -> None:
        headers = {} if kind is None else bearer(tokens[kind])
        for method, path, access in calls(client.app):
            answer = client.request(method, path, headers=headers)
            if access == "public":
                assert answer.status_code in (200, 404), path
                continue
            assert (answer.status_code, answer.json()["code"]) == (401, code), path
            challenge = answer.headers["www-authenticate"]
            assert challenge.startswith('Bearer realm="xent"')
            assert ('error="invalid_token"' in challenge) is (kind is not None)

    @pytest.mark.parametrize("scope", SCOPES)
    def test_a_scope_is_for_its_routes_and_no_others(
        self, client: TestClient, tokens: dict[str, str], scope: str
    ) -> None:
        served = 0
        for method, path, access in calls(client.app):
            answer = client.request(method, path, headers=bearer(tokens[scope]))
            if access in ("public", scope):
                assert answer.status_code not in (401, 403, 429, 500), path
                served += 1
                continue
            assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing"), path
            assert access in answer.json()["detail"]
            assert f'scope="{access}"' in answer.headers["www-authenticate"]
        assert served > 10

    def test_what_is_not_there_says_so_to_everybody(self, client: TestClient) -> None:
        assert client.get("/v1/nothing").status_code == 404
        assert client.delete("/v1/softmax").status_code == 405

    def test_errors_and_metrics_hold_no_key(
        self, client: TestClient, tokens: dict[str, str]
    ) -> None:
        written = client.get("/metrics", headers=bearer(tokens["read"])).text
        assert 'xent_rejected_requests_total{reason="key_invalid"}' in written
        assert 'xent_rejected_requests_total{reason="scope_missing"}' in written
        for path in ("/v1/keys", "/v1/audit"):
            written += client.get(path, headers=bearer(tokens["admin"])).text
        for token in tokens.values():
            written += client.post("/v1/softmax", json=BODY, headers=bearer(token)).text
        assert not [token for token in tokens.values() if token[16:] in written]


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[TestClient, str]]:
    """A client of an application that asks for keys, and one."""
    folder = tmp_path_factory.mktemp("locked")
    with keys_in(folder) as keys:
        token = keys.create("ours", ["score"])[1]
    with serving(folder) as client:
        yield client, token


class TestHeader:
    @given(value=st.binary(max_size=200))
    @settings(max_examples=100)
    def test_any_bytes_are_refused(self, locked: tuple[TestClient, str], value: bytes) -> None:
        client, _ = locked
        for header in (value, b"Bearer " + value, b"bearer xent_" + value):
            answer = client.post("/v1/softmax", json=BODY, headers=[(b"Authorization", header)])
            assert answer.status_code == 401
            assert answer.json()["code"] == "key_invalid"
            assert "www-authenticate" in answer.headers

    @pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER  "])
    def test_the_scheme_is_that_of_rfc_6750(
        self, locked: tuple[TestClient, str], scheme: str
    ) -> None:
        client, token = locked
        sent = {"Authorization": scheme + token}
        assert client.post("/v1/softmax", json=BODY, headers=sent).status_code == 200

    def test_a_key_is_sent_once_and_nowhere_else(self, locked: tuple[TestClient, str]) -> None:
        client, token = locked
        header = (b"Authorization", f"Bearer {token}".encode())
        twice = client.post("/v1/softmax", json=BODY, headers=[header, header])
        assert twice.status_code == 401
        elsewhere = client.post(f"/v1/softmax?key={token}", json=BODY, headers={"X-Api-Key": token})
        assert elsewhere.json()["code"] == "key_missing"
        assert client.get(f"/livez?key={token}", headers={"Authorization": "Basic x"}).is_success


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A client of an application without keys that goes by one more name."""
    with serving(tmp_path_factory.mktemp("open"), allowed_hosts=("Mine.example",)) as client:
        yield client


class TestWithoutKeys:
    def test_a_loopback_address_is_open(self, tmp_path: Path) -> None:
        with serving(tmp_path) as client:
            for method, path, _ in calls(client.app):
                if (method, path) != ("POST", "/v1/keys"):  # the last thing that is open
                    assert client.request(method, path).status_code not in (401, 403, 421), path

    def test_any_other_address_only_scores(self, tmp_path: Path) -> None:
        with serving(tmp_path, host="0.0.0.0") as client:
            for method, path, access in calls(client.app):
                answer = client.request(method, path, headers={"Host": "any.example"})
                if access in ("public", "score"):
                    assert answer.status_code not in (401, 403, 421, 500), path
                else:
                    assert (answer.status_code, answer.json()["code"]) == (401, "key_missing"), path
                    assert "xent keys create" in answer.json()["detail"]

    def test_the_first_key_closes_it_and_its_end_does_not_open_it(self, tmp_path: Path) -> None:
        with serving(tmp_path) as client:
            assert client.post("/v1/softmax", json=BODY).status_code == 200
            made = client.post("/v1/keys", json={"name": "first", "scopes": ["admin", "score"]})
            assert made.status_code == 201
            assert made.headers["cache-control"] == "no-store"
            assert client.post("/v1/softmax", json=BODY).status_code == 401
            mine = bearer(made.json()["key"])
            assert client.post("/v1/softmax", json=BODY, headers=mine).status_code == 200
            gone = client.delete(made.headers["location"], headers=mine)
            assert (gone.status_code, "revoked" in gone.json()) == (200, True)
            again = client.post("/v1/softmax", json=BODY, headers=mine)
            assert again.json()["code"] == "key_revoked"
            assert client.post("/v1/softmax", json=BODY).json()["code"] == "key_missing"

    def test_a_key_of_another_store_is_no_silent_nobody(self, tmp_path: Path) -> None:
        with serving(tmp_path) as client:
            answer = client.post("/v1/softmax", json=BODY, headers=bearer(new_token()))
        assert (answer.status_code, answer.json()["code"]) == (401, "key_invalid")

    @pytest.mark.parametrize(
        ("host", "served"),
        [
            ("localhost", True),
            ("LOCALHOST:8000", True),
            ("app.localhost", True),
            ("127.0.0.1:8000", True),
            ("127.8.9.10", True),
            ("[::1]:8000", True),
            ("mine.example:80", True),
            ("evil.example", False),
            ("localhost.evil.example", False),
            ("127.0.0.1.evil.example", False),
            ("192.168.1.5:8000", False),
            ("[::2]", False),
            ("", False),
        ],
    )
    def test_it_is_open_under_names_of_this_machine_only(
        self, opened: TestClient, host: str, served: bool
    ) -> None:
        answer = opened.post("/v1/softmax", json=BODY, headers={"Host": host})
        assert opened.get("/livez", headers={"Host": host}).status_code == 200
        if served:
            assert answer.status_code == 200
        else:
            assert (answer.status_code, answer.json()["code"]) == (421, "host_not_allowed")
            assert "XENT_ALLOWED_HOSTS" in answer.json()["detail"]

    def test_what_a_star_allows(self, tmp_path: Path) -> None:
        with serving(tmp_path, allowed_hosts=("*",)) as client:
            sent = {"Host": "any.example"}
            assert client.post("/v1/softmax", json=BODY, headers=sent).status_code == 200


class TestRates:
    @pytest.fixture
    def limited(self, tmp_path: Path) -> Iterator[tuple[TestClient, dict[str, str]]]:
        with keys_in(tmp_path) as keys:
            limits = {"requests_per_minute": 30, "rows_per_minute": 10}
            token = keys.create("limited", ["score"], **limits)[1]
        with serving(tmp_path) as client:
            yield client, bearer(token)

    def test_the_headers_are_those_of_the_draft(
        self, limited: tuple[TestClient, dict[str, str]]
    ) -> None:
        client, headers = limited
        answer = client.post("/v1/softmax", json=BODY, headers=headers)
        policy = '"requests";q=30;w=60, "rows";q=10;w=60;qu="rows"'
        assert answer.headers["ratelimit-policy"] == policy
        assert answer.headers["ratelimit"] == '"requests";r=29;t=2, "rows";r=9;t=6'

    def test_beyond_the_rows_of_a_minute(self, limited: tuple[TestClient, dict[str, str]]) -> None:
        client, headers = limited
        many = {"logits": [[1, 2]] * 15}  # known when it is read: let in, and the next ones wait
        assert client.post("/v1/softmax", json=many, headers=headers).status_code == 200
        answer = client.post("/v1/softmax", json=BODY, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (429, "rate_exceeded")
        assert 35 <= int(answer.headers["retry-after"]) <= 36
        assert '"rows";r=0;t=' in answer.headers["ratelimit"]
        assert "10 rows" in answer.json()["detail"]

    def test_rows_of_a_stream_count(self, limited: tuple[TestClient, dict[str, str]]) -> None:
        client, headers = limited
        line = b'{"logits": [[1, 2], [2, 1]], "labels": [0, 1]}\n'
        sent = {**headers, "Content-Type": "application/x-ndjson"}
        answer = client.post("/v1/evaluate/stream", content=line * 3, headers=sent)
        assert answer.status_code == 200, answer.text
        assert '"rows";r=4;' in answer.headers["ratelimit"]

    def test_beyond_the_requests_of_a_minute(
        self, limited: tuple[TestClient, dict[str, str]]
    ) -> None:
        client, headers = limited
        statuses = [client.get("/v1/losses", headers=headers).status_code for _ in range(40)]
        assert statuses[:30] == [200] * 30
        assert statuses[35:] == [429] * 5  # a few more came in as time went by
        answer = client.get("/v1/losses", headers=headers)
        assert answer.headers["retry-after"] in ("1", "2")

    def test_other_keys_go_on(
        self, limited: tuple[TestClient, dict[str, str]], tmp_path: Path
    ) -> None:
        client, headers = limited
        for _ in range(40):
            client.get("/v1/losses", headers=headers)
        with keys_in(tmp_path) as keys:
            other = bearer(keys.create("free", ["score"])[1])
        client.app.state.authorizer._keys.refresh()  # type: ignore[attr-defined]
        answer = client.get("/v1/losses", headers=other)
        assert (answer.status_code, "ratelimit" in answer.headers) == (200, False)


class TestAudit:
    def test_who_did_what_is_told_page_by_page(self, tmp_path: Path) -> None:
        with serving(tmp_path) as client:
            asked = {"name": "all", "scopes": ["admin", "train"]}
            made = client.post("/v1/keys", json=asked, headers={"X-Request-Id": "first"}).json()
            mine = bearer(made["key"]) | {"X-Request-Id": "second"}
            model = {"coefficients": [[1]], "intercepts": [0], "classes": ["a", "b"]}
            path = "/v1/models/mine"
            registered = client.post(f"{path}/versions", json=model, headers=mine)
            assert registered.status_code == 201
            new = mine | {"If-None-Match": "*"}
            put = client.put(f"{path}/aliases/champion", json={"version": 1}, headers=new)
            assert put.status_code == 200
            page = client.get("/v1/audit?limit=2", headers=mine).json()
            rest = client.get(page["next"], headers=mine).json()
        assert "next" not in rest
        lines = page["changes"] + rest["changes"]
        assert [line["change"] for line in lines] == [3, 2, 1]
        assert [(x["principal"], x["request_id"], x["action"], x["subject"]) for x in lines] == [
            (made["id"], "second", "alias.move", "models/mine/aliases/champion"),
            (made["id"], "second", "version.create", "models/mine/versions/1"),
            (ANONYMOUS, "first", "key.create", f"keys/{made['id']}"),
        ]
        assert lines[0]["detail"] == {"version": 1, "before": None}
        assert lines[1]["detail"] == {"digest": registered.json()["digest"]}

    def test_pages_of_keys(self, tmp_path: Path) -> None:
        with keys_in(tmp_path) as keys:
            made = [keys.create(f"key {n}", ["admin"]) for n in range(5)]
        with serving(tmp_path) as client:
            mine, path, found = bearer(made[0][1]), "/v1/keys?limit=2", []
            while path:
                page = client.get(path, headers=mine).json()
                found += [key["id"] for key in page["keys"]]
                path = page.get("next", "")
            nobody = cursor_of("/v1/keys", "0123456789")
            for after in ("madeup", made[0][0].id, "", nobody):
                answer = client.get(f"/v1/keys?after={after}", headers=mine)
                assert (answer.status_code, answer.json()["code"]) == (422, "invalid_cursor")
                assert answer.json()["errors"][0]["pointer"] == "/after"
        assert sorted(found) == sorted(key.id for key, _ in made)


class TestMaking:
    ASKED: ClassVar = {"name": "ci", "scopes": ["score"]}

    @pytest.fixture
    def made(self, tmp_path: Path) -> Iterator[tuple[TestClient, dict[str, str]]]:
        """A client, and the headers of an operator with an Idempotency-Key."""
        with keys_in(tmp_path) as keys:
            token = keys.create("the operator", ["admin"])[1]
        with serving(tmp_path) as client:
            yield client, bearer(token) | {"Idempotency-Key": '"once"'}

    def test_sent_again_there_is_one_key_and_the_refusal_names_it(
        self, made: tuple[TestClient, dict[str, str]]
    ) -> None:
        client, headers = made

        def send(_: int) -> httpx.Response:
            return client.post("/v1/keys", json=self.ASKED, headers=headers)

        with ThreadPoolExecutor(8) as pool:
            answers = sorted(pool.map(send, range(16)), key=lambda answer: answer.status_code)
        first, *others = answers
        assert (first.status_code, first.headers["cache-control"]) == (201, "no-store")
        key = first.json()["key"]
        assert client.post("/v1/softmax", json=BODY, headers=bearer(key)).status_code == 200
        for answer in (*others, send(16)):
            assert (answer.status_code, answer.json()["code"]) == (409, "key_made_before")
            assert f"the key {first.json()['id']}," in answer.json()["detail"]
            assert key[16:] not in answer.text
        listed = client.get("/v1/keys", headers=headers).json()["keys"]
        assert [entry["name"] for entry in listed].count("ci") == 1
        other = client.post("/v1/keys", json=self.ASKED | {"name": "cd"}, headers=headers)
        assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
        another = client.post(
            "/v1/keys", json=self.ASKED, headers=headers | {"Idempotency-Key": '"2"'}
        )
        assert another.status_code == 201

    def test_one_that_is_no_string_is_refused_and_makes_none(
        self, made: tuple[TestClient, dict[str, str]]
    ) -> None:
        client, headers = made
        bad = headers | {"Idempotency-Key": "once"}
        answer = client.post("/v1/keys", json=self.ASKED, headers=bad)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_idempotency_key")
        assert len(client.get("/v1/keys", headers=headers).json()["keys"]) == 1

    @pytest.mark.parametrize("ago", [0, 1, 3600, 10**9])
    def test_an_end_that_is_past_is_refused_and_makes_none(
        self, made: tuple[TestClient, dict[str, str]], ago: int
    ) -> None:
        client, headers = made
        end = datetime.fromtimestamp(time.time() - ago, UTC).isoformat()
        answer = client.post("/v1/keys", json=self.ASKED | {"expires": end}, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_option")
        assert answer.json()["errors"][0]["pointer"] == "/expires"
        end = datetime.fromtimestamp(time.time() + 3600, UTC).isoformat()
        answer = client.post("/v1/keys", json=self.ASKED | {"expires": end}, headers=headers)
        assert answer.status_code == 201  # the same Idempotency-Key: the refusal left it free
        assert len(client.get("/v1/keys", headers=headers).json()["keys"]) == 2

    @pytest.mark.parametrize(
        ("end", "status"),
        [
            ("9999-12-31T23:59:59Z", 201),
            ("9999-12-31T23:59:59.999999Z", 201),
            ("9999-12-31T23:59:59-00:01", 422),
            ("9999-12-31T23:59:59-23:59", 422),
        ],
    )
    def test_an_end_is_in_a_year_that_can_be_written(
        self, made: tuple[TestClient, dict[str, str]], end: str, status: int
    ) -> None:
        client, headers = made
        answer = client.post("/v1/keys", json=self.ASKED | {"expires": end}, headers=headers)
        assert answer.status_code == status
        told = client.get("/v1/keys", headers=headers).json()["keys"]
        ends = {key["expires"] for key in told if "expires" in key}
        assert ends == ({"9999-12-31T23:59:59Z"} if status == 201 else set())


def test_of_a_run_with_keys_nothing_that_was_written_holds_one(serve: Any, tmp_path: Path) -> None:
    """The log at its most talkative, the answers, the metrics and every file of the store."""
    with serve(XENT_LOG_LEVEL="debug", XENT_DATA_DIR=str(tmp_path)) as server:
        with httpx.Client(base_url=server.url, timeout=30) as client:
            asked = {"name": "all", "scopes": list(SCOPES)}
            once = {"Idempotency-Key": '"secret"'}
            token = client.post("/v1/keys", json=asked, headers=once).json()["key"]
            mine = bearer(token)
            text = client.get("/v1/keys", headers=mine).text
            for headers in (mine, bearer(token[:-1]), {"Authorization": token}, {"X-Key": token}):
                text += client.post("/v1/softmax", json=BODY, headers=headers).text
                text += client.post("/v1/softmax", content=token, headers=headers).text
                text += client.post("/v1/models/mine/versions", json={}, headers=headers).text
                text += client.get(f"/v1/models/{token}", headers=headers).text
            text += client.get("/metrics", headers=mine).text
            text += client.get("/v1/audit", headers=mine).text
        assert server.stop() == 0
        written = text.encode() + server.log_text().encode()
    for file in tmp_path.rglob("*"):
        written += file.read_bytes() if file.is_file() else b""
    secret = token[16:].encode()
    assert len(secret) == 49
    assert secret not in written
    assert secret[:-7] not in written
    assert token[5:15].encode() in written  # its id is no secret


@pytest.mark.parametrize(
    ("host", "local"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False)],
)
def test_what_a_loopback_address_is(host: str, local: bool) -> None:
    assert is_loopback(host) is local


def test_whoever_sends_no_key_is_anonymous() -> None:
    assert principal_of({"state": {}}) == ANONYMOUS
    assert principal_of({"state": {"principal": "k3y"}}) == "k3y"
