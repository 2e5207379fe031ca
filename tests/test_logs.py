"""The log of a process of its own: each line is JSON, whoever wrote it."""

import subprocess
import sys

import orjson

PROGRAM = """
import logging, warnings
from service.logs import configure_logging
configure_logging("info")
warnings.warn("two\\nlines", RuntimeWarning)
logging.getLogger("a").info("one", extra={"size": 2})
"""


def test_warnings_are_lines_like_all_others() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, check=True)
    warned, told = map(orjson.loads, done.stderr.splitlines())
    assert (warned["level"], warned["logger"]) == ("warning", "py.warnings")
    assert "RuntimeWarning: two\nlines" in warned["event"]
    assert (told["level"], told["event"], told["size"]) == ("info", "one", 2)
