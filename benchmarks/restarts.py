"""How soon a server is ready again after `kill -9`, with many versions stored.

    python benchmarks/restarts.py [--database sqlite] [--versions 10000] [--kills 11]

`--database` is `sqlite`, `postgresql` (one of its own, installed with the tests) or a URL. Each
server is killed while four clients move an alias each, and the next one is started at once. Ready
is `GET /readyz` with 200; after it, an old version has to be served and no move that was
acknowledged may be lost. Exit status 1 if one start took more than 2 seconds.
"""

import argparse
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from statistics import median

import httpx
from stores import Server, database, filled

GOAL = 2.0
ALIASES = ("a", "b", "c", "d")
SECONDS = 1.0
PLACE = "/v1/models/many/aliases/"


def move(server, alias):
    """Moves an alias until the server is gone; the acknowledged moves, the last one's number."""
    moves = last = 0
    with httpx.Client(base_url=server.url, timeout=60) as client:
        try:
            while True:
                body, seen = {"version": 1 + moves % 2}, {"If-Match": "*"}
                answer = client.put(PLACE + alias, json=body, headers=seen)
                assert answer.status_code == 200, answer.text
                moves, last = moves + 1, number(answer)
        except httpx.TransportError:
            return moves, last


def number(answer):
    """Of the move that an alias was last changed by."""
    return int(answer.headers["etag"].strip('"'))


def check(server, last):
    """What was there before is served, and the last moves that were acknowledged have been made."""
    with httpx.Client(base_url=server.url, timeout=60) as client:
        answer = client.post("/v1/models/many/versions/7/predict", json={"inputs": [[0.0] * 64]})
        assert answer.status_code == 200, answer.text
        for alias, move in last.items():
            assert number(client.get(PLACE + alias)) >= move


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--database", default="sqlite")
    parser.add_argument("--versions", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=11)
    options = parser.parse_args()
    starts, last, total = [], {}, 0
    with database(options.database) as url, ThreadPoolExecutor(len(ALIASES)) as pool:
        registry, _ = filled(url, options.versions)
        for alias in ALIASES:
            registry.aliases.move("many", alias, 1, registry.aliases.seen("many", alias))
        registry.end()
        for turn in range(options.kills + 1):
            server = Server(url)
            try:
                if turn > 0:  # the first comes after an orderly end
                    starts.append(server)
                check(server, last)
                moving = {alias: pool.submit(move, server, alias) for alias in ALIASES}
                time.sleep(SECONDS)
            finally:
                server.kill()
            for alias, done in moving.items():
                moves, number_of_last = done.result()
                last[alias] = max(last.get(alias, 0), number_of_last)
                total += moves
    assert total > options.kills
    seconds = [start.seconds for start in starts]
    print(
        f"{options.database.split(':')[0]}, {options.versions} versions, {options.kills} kills, "
        f"{total} writes acknowledged and none lost: ready after "
        f"{median(seconds):.2f} s (median), {max(seconds):.2f} s (longest), of the processor "
        f"{median(start.processor for start in starts):.2f} s; load {os.getloadavg()[0]:.1f} on "
        f"{os.cpu_count()} cores"
    )
    return int(max(seconds) > GOAL)


if __name__ == "__main__":
    sys.exit(main())
