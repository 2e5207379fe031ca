"""Start a server, ask it the main questions, end it with SIGTERM.

    python .ci/smoke.py [--expect-exit N] COMMAND...

The command is started with `XENT_PORT` set to a free port and has to answer, to stop when it is
told to, and to exit with N (0 unless given). Needs the standard library only.
"""

import argparse
import http.client
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

START_SECONDS = 60.0
STOP_SECONDS = 30.0


def free_port() -> int:
    """A port of the loopback interface that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def ask(host: str, port: int, method: str, path: str, body: object = None) -> tuple[int, bytes]:
    """The status and the bytes that the server answers with."""
    connection = http.client.HTTPConnection(host, port, timeout=10)
    try:
        headers = {"Content-Type": "application/json"} if body is not None else {}
        data = json.dumps(body) if body is not None else None
        connection.request(method, path, body=data, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def await_ready(process: subprocess.Popen[bytes], host: str, port: int) -> None:
    """Return once `/readyz` says 200; raise if the process ends or the time runs out."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with {process.returncode} before it was ready")
        try:
            if ask(host, port, "GET", "/readyz")[0] == 200:
                return
        except OSError:  # nobody listens yet
            pass
        time.sleep(0.1)
    raise RuntimeError(f"not ready after {START_SECONDS:.0f} s")


@contextmanager
def server(
    command: Sequence[str],
    environment: Mapping[str, str] | None = None,
    cwd: str | os.PathLike[str] | None = None,
    host: str = "127.0.0.1",
    expect_exit: int = 0,
) -> Iterator[int]:
    """Run the command while the body of the `with` runs, and end it with SIGTERM."""
    port = free_port()
    process = subprocess.Popen(
        command,
        env={**os.environ, **(environment or {}), "XENT_PORT": str(port)},
        cwd=cwd,
        start_new_session=True,  # so that nothing it started can outlive it
    )
    try:
        await_ready(process, host, port)
        yield port
        process.terminate()
        code = process.wait(STOP_SECONDS)
        if code != expect_exit:
            raise RuntimeError(f"after SIGTERM the exit code is {code}, not {expect_exit}")
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def question(host: str, port: int) -> None:
    """Score, predict with a shipped model, read the documents; raise on a wrong answer."""
    status, body = ask(host, port, "POST", "/v1/softmax", {"logits": [2, 4, 0.5]})
    row = json.loads(body)["probabilities"] if status == 200 else []
    if len(row) != 3 or abs(sum(row) - 1) > 1e-15 or max(row) != row[1]:
        raise RuntimeError(f"/v1/softmax answered {status}: {body[:300]!r}")
    iris = {"inputs": [[5.1, 3.5, 1.4, 0.2]]}
    status, body = ask(host, port, "POST", "/v1/models/iris/predict", iris)
    if status != 200 or json.loads(body)["labels"] != ["setosa"]:
        raise RuntimeError(f"/v1/models/iris/predict answered {status}: {body[:300]!r}")
    for path in ("/livez", "/version", "/openapi.json", "/docs"):
        status, body = ask(host, port, "GET", path)
        if status != 200 or not body:
            raise RuntimeError(f"{path} answered {status}")


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--expect-exit", type=int, default=0)
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    with server(options.command, expect_exit=options.expect_exit) as port:
        question("127.0.0.1", port)
    print(f"served and stopped: {' '.join(options.command)}")


if __name__ == "__main__":
    main()
