"""Cases that schemathesis makes from the OpenAPI document, over all routes of a real server.

A few hundred here, thousands by `make test-slow`, a hundred thousand by `make hostile`.
"""

import copy
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest

ROOM = Path(__file__).parent
ALL = "examples,coverage,fuzzing"
FEW = 4  # fuzzed cases of each operation
SHORT = 10  # the same, beside about 4,400 systematic ones
LONG = 1_900


def nullable(document: dict[str, Any]) -> dict[str, Any]:
    """The document with null as a value of every optional member of a request.

    The service takes it for an absent one. The document does not offer that, and without it each
    such answer would count as a wrong one.
    """
    found = copy.deepcopy(document)
    for name, schema in found["components"]["schemas"].items():
        if name.endswith("Request"):
            optional = schema["properties"].keys() - set(schema.get("required", ()))
            for member in optional:
                schema["properties"][member] = {
                    "anyOf": [schema["properties"][member], {"type": "null"}]
                }
    return found


SCOPES = ("score", "read", "train", "admin")


@pytest.fixture(scope="module")
def attack(serve: Any, document: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Runs so many cases of each operation and returns how many were run in all."""
    folder = tmp_path_factory.mktemp("schemathesis")
    description = folder / "openapi.json"
    description.write_bytes(orjson.dumps(nullable(document)))

    def run(examples: int, seed: int, phases: str = ALL) -> int:
        data = str(folder / "data")
        make = [sys.executable, "-m", "service", "keys", "create", "all"]
        make += [word for scope in SCOPES for word in ("--scope", scope)]
        made = subprocess.run(
            make, env={**os.environ, "XENT_DATA_DIR": data}, capture_output=True, check=True
        )
        key = re.search(rb"xent_\w+", made.stdout)
        assert key is not None
        with serve(XENT_DATA_DIR=data) as server:
            command = [
                *(sys.executable, "-m", "schemathesis.cli"),
                *("--config-file", str(ROOM / "schemathesis.toml"), "run", str(description)),
                *("--header", f"Authorization: Bearer {key[0].decode()}"),
                *("--url", server.url, "--max-examples", str(examples), "--seed", str(seed)),
                *("--phases", phases),
                *("--no-shrink", "--no-color", "--generation-database", "none"),
            ]
            environment = {**os.environ, "SCHEMATHESIS_HOOKS": str(ROOM / "checks.py")}
            done = subprocess.run(
                command, env=environment, cwd=folder, capture_output=True, text=True, check=False
            )
            sys.stdout.write(done.stdout[done.stdout.find("SUMMARY") :])  # shown by pytest -s
            # whole: a failure that is cut before its request is lost with hours of work
            assert done.returncode == 0, done.stdout + done.stderr[-3_000:]
            assert "traceback" not in server.log_text().lower()
            assert not [line for line in server.lines() if line["level"] == "error"]
            assert server.stop() == 0
        counted = re.search(r"([\d,]+) generated", done.stdout)
        assert counted is not None, done.stdout[-2_000:]
        return int(counted[1].replace(",", ""))

    return run


def test_a_few_hundred_cases(attack: Any) -> None:
    assert attack(FEW, seed=1, phases="examples,fuzzing") > 200


@pytest.mark.slow
def test_a_few_thousand_cases(attack: Any) -> None:
    assert attack(SHORT, seed=1) > 3_000


@pytest.mark.hostile
def test_a_hundred_thousand_cases(attack: Any) -> None:
    seed = int(os.environ.get("HOSTILE_SEED", "1"))
    assert attack(int(os.environ.get("HOSTILE_EXAMPLES", LONG)), seed) >= 100_000
