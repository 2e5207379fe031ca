"""What is measured: one function for each table, which also says which goals it decides."""

import statistics
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from bench import Bench
from bodies import (
    TENSORS,
    Body,
    batch,
    check_loss,
    digits_rows,
    loss_json,
    loss_json_xent,
    loss_tensors,
    written,
)
from load import Load, alternate, crowded, engine, paced, ratio, sequence, spread
from rivals import BARE, DECLARED, LOGGING, PLAIN, STARLETTE, XENT
from servers import Server

LARGE = (10_000, 100)
CROWD = (8_300, 100)  # 16 MB of JSON


def predict_one(bench: Bench) -> None:
    """Predictions of one digits row, 16 connections"""
    _predict(bench, bench.servers, 1, 16)
    starlette, peers = bench.rates[STARLETTE], [bench.rates[peer.name] for peer in bench.peers]
    share = ratio(bench.rates[XENT], starlette)
    work = "one row, 16 connections"
    bench.goal(work, ">= 0.8 of Starlette", share, ".2f", statistics.median(share) >= 0.8)
    if peers:
        fastest = max(peers, key=statistics.median)
        share = ratio(bench.rates[XENT], fastest)
        bench.goal(work, ">= 6 x fastest peer", share, ".1f", statistics.median(share) >= 6)


def predict_thousand(bench: Bench) -> None:
    """Predictions of 1,000 digits rows at a time, JSON, 1 connection"""
    _predict(bench, [s for s in bench.servers if s.name != LOGGING], 1000, 1)
    share = ratio(bench.rates[XENT], bench.rates[BARE])
    bench.goal("1,000 rows", ">= 1.3 x bare", share, ".2f", statistics.median(share) >= 1.3)


def _predict(bench: Bench, servers: list[Server], count: int, connections: int) -> None:
    rows = digits_rows(count)
    jobs = {}
    for server in servers:
        name = f"{server.form.__name__}-{count}"
        body = written(bench.folder, name, server.form(rows))
        jobs[server.name] = (server, server.predict, body)
    taken = bench.press(jobs, connections)
    bench.rates = {name: [load.rate for load in loads] for name, loads in taken.items()}
    print("| server | requests/s | p50, ms | p99, ms | processor, ms ", end="")
    print("| Xent's rate / its | its processor / Xent's |")
    print("|---|---|---|---|---|---|---|")
    for name, loads in taken.items():
        work, ours = [load.work for load in loads], [load.work for load in taken[XENT]]
        columns = (
            spread(bench.rates[name]),
            f"{statistics.median(load.p50 for load in loads):.2f}",
            spread([load.p99 for load in loads], ".1f"),
            f"{statistics.median(work):.3f}",
            spread(ratio(bench.rates[XENT], bench.rates[name]), ".2f"),
            spread(ratio(work, ours), ".2f"),
        )
        print(f"| {name} | {' | '.join(columns)} |", flush=True)


def loss_as_json(bench: Bench) -> None:
    """Cross-entropy and gradient of 10,000 x 100 float64 logits, JSON both ways, 1 connection"""
    arrays = batch(*LARGE)
    ours = written(bench.folder, "loss-xent.json", loss_json_xent(arrays))
    theirs = written(bench.folder, "loss.json", loss_json(arrays))
    times = _losses(
        bench,
        {
            server.name: (server, server.loss or "", ours if server.name == XENT else theirs)
            for server in bench.named(XENT, PLAIN, DECLARED, STARLETTE, BARE)
        },
    )
    for name, goal in ((PLAIN, 15.0), (BARE, 1.5)):
        share = ratio(times[name], times[XENT])
        text = f">= {goal:g} x {name}"
        met = statistics.median(share) >= goal
        bench.goal("10,000 x 100, JSON", text, share, ".2f", met)


def loss_as_tensors(bench: Bench) -> None:
    """The same as safetensors both ways, 1 connection"""
    body = written(bench.folder, "loss.safetensors", loss_tensors(batch(*LARGE)), TENSORS)
    (xent,), (bare,) = bench.named(XENT), bench.named(BARE)
    own = "the engine alone, no server"
    times = _losses(
        bench,
        {XENT: (xent, xent.loss or "", body), "bytes in, bytes out": (bare, "/echo", body)},
        {own: lambda: engine(*LARGE)},
    )
    echo = times["bytes in, bytes out"]
    bound = [a + 2 * b for a, b in zip(times[own], echo, strict=True)]
    share = ratio(times[XENT], bound)
    met = statistics.median(share) <= 1
    text = "<= 1 of engine + 2 x bytes in and out"
    bench.goal("10,000 x 100, safetensors", text, share, ".2f", met)


