"""Xent end to end beside other servers with the same work, in one alternated run.

    python benchmarks/front_door [--rounds 5] [--seconds 3] [--only NAME ...]
        [--peer mlserver=ENVIRONMENT/bin/python ...]

Every server has one worker process on core 0; the load comes from wrk on core 1, over loopback;
large bodies are sent one by one, from there too. The servers take turns, A B C, A B C, and those
that are not asked are stopped meanwhile, so that they take no time from the one that is. Ratios
are taken round by round. Figures are medians, with the smallest and the largest round in brackets.
Each server's answer is first compared with NumPy's. Exit status 1 if a goal is missed.
"""

import argparse
import datetime
import os
import platform
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from bench import Bench, Goal
from load import require_tools
from measures import MEASURES
from rivals import PEERS, own_servers, peer
from servers import CLIENT_CORE

LIBRARIES = "fastapi starlette uvicorn uvloop httptools pydantic orjson pysimdjson numpy"


def cpu() -> str:
    """The processor's name and family."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    facts = {name.strip(): value.strip() for name, _, value in (x.partition(":") for x in lines)}
    names = ("model name", "cpu family", "model")
    name, family, model = (facts.get(name, "unknown") for name in names)
    return f"{name} (family {family}, model {model}), {os.cpu_count()} cores"


def version_of(kind: str, python: str) -> str:
    """What is installed in a peer's environment."""
    code = f"from importlib.metadata import version; print({kind!r}, version({kind!r}))"
    return subprocess.run([python, "-c", code], capture_output=True, text=True).stdout.strip()


def print_head(peers: dict[str, str], options: argparse.Namespace) -> None:
    """Date, machine, versions."""
    libraries = [f"{name} {version(name)}" for name in LIBRARIES.split()]
    libraries += [version_of(kind, python) for kind, python in peers.items()]
    day = datetime.datetime.now(datetime.UTC).date()
    print(f"{day}, {cpu()}, Python {platform.python_version()}, {', '.join(libraries)}.")
    busy = os.getloadavg()[1]
    print(f"{options.rounds} rounds of {options.seconds:g} s.", end=" ")
    print(f"Before them {busy:.1f} other processes wanted the processor.", flush=True)


def print_goals(goals: list[Goal]) -> bool:
    """The table of goals; whether all are met."""
    print("\n## Goals\n\n| work | goal | measured | |\n|---|---|---|---|")
    for goal in goals:
        print(
            f"| {goal.work} | {goal.text} | {goal.measured} | {'met' if goal.met else 'MISSED'} |"
        )
    return all(goal.met for goal in goals)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="of load in each round")
    parser.add_argument("--large", type=int, default=1000, help="large requests of the memory test")
    parser.add_argument("--only", nargs="+", choices=list(MEASURES), default=list(MEASURES))
    parser.add_argument(
        "--peer",
        action="append",
        default=[],
        metavar="KIND=PYTHON",
        help=f"the interpreter of the environment of {', '.join(PEERS)}",
    )
    options = parser.parse_args()
    require_tools()
    os.sched_setaffinity(0, {int(CLIENT_CORE)})
    peers = dict(entry.split("=", 1) for entry in options.peer)
    if not peers.keys() <= set(PEERS):
        parser.error(f"a peer is one of {', '.join(PEERS)}")
    print_head(peers, options)
    with tempfile.TemporaryDirectory(prefix="front-door-") as folder:
        servers = own_servers()
        servers += [peer(kind, python, f"{folder}/{kind}") for kind, python in peers.items()]
        bench = Bench(servers, Path(folder), options.rounds, options.seconds, options.large)
        try:
            for name in options.only:
                print(f"\n## {(MEASURES[name].__doc__ or name)}\n", flush=True)
                MEASURES[name](bench)
        finally:
            bench.stop()
    return 0 if print_goals(bench.goals) else 1


if __name__ == "__main__":
    sys.exit(main())
