"""Execute the Dockerfile without a container engine.

    python .ci/image.py

Every instruction is carried out as written, but under a temporary folder: an absolute path that
the image owns becomes a path of that folder. What is copied in must be let through by
`.dockerignore`. Then the entrypoint serves, the health check has to agree while it does and to
disagree afterwards. What stays unproved is the base image, the user and the volume.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from smoke import question, server

ROOT = Path(__file__).resolve().parent.parent
IMAGE_PATHS = re.compile(r"(?<![\w./-])/(?=(?:app|build|data|opt)\b)")
CARRIED_OUT_BY_AN_ENGINE = {"EXPOSE", "LABEL", "STOPSIGNAL", "USER", "VOLUME"}


def instructions(text: str) -> list[tuple[str, str]]:
    """The instructions of a Dockerfile in order: (keyword, rest), continuations joined."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    pairs = (line.split(None, 1) for line in joined.splitlines() if line.strip())
    return [(keyword.upper(), rest) for keyword, rest in pairs]


@dataclass
class Image:
    """What the instructions have made so far, under `root`."""

    root: Path
    workdir: Path
    environment: dict[str, str] = field(default_factory=dict)
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    healthcheck: list[str] = field(default_factory=list)

    def own(self, text: str) -> str:
        """The text with the image's absolute paths under `root`."""
        return IMAGE_PATHS.sub(f"{self.root}/", text)

    def carry_out(self, keyword: str, rest: str) -> None:
        """Carry out one instruction."""
        rest = self.own(rest)
        match keyword:
            case "FROM":
                self.workdir, self.environment = self.root, {}
            case "WORKDIR":
                self.workdir = self.workdir / rest
                self.workdir.mkdir(parents=True, exist_ok=True)
            case "ENV":
                self.environment |= dict(pair.split("=", 1) for pair in shlex.split(rest))
            case "COPY":
                self.copy(shlex.split(rest))
            case "RUN":
                path = f"{self.root}/bin:{os.environ['PATH']}"
                environment = {**os.environ, **self.environment, "PATH": path}
                shell = ["/bin/sh", "-ec", rest]
                subprocess.run(shell, cwd=self.workdir, env=environment, check=True)
            case "HEALTHCHECK":
                self.healthcheck = json.loads(rest[rest.index("[") :])
            case "ENTRYPOINT":
                self.entrypoint = json.loads(rest)
            case "CMD":
                self.command = json.loads(rest)
            case _ if keyword not in CARRIED_OUT_BY_AN_ENGINE:
                raise RuntimeError(f"{keyword} is an instruction that this script does not know")

    def copy(self, words: list[str]) -> None:
        """Copy one thing from the repository; from another stage, it has to be there."""
        flags = [word for word in words if word.startswith("--")]
        source, target = words[len(flags) :]
        destination = self.workdir / target
        if any(flag.startswith("--from=") for flag in flags):
            if not Path(source).exists() or destination != Path(source):
                raise RuntimeError(f"COPY {source}: no earlier stage made it at {destination}")
            return
        if f"!{source.rstrip('/')}" not in (ROOT / ".dockerignore").read_text().split():
            raise RuntimeError(f"COPY {source}: .dockerignore keeps it out")
        if (ROOT / source).is_dir():
            shutil.copytree(
                ROOT / source, destination, ignore=shutil.ignore_patterns("__pycache__")
            )
        else:
            shutil.copy(ROOT / source, destination)


def build(root: Path) -> Image:
    """Carry out the whole Dockerfile under `root`."""
    python = root / "bin" / "python"
    python.parent.mkdir()
    python.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n')
    python.chmod(0o755)
    image = Image(root, root)
    for keyword, rest in instructions((ROOT / "Dockerfile").read_text()):
        print(f"{keyword} {rest[:100]}", flush=True)
        image.carry_out(keyword, rest)
    return image


def main() -> None:
    """Build, serve, check the health, stop, check that it is gone."""
    with tempfile.TemporaryDirectory() as folder:
        image = build(Path(folder).resolve())
        # Another address of the loopback network: only a server bound to 0.0.0.0 answers there.
        host = "127.0.0.2" if sys.platform == "linux" else "127.0.0.1"
        serve = image.entrypoint + image.command
        with server(serve, image.environment, image.workdir, host=host) as port:
            question(host, port)
            health = {**os.environ, **image.environment, "XENT_PORT": str(port)}
            subprocess.run(image.healthcheck, env=health, check=True)
        gone = subprocess.run(image.healthcheck, env=health, stderr=subprocess.DEVNULL, check=False)
        if gone.returncode == 0:
            raise RuntimeError("the health check says that a stopped server is well")
    print("the Dockerfile's commands build a server that answers, is well and stops")


if __name__ == "__main__":
    main()
