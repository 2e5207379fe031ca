"""The page on the command line runs, and the page on exchange does where its libraries are."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"
TEXT = (DOCS / "command-line.md").read_text("utf-8")
BLOCKS = re.findall(r"```sh\n(.*?)```\n\n```text\n(.*?)```", TEXT, re.DOTALL)


def test_the_commands_print_what_is_shown(tmp_path):
    xent = tmp_path / "bin" / "xent"
    xent.parent.mkdir()
    xent.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m service "$@"\n')
    xent.chmod(0o755)
    (tmp_path / "service").symlink_to(DOCS.parent / "service")
    environment = os.environ | {"PATH": f"{xent.parent}{os.pathsep}{os.environ['PATH']}"}
    assert len(BLOCKS) == 4
    for commands, shown in BLOCKS:
        done = subprocess.run(
            ["sh", "-e", "-c", commands],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        # the gradient norm is what rounding left of it
        norms = r"norm \S+"
        assert re.sub(norms, "norm", done.stdout) == re.sub(norms, "norm", shown)
        assert done.stderr == ""


@pytest.mark.peers
@pytest.mark.filterwarnings("default")
def test_models_go_to_the_peers_and_back():
    names: dict = {}
    blocks = re.findall(
        r"```python\n(.*?)```", (DOCS / "exchange.md").read_text("utf-8"), re.DOTALL
    )
    assert len(blocks) == 3
    for block in blocks:
        exec(block, names)
