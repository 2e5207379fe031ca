"""Starts a writer again and again and kills each in the middle of its work.

python kills.py WRITER URL KILLS: prints what the writers had acknowledged, one line a write.
"""

import os
import random
import signal
import sys
import time
from importlib import import_module

main = import_module(sys.argv[1]).main


def killed(url: str, seconds: float) -> str:
    """The whole lines that a writer wrote until it was killed."""
    receive, send = os.pipe()
    child = os.fork()  # it has imported all of it already
    if child == 0:
        os.dup2(send, 1)
        main(url, "mine", 10**6)
    os.close(send)
    with os.fdopen(receive) as stream:
        first = stream.readline()  # it is at work
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        text = first + stream.read()
    return text[: text.rfind("\n") + 1]


chance = random.Random(7)
for _ in range(int(sys.argv[3])):
    sys.stdout.write(killed(sys.argv[2], chance.uniform(0, 0.05)))
