"""A long stream of logits through one worker: its speed, and the most memory that the server held.

    python benchmarks/streaming.py [--gigabytes 10] [--classes 100] [--form parts|lines]

Starts a server, sends float32 logits as they are made (parts of 4 MiB, or NDJSON lines of 100
rows), and reads the resident memory of all processes of the server five times a second. Linux
only. Exit status 1 if they held more than 300 MB together.
"""

import argparse
import http.client
import json
import os
import re
import subprocess
import sys
import threading
import time

import numpy as np
from safetensors.numpy import save

LIMIT = 300e6
KINDS = {"parts": "application/vnd.safetensors-seq", "lines": "application/x-ndjson"}


def resident(root):
    """Bytes of a process and all that it started, and so on."""
    parents = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat") as file:
                fields = file.read().rpartition(")")[2].split()
            parents[int(name)] = int(fields[1]), int(fields[21]) * os.sysconf("SC_PAGE_SIZE")
        except OSError:
            continue
    found, more = set(), {root}
    while more:
        found |= more
        more = {pid for pid, (parent, _) in parents.items() if parent in found} - found
    return sum(parents[pid][1] for pid in found if pid in parents)


def pieces(form, classes, size):
    """Pieces of the body, `size` bytes in all, and how many rows they hold."""
    rng = np.random.default_rng(0)
    rows = 2**20 // classes if form == "parts" else 100
    made = []
    for _ in range(16):  # made once: the client must not be what is measured
        logits = rng.normal(size=(rows, classes)).astype(np.float32) * 2
        labels = logits.argmax(axis=1)
        if form == "parts":
            file = save({"logits": logits, "labels": labels})
            made.append(len(file).to_bytes(8, "little") + file)
        else:
            line = {"logits": logits.round(4).tolist(), "labels": labels.tolist()}
            made.append(json.dumps(line).encode() + b"\n")
    sent = number = 0
    while sent < size:
        piece = made[number % len(made)]
        sent, number = sent + len(piece), number + 1
        yield piece, rows


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gigabytes", type=float, default=10)
    parser.add_argument("--classes", type=int, default=100)
    parser.add_argument("--form", choices=KINDS, default="parts")
    options = parser.parse_args()
    environment = {**os.environ, "XENT_PORT": "0", "XENT_LOG_LEVEL": "info"}
    command = [sys.executable, "-m", "service"]
    server = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    try:
        port = next(
            int(found[1])
            for line in server.stderr
            if (found := re.search(r"127.0.0.1:(\d+)", line))
        )
        threading.Thread(target=server.stderr.read, daemon=True).start()
        before, peak, done = resident(server.pid), [0], threading.Event()

        def watch():
            while not done.wait(0.2):
                peak[0] = max(peak[0], resident(server.pid))

        watcher = threading.Thread(target=watch)
        watcher.start()
        sent = rows = 0

        def body():
            nonlocal sent, rows
            for piece, count in pieces(options.form, options.classes, options.gigabytes * 1e9):
                sent, rows = sent + len(piece), rows + count
                yield piece

        start = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", port)
        headers = {"Content-Type": KINDS[options.form]}
        connection.request("POST", "/v1/evaluate/stream", body(), headers, encode_chunked=True)
        answer = connection.getresponse()
        report = json.loads(answer.read())
        seconds = time.monotonic() - start
        done.set()
        watcher.join()
    finally:
        server.terminate()
        server.wait()
    assert answer.status == 200, report
    assert report["count"] == rows
    print(f"{sent / 1e9:.2f} GB, {rows:,} rows of {options.classes} as {options.form}")
    print(f"{seconds:.0f} s: {sent / seconds / 1e6:.0f} MB/s, {rows / seconds:,.0f} rows/s")
    print(f"memory: {before / 1e6:.0f} MB idle, {peak[0] / 1e6:.0f} MB at most")
    return 0 if peak[0] <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
