"""Runs the examples of the documents as a reader would: copied, against a real server.

An example is a `sh` or `python` block that calls the server, followed by a block with what it
prints. Answers are compared as text whose numbers may differ by 1e-12 of their size; JSON may be
broken into lines at will.
"""

import contextlib
import io
import json
import math
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.process import started

ROOT = Path(__file__).resolve().parents[2]
ADDRESS = "127.0.0.1:8000"
TOLERANCE = 1e-12
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e[-+]?\d+)?")


@dataclass(frozen=True)
class Block:
    """A fenced block of a page; `line` is that of its fence."""

    line: int
    language: str
    text: str

    @property
    def calls(self) -> bool:
        """Whether a reader who copies it calls the server."""
        python = self.language == "python" and "from service" not in self.text
        return python or (self.language == "sh" and "curl " in self.text)


@dataclass(frozen=True)
class Example:
    """A block to be copied, and what the page says it prints."""

    source: Block
    answer: str
    curl: str | None

    def __str__(self) -> str:
        return f"line {self.source.line}, {self.curl or 'httpx'}"


def blocks_of(page: Path) -> list[Block]:
    text = page.read_text("utf-8")
    return [
        Block(text.count("\n", 0, found.start()) + 1, found[1], found[2])
        for found in _BLOCK.finditer(text)
    ]


def examples_of(page: Path) -> list[Example]:
    """Every block of a page that calls the server, once for each curl there is."""
    blocks = blocks_of(page)
    curls = ["stand-in", *(["curl"] if shutil.which("curl") else [])]
    examples = []
    for block, following in zip(blocks, [*blocks[1:], None], strict=True):
        if block.calls and "import torch" not in block.text:
            assert following is not None, f"{page.name}:{block.line} shows no answer"
            assert following.language in ("json", "text"), f"{page.name}:{block.line}: no answer"
            for curl in curls if block.language == "sh" else [None]:
                examples.append(Example(block, following.text, curl))
    return examples


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "example" in metafunc.fixturenames:
        spare = [pytest.mark.slow] if shutil.which("curl") else []  # the real one is there
        examples = [
            pytest.param(one, marks=spare if one.curl == "stand-in" else [])
            for one in examples_of(metafunc.module.PAGE)
        ]
        metafunc.parametrize("example", examples, ids=str)


def same(shown: str, printed: str) -> None:
    """Asserts that two texts agree, their numbers to the tolerance."""
    shown, printed = _one_line(shown), _one_line(printed)
    assert _NUMBER.sub("#", shown) == _NUMBER.sub("#", printed), printed
    for left, right in zip(_NUMBER.findall(shown), _NUMBER.findall(printed), strict=True):
        assert math.isclose(float(left), float(right), rel_tol=TOLERANCE), f"{left} and {right}"


def _one_line(text: str) -> str:
    try:
        return json.dumps(json.loads(text))
    except ValueError:  # not JSON: a program's own print, or the start of an answer
        return text.strip()


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a server listens that was started by the command of `make run`, on a free port."""
    log = tmp_path_factory.mktemp("server") / "log"
    with started(log) as process:
        yield _listening(process, log)


def _listening(process: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        if found := re.search(r"running on http://(127\.0\.0\.1:\d+)", log.read_text("utf-8")):
            return found[1]
        time.sleep(0.05)
    raise RuntimeError(f"no server:\n{log.read_text('utf-8')}")


@pytest.fixture(scope="session")
def path_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """The PATH of a shell that has python3, and curl or its stand-in."""
    found = os.environ.get("PATH", os.defpath)
    paths = {"curl": found}
    programs = {"python3": [], "curl": [str(Path(__file__).with_name("curl.py"))]}
    folder = tmp_path_factory.mktemp("bin")
    for name, arguments in programs.items():
        words = " ".join(f"'{word}'" for word in [sys.executable, "-I", *arguments])
        (folder / name).write_text(f'#!/bin/sh\nexec {words} "$@"\n', "utf-8")
        (folder / name).chmod(0o755)
    paths["stand-in"] = f"{folder}{os.pathsep}{found}"
    return paths.__getitem__


@pytest.fixture
def check(
    address: str, path_of: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> Callable[[Example], None]:
    """Runs an example from the repository's root and compares what it prints."""
    monkeypatch.chdir(ROOT)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "*")

    def run(example: Example) -> None:
        assert ADDRESS in example.source.text
        text = example.source.text.replace(ADDRESS, address)
        if example.curl is None:
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                exec(compile(text, str(example), "exec"), {"__name__": "__main__"})
            same(example.answer, printed.getvalue())
        else:
            monkeypatch.setenv("PATH", path_of(example.curl))
            shell = subprocess.run(
                ["sh", "-e", "-c", text], capture_output=True, text=True, check=True, timeout=60
            )
            assert shell.stderr == ""
            same(example.answer, shell.stdout)

    return run


@pytest.fixture(scope="session")
def fenced() -> Callable[[Path], list[Block]]:
    """The fenced blocks of a page."""
    return blocks_of
