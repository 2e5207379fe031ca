"""Training beside scoring: its limits, its end, and that it starves nobody."""

import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

PATH = "/v1/models/mine/versions"
DATA = {"inputs": [[0.0], [1.0], [2.0], [3.0]], "labels": ["a", "b", "a", "b"]}
ENDLESS = {**DATA, "options": {"solver": "sgd", "epochs": 10**9, "batch_size": 1}}
PREDICT = b'{"inputs": [[5, 3, 1, 1]]}'


def request(path: str, body: Any, close: bool = True) -> bytes:
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    ending = "Connection: close\r\n" if close else ""
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\n{ending}Content-Type: application/json\r\n"
    return head.encode() + b"Content-Length: %d\r\n\r\n" % len(content) + content


def post(server: Any, path: str, body: Any) -> Any:
    (answer,) = server.exchange(request(path, body))
    return answer


def await_child(server: Any) -> int:
    """The id of the process that trains, once it is there."""
    for _ in range(500):
        tasks = Path(f"/proc/{server.process.pid}/task").glob("*/children")
        found = [int(n) for file in tasks for n in file.read_text().split()]
        if found:
            return found[0]
        time.sleep(0.02)
    raise AssertionError("nothing trains")


def await_nice(process: int) -> int:
    """How much it yields, once its imports are done."""
    found = 0
    for _ in range(250):
        text = Path(f"/proc/{process}/stat").read_text()
        found = int(text.rpartition(")")[2].split()[16])
        if found:
            break
        time.sleep(0.02)
    return found


def is_there(process: int) -> bool:
    return Path(f"/proc/{process}").exists()


def await_end(process: int) -> None:
    for _ in range(250):
        if not is_there(process):
            return
        time.sleep(0.02)
    raise AssertionError("it goes on")


def test_at_the_time_limit_it_is_ended_and_nothing_is_registered(serve: Any) -> None:
    with serve(XENT_MAX_TRAINING_SECONDS="4") as server:
        began = time.monotonic()
        answer = post(server, PATH, ENDLESS)
        assert time.monotonic() - began < 8
        problem = answer.problem()
        assert (answer.status, problem["code"]) == (413, "training_too_long")
        assert "XENT_MAX_TRAINING_SECONDS of 4 s" in problem["detail"]
        assert server.get(PATH).status == 404
        assert post(server, PATH, DATA).status == 201  # and it goes on


def test_when_the_client_goes_it_ends(serve: Any) -> None:
    with serve() as server:
        with server.connect() as connection:
            connection.sendall(request(PATH, ENDLESS))
            trains = await_child(server)
            time.sleep(0.5)
            assert is_there(trains)
        await_end(trains)
        assert server.get(PATH).status == 404
        assert post(server, PATH, DATA).status == 201
        assert server.stop() == 0
        assert "traceback" not in server.log_text()


@pytest.mark.parametrize(
    ("number", "drain"),
    [
        (signal.SIGTERM, "3"),
        (signal.SIGINT, "0"),
        pytest.param(signal.SIGTERM, "0", marks=pytest.mark.slow),
        pytest.param(signal.SIGINT, "3", marks=pytest.mark.slow),
    ],
)
def test_when_the_server_is_told_to_end_it_ends(
    serve: Any, receive: Any, number: int, drain: str
) -> None:
    with serve(XENT_DRAIN_SECONDS=drain) as server:
        with server.connect() as connection:
            connection.sendall(request(PATH, ENDLESS))
            trains = await_child(server)
            time.sleep(0.5)
            server.process.send_signal(number)
            (answer,) = receive(connection)
        assert (answer.status, answer.problem()["code"]) == (503, "draining")
        assert server.process.wait(10) == 0
        assert not is_there(trains)
        assert "traceback" not in server.log_text()


def test_when_the_server_is_killed_it_ends(serve: Any) -> None:
    with serve() as server:
        with server.connect() as connection:
            connection.sendall(request(PATH, ENDLESS))
            trains = await_child(server)
            time.sleep(0.5)
            server.process.kill()
            server.process.wait(10)
        await_end(trains)


def test_one_at_a_time_and_scoring_goes_on(serve: Any) -> None:
    with serve() as server:
        alone = seconds(server, 100)
        with server.connect() as connection:
            connection.sendall(request(PATH, ENDLESS))
            trains = await_child(server)
            time.sleep(1.0)
            second = post(server, PATH, DATA)
            assert (second.status, second.problem()["code"]) == (503, "overloaded")
            assert second.headers["retry-after"]
            assert await_nice(trains) == 10
            beside = seconds(server, 100)
            large = {"inputs": [[5, 3, 1, 1]] * 120_000}
            assert post(server, "/v1/models/iris/predict", large).status == 200
        assert np.median(beside) < 5 * np.median(alone) + 0.02


