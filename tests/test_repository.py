"""The repository's frame: versions, locks, the image, and what a file may not say."""

import ast
import importlib.util
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import service

ROOT = Path(__file__).resolve().parent.parent
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
GENERATED = {".git", "__pycache__", "build", "dist", "htmlcov"}  # .git may be a file

# Written in pieces, so that this file does not say them.
FORBIDDEN = re.compile(
    "|".join(
        [
            r"py" + r"pi\.org",
            r"python" + r"hosted",
            r"registry\." + r"npmjs",
            r"deb\." + r"debian",
            r"(?<![\w.])/(?:ro" + r"ot|wo" + r"rk|fa" + r"rm)/",
            r"(?<![\w.])/(?:ho" + r"me|Us" + r"ers)/\w+/",
            r"/opt/" + r"(?:wheels|pypi)",
        ]
    )
)


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def files() -> Iterator[Path]:
    """Every file of the project, without what its commands generate."""
    for path in sorted(ROOT.rglob("*")):
        parts = path.relative_to(ROOT).parts
        hidden = any(p.startswith(".") and p != ".ci" for p in parts[:-1])
        if path.is_file() and not hidden and not GENERATED.intersection(parts):
            yield path


def pins(lock: str) -> dict[str, str]:
    """The version of every package in a lock, by name."""
    pin = r"^([a-z0-9._-]+)(?:\[[^]]*\])?==([^\s;]+)"
    return dict(re.findall(pin, read(lock), re.MULTILINE))


@pytest.fixture(scope="module")
def image() -> list[tuple[str, str]]:
    """The Dockerfile's instructions, read by the script that executes them in CI."""
    spec = importlib.util.spec_from_file_location("image", ROOT / ".ci" / "image.py")
    assert spec is not None
    assert spec.loader is not None
    module: ModuleType = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / ".ci")
        patch.setitem(sys.modules, "image", module)  # a dataclass looks its module up there
        spec.loader.exec_module(module)
    instructions: list[tuple[str, str]] = module.instructions(read("Dockerfile"))
    return instructions


class TestVersion:
    def test_project_package_and_image_agree(self, image: list[tuple[str, str]]) -> None:
        labels = next(rest for keyword, rest in image if keyword == "LABEL")
        assert PROJECT["project"]["version"] == service.__version__
        assert f'org.opencontainers.image.version="{service.__version__}"' in labels

    def test_changelog_starts_with_unreleased_and_then_the_version_if_released(self) -> None:
        headings = re.findall(r"^## \[([^\]]+)\](?: - (\S+))?$", read("CHANGELOG.md"), re.MULTILINE)
        assert headings[0] == ("Unreleased", "")
        released = headings[1:]
        assert all(re.fullmatch(r"\d{4}-\d\d-\d\d", day) for _, day in released)
        assert not released or released[0][0] == service.__version__


