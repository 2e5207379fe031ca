"""The line that says how far a command is: on a terminal, and nowhere else."""

import os
import pty
import subprocess
import sys

import pytest

from service.cli.progress import Progress

WORK = """
import time
from service.cli.progress import progress
with progress("scoring") as done:
    done.rows, done.share = 1500, 0.25
    time.sleep(0.5)
print("the result")
"""


@pytest.mark.parametrize(
    ("done", "seconds", "line"),
    [
        (Progress(), 61.0, "fitting, 1:01"),
        (Progress(rows=4000), 2.0, "fitting, 4,000 rows, 2,000 rows/s, 0:02"),
        (
            Progress(rows=4000, share=0.25),
            2.0,
            "fitting [#####...............]  25%, 4,000 rows, 2,000 rows/s, 0:06 left",
        ),
        (Progress(share=1.0), 9.0, f"fitting [{20 * '#'}] 100%, 0:00 left"),
        (Progress(share=0.001), 9.0, f"fitting [{20 * '.'}]   0%, 2:29:51 left"),
    ],
)
def test_a_line_has_what_is_known(done, seconds, line):
    assert done.line("fitting", seconds) == line


def test_a_terminal_sees_the_line_and_at_last_an_empty_one():
    leader, follower = pty.openpty()
    ran = subprocess.run(
        [sys.executable, "-c", WORK], stderr=follower, stdout=subprocess.PIPE, check=True
    )
    os.close(follower)
    shown = os.read(leader, 65536).decode()
    os.close(leader)
    assert "scoring [#####...............]  25%, 1,500 rows" in shown
    assert "left" in shown
    assert shown.endswith("\r\x1b[K")
    assert ran.stdout == b"the result\n"


def test_a_pipe_sees_nothing():
    ran = subprocess.run([sys.executable, "-c", WORK], capture_output=True, check=True)
    assert ran.stderr == b""