def seconds(server: Any, count: int) -> list[float]:
    """How long single predictions take."""
    found = []
    for _ in range(count):
        began = time.perf_counter()
        assert post(server, "/v1/models/iris/predict", PREDICT).status == 200
        found.append(time.perf_counter() - began)
    return found


def test_memory_is_bounded(serve: Any) -> None:
    with serve(XENT_MAX_TRAINING_BYTES=str(2**28)) as server:
        rows = np.random.default_rng(1).normal(size=(20, 3000)).round(3).tolist()
        labels = [0, 1, 2, 3] * 5
        body = {"inputs": rows, "labels": labels, "options": {"solver": "newton-cholesky"}}
        answer = post(server, PATH, body)  # a Hessian of 12,000 x 12,000
        assert (answer.status, answer.problem()["code"]) == (413, "training_too_large")
        assert "XENT_MAX_TRAINING_BYTES" in answer.problem()["detail"]
        assert post(server, PATH, DATA).status == 201


def test_what_was_registered_outlives_a_kill(serve: Any, tmp_path: Path) -> None:
    with serve(XENT_DATA_DIR=str(tmp_path / "data")) as server:
        assert post(server, PATH, DATA).status == 201
        predicted = post(server, "/v1/models/mine/predict", b'{"inputs": [[1.5]]}').body
        server.process.kill()
        server.process.wait()
    begun = time.monotonic()
    with serve(XENT_DATA_DIR=str(tmp_path / "data")) as server:
        assert time.monotonic() - begun < 10  # an idle machine takes less than 2
        answer = post(server, "/v1/models/mine/predict", b'{"inputs": [[1.5]]}')
        assert answer.body == predicted
        assert orjson.loads(post(server, PATH, DATA).body)["version"] == 2


def test_what_has_never_read_its_database_lets_nobody_in(serve: Any) -> None:
    with serve(XENT_DATABASE_URL="postgresql://xent:hunter2@127.0.0.1:1/none") as server:
        assert server.get("/livez").status == 200
        assert server.get("/readyz").problem()["code"] == "store_unavailable"
        for answer in (
            post(server, "/v1/models/iris/predict", PREDICT),
            post(server, "/v1/models/mine/predict", b'{"inputs": [[1.5]]}'),
            post(server, PATH, DATA),
            server.get("/v1/models"),
        ):
            assert (answer.status, answer.problem()["code"]) == (503, "store_unavailable")
            assert answer.headers["retry-after"] == "1"
        assert "hunter2" not in server.log_text()
        assert server.stop() == 0


def test_workers_agree_within_two_seconds(serve: Any) -> None:
    with serve(XENT_WORKERS="2") as server:
        assert post(server, PATH, DATA).status == 201
        time.sleep(2)
        statuses = {server.get(f"{PATH}/1").status for _ in range(20)}
        assert statuses == {200}


@pytest.mark.parametrize("settings", [{"XENT_HOST": "0.0.0.0"}])
def test_it_is_off_where_anybody_could(serve: Any, settings: dict[str, str]) -> None:
    with serve(**settings) as server:
        answer = post(server, PATH, DATA)
        assert (answer.status, answer.problem()["code"]) == (401, "key_missing")
        assert "xent keys create" in answer.problem()["detail"]
        (line,) = server.lines(event="there are no keys: only scoring is served")
        assert (line["level"], next(iter(settings)) in line["reason"]) == ("warning", True)
        imported = {"coefficients": [[1]], "intercepts": [0], "classes": ["a", "b"]}
        assert post(server, PATH, imported).status == 401
        assert post(server, "/v1/models/iris/predict", PREDICT).status == 200
        assert server.stop() == 0


def keyed(body: Any) -> bytes:
    return request(PATH, body).replace(b"Host:", b'Idempotency-Key: "one"\r\nHost:', 1)


def told(server: Any, body: Any) -> tuple[int, str]:
    (answer,) = server.exchange(keyed(body))
    return answer.status, "" if answer.status == 201 else answer.problem()["code"]


def test_while_one_trains_others_with_its_key_are_told_on_every_server(
    serve: Any, tmp_path: Path
) -> None:
    shared = {"XENT_DATA_DIR": str(tmp_path)}
    with serve(**shared) as server, serve(**shared) as other:
        with server.connect() as connection:
            connection.sendall(keyed(ENDLESS))
            await_child(server)
            assert told(server, ENDLESS) == (409, "attempt_running")
            assert told(server, DATA) == (422, "idempotency_key_reused")
            time.sleep(1)  # it has claimed the key
            assert told(other, ENDLESS) == (409, "attempt_running")
            assert told(other, DATA) == (422, "idempotency_key_reused")
        for _ in range(100):  # it has gone; what it held is free again
            if (found := told(other, DATA)) == (201, ""):
                break
            time.sleep(0.1)
        assert found == (201, "")
        assert told(server, DATA) == (201, "")
        versions = orjson.loads(other.get(PATH).body)["versions"]
        assert [version["version"] for version in versions] == [1]