def _losses(
    bench: Bench,
    jobs: dict[str, tuple[Server, str, Body]],
    others: dict[str, Callable[[], Load]] | None = None,
) -> dict[str, list[float]]:
    """Milliseconds of a request on one connection, by name; each answer is checked first."""
    for server, path, body in jobs.values():
        if path != "/echo":
            with bench.awake(server):
                status, answer = server.post(path, body.content, body.media)
            assert status == 200, (server.name, answer[:300])
            check_loss(answer, batch(*LARGE), body.media)
    calls = dict(others or {})
    calls |= {name: partial(bench.press_large, *job) for name, job in jobs.items()}
    taken = alternate(calls, bench.rounds)
    times = {name: [load.p50 for load in loads] for name, loads in taken.items()}
    works = {name: [load.work for load in loads] for name, loads in taken.items()}
    print("| server | ms | processor, ms | ms / Xent's | processor / Xent's |")
    print("|---|---|---|---|---|")
    for name in taken:
        columns = (
            spread(times[name], ".1f"),
            spread(works[name], ".1f"),
            spread(ratio(times[name], times[XENT]), ".2f"),
            spread(ratio(works[name], works[XENT]), ".2f"),
        )
        print(f"| {name} | {' | '.join(columns)} |", flush=True)
    return times


def crowd(bench: Bench) -> None:
    """One prediction every 10 ms while another client sends 16 MB of JSON back to back"""
    row, arrays = digits_rows(1), batch(*CROWD)
    calls = {}
    for server in bench.named(XENT, STARLETTE, BARE):
        make = loss_json_xent if server.name == XENT else loss_json
        large = written(bench.folder, f"crowd-{make.__name__}", make(arrays))
        small = written(bench.folder, "row", server.form(row))

        def under_load(
            server: Server = server, large: Body = large, small: Body = small
        ) -> list[float]:
            seconds = 2 * bench.seconds
            with crowded(server, server.loss or "", large, seconds + 30):
                return paced(server, server.predict, small, seconds, 0.010)

        calls[server.name] = bench.call(server, under_load)
    print("| server | p50, ms | p99, ms | slowest, ms |\n|---|---|---|---|")
    for name, rounds in alternate(calls, bench.rounds).items():
        cuts = [statistics.quantiles(taken, n=100, method="inclusive") for taken in rounds]
        p50, p99 = [cut[49] for cut in cuts], [cut[98] for cut in cuts]
        slowest = [max(taken) for taken in rounds]
        print(
            f"| {name} | {spread(p50, '.1f')} | {spread(p99, '.0f')} | {spread(slowest, '.0f')} |",
            flush=True,
        )
        if name == XENT:
            met = statistics.median(p99) <= 60
            bench.goal("p99 beside 16 MB bodies", "<= 60 ms", p99, ".0f", met)


def start(bench: Bench) -> None:
    """Start to the first prediction answered, and idle memory"""
    row = digits_rows(1)

    def once(server: Server) -> tuple[float, float, float]:
        fresh = replace(server, process=None)
        try:
            seconds = fresh.start(fresh.form(row))
            return seconds, fresh.worked(), fresh.resident()
        finally:
            fresh.stop()

    own = [server for server in bench.servers if server not in bench.peers]
    taken = alternate({s.name: partial(once, s) for s in own if s.name != LOGGING}, bench.rounds)
    taken |= alternate({s.name: partial(once, s) for s in bench.peers}, 1)
    print("| server | s | processor, s | MB |\n|---|---|---|---|")
    for name, starts in taken.items():
        seconds, work, sizes = (list(column) for column in zip(*starts, strict=True))
        columns = spread(seconds, ".2f"), spread(work, ".2f"), spread(sizes)
        print(f"| {name} | {' | '.join(columns)} |")
        if name == XENT:
            met = statistics.median(seconds) <= 1.5
            bench.goal("start to first 200", "<= 1.5 s", seconds, ".2f", met)
            bench.goal("idle memory", "<= 120 MB", sizes, ".0f", statistics.median(sizes) <= 120)


def memory(bench: Bench) -> None:
    """Memory of Xent after large requests (10,000 x 100 JSON both ways), MB resident"""
    body = written(bench.folder, "memory.json", loss_json_xent(batch(*LARGE)))
    (xent,) = bench.named(XENT)
    fresh = replace(xent, process=None)
    sizes = {}
    try:
        row = digits_rows(1)
        fresh.start(fresh.form(row))
        done = 0
        print("| large requests | MB |\n|---|---|")
        print(f"| 0 | {fresh.resident():.0f} |")
        for upto in (2, bench.large // 10, bench.large):
            sequence(fresh, fresh.loss or "", body, at_least=upto - done)
            done, sizes[upto] = upto, fresh.resident()
            print(f"| {upto:,} | {sizes[upto]:.0f} |", flush=True)
    finally:
        fresh.stop()
    growth = [sizes[bench.large] / sizes[bench.large // 10] - 1]
    text = f"<= 0.10 from {bench.large // 10} to {bench.large}"
    bench.goal("growth of memory", text, growth, ".3f", growth[0] <= 0.10)


MEASURES: dict[str, Callable[[Bench], None]] = {
    "one": predict_one,
    "thousand": predict_thousand,
    "json": loss_as_json,
    "tensors": loss_as_tensors,
    "crowd": crowd,
    "start": start,
    "memory": memory,
}