class TestDependencies:
    NAMED = {"uvloop", "fastapi_swagger", "psycopg_binary"}
    """Used without an import: others are given their names, or only their files are read."""
    OTHERWISE = {"pysimdjson": "simdjson", "backports.zstd": "backports", "pyarrow": "pyarrow"}
    """Distributions that are imported by another name."""

    def test_what_is_imported_is_declared_and_what_is_declared_is_used(self) -> None:
        names = {Requirement(line).name for line in PROJECT["project"]["dependencies"]}
        declared = {self.OTHERWISE.get(name, name.replace("-", "_")) for name in names}
        imported: set[str] = set()
        for path in (ROOT / "service").rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Import):
                    imported |= {alias.name.split(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    imported.add(node.module.split(".")[0])
        imported.discard("pydantic_core")  # the half of pydantic that it pins to the digit itself
        imported.discard("opentelemetry")  # its interfaces, which FastAPI makes its spans by
        imported.discard("compression")  # of the standard library, since 3.14
        extras = {
            self.OTHERWISE.get(Requirement(line).name, Requirement(line).name)
            for extra in ("fast", "onnx", "parquet", "pictures")
            for line in PROJECT["project"]["optional-dependencies"][extra]
        }
        assert extras <= imported
        declared |= extras
        assert imported - sys.stdlib_module_names - {"service"} == declared - self.NAMED


class TestLocks:
    @pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
    def test_every_package_is_pinned_and_hashed_and_no_index_is_named(self, lock: str) -> None:
        text = re.sub(r"\\\n\s+", "", read(lock))
        packages = [
            line for line in text.splitlines() if line and not line.lstrip().startswith("#")
        ]
        assert packages
        for line in packages:
            name, _, rest = line.partition("==")
            assert re.fullmatch(r"[a-z0-9._-]+(\[[a-z0-9,_-]+\])?", name), line
            assert re.fullmatch(r"\S+ (?:; [^#]+?)?(?:--hash=sha256:[0-9a-f]{64} ?)+", rest), line
        assert "://" not in text
        assert "index" not in text

    def test_the_runtime_lock_satisfies_the_declared_dependencies(self) -> None:
        self.satisfies("requirements.lock", PROJECT["project"]["dependencies"])

    def test_the_development_lock_satisfies_the_development_group(self) -> None:
        self.satisfies("requirements-dev.lock", PROJECT["dependency-groups"]["dev"])

    def test_the_development_lock_contains_the_runtime_lock(self) -> None:
        runtime, dev = pins("requirements.lock"), pins("requirements-dev.lock")
        assert runtime.items() <= dev.items()

    @staticmethod
    def satisfies(lock: str, declared: list[str]) -> None:
        pinned = pins(lock)
        for requirement in map(Requirement, declared):
            name = canonicalize_name(requirement.name)
            assert name in pinned, f"{name} is not in {lock}: make lock"
            assert requirement.specifier.contains(pinned[name]), str(requirement)


class TestImage:
    def test_every_base_is_pinned_to_a_version(self, image: list[tuple[str, str]]) -> None:
        bases = [rest.split()[0] for keyword, rest in image if keyword == "FROM"]
        assert len(bases) == 2
        for base in bases:
            assert re.fullmatch(r"python:3\.\d+-slim-[a-z]+", base)

    def test_it_runs_as_a_numbered_user_who_is_not_root(self, image: list[tuple[str, str]]) -> None:
        assert [rest for keyword, rest in image if keyword == "USER"] == ["10001:10001"]

    def test_the_commands_are_in_the_exec_form(self, image: list[tuple[str, str]]) -> None:
        last = dict(image)
        assert last["ENTRYPOINT"] == '["/opt/xent/bin/python", "-m", "service"]'
        assert last["CMD"] == '["serve"]'
        assert last["STOPSIGNAL"] == "SIGTERM"
        assert 'CMD ["/opt/xent/bin/python", "-c", ' in last["HEALTHCHECK"]
        assert "/livez" in last["HEALTHCHECK"]

    def test_it_is_reachable_and_keeps_its_data_in_a_volume(
        self, image: list[tuple[str, str]]
    ) -> None:
        last = dict(image)
        assert "XENT_HOST=0.0.0.0" in last["ENV"]
        assert "XENT_DATA_DIR=/data" in last["ENV"]
        assert last["VOLUME"] == "/data"
        assert last["EXPOSE"] == "8000"

    def test_the_packages_are_installed_by_hash(self, image: list[tuple[str, str]]) -> None:
        installs = [rest for keyword, rest in image if keyword == "RUN" and " install " in rest]
        assert len(installs) == 1
        assert "--require-hashes --only-binary :all: -r requirements.lock" in installs[0]


class TestFiles:
    def test_no_file_names_a_registry_or_a_folder_of_one_machine(self) -> None:
        guilty = []
        for path in files():
            try:
                text = path.read_text(encoding="utf-8")
            except UnicodeDecodeError:  # a binary: models, compressed data
                continue
            for number, line in enumerate(text.splitlines(), start=1):
                if FORBIDDEN.search(line):
                    guilty.append(f"{path.relative_to(ROOT)}:{number}")
        assert guilty == []

    @pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs"])
    def test_every_relative_link_leads_to_a_file(self, name: str) -> None:
        start = ROOT / name
        pages = sorted(start.rglob("*.md")) if start.is_dir() else [start]
        assert pages
        for page in pages:
            for target in re.findall(r"\]\(([^)\s#]+)[^)]*\)", page.read_text(encoding="utf-8")):
                if "://" not in target and not target.startswith(("/", "mailto:")):
                    assert (page.parent / target).exists(), f"{page.name} links to {target}"

    @pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
    def test_every_make_verb_that_a_document_names_exists(self, name: str) -> None:
        verbs = set(re.findall(r"^([a-z-]+):", read("Makefile"), re.MULTILINE))
        named = set(
            re.findall(r"(?:^[ $]*|`)(?:\w+=\S+ )*make ([a-z-]+)", read(name), re.MULTILINE)
        )
        assert named
        assert named <= verbs

    def test_every_verb_is_phony_and_has_a_line_of_help(self) -> None:
        makefile = read("Makefile")
        verbs = re.findall(r"^([a-z-]+):", makefile, re.MULTILINE)
        phony = re.search(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)
        assert phony is not None
        assert sorted(verbs) == sorted(phony.group(1).split())
        assert verbs == re.findall(r"^([a-z-]+):[^=\n]*## \w", makefile, re.MULTILINE)

    def test_the_licence_is_the_one_that_is_declared(self) -> None:
        assert PROJECT["project"]["license"] == "Apache-2.0"
        assert "Apache License\n                           Version 2.0" in read("LICENSE")

    def test_decisions_are_numbered_without_a_gap_and_say_the_four_things(self) -> None:
        records = sorted((ROOT / "docs" / "decisions").glob("*.md"))
        assert [int(record.name[:4]) for record in records] == list(range(len(records)))
        for record in records:
            titles = re.findall(r"^## (.+)$", record.read_text(encoding="utf-8"), re.MULTILINE)
            assert titles == ["Context", "Decision", "Consequences", "Alternatives"], record.name
