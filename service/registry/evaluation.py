"""What a stored evaluation is, in the database and to those who ask for it."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from service.errors import Code, Conflict, NotFound
from service.evaluation import Options, Report, State
from service.evaluation.slices import Value
from service.evaluation.state import FORMAT
from service.registry.clock import now
from service.wire import dump_json

TIME_DIGITS = 14
SUMMARY = (
    "count",
    "weight",
    "log_loss",
    "standard_error",
    "interval",
    "skill",
    "accuracy",
    "brier",
)
"""What lists show of a report."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What somebody says of an evaluation.

    Attributes:
        name: what it is called; several may share it.
        model: whose predictions it judges.
        version: of the model, a number as digits or any word.
        tags: words by words.
    """

    name: str | None = None
    model: str | None = None
    version: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Finished:
    """An evaluation of all its rows at once, ready to be stored.

    Attributes:
        facts: of it.
        state: as bytes.
        report: as JSON.
        summary: as JSON.
    """

    facts: Facts
    state: bytes
    report: bytes
    summary: str

    @classmethod
    def of(cls, facts: Facts, report: Report, state: State) -> "Finished":
        """Everything in the form in which it is stored."""
        return cls(facts, state.to_bytes(), dump_json(report), summary_of(report))


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A stored evaluation.

    Attributes:
        id: opaque; sorts by the time when it was made.
        facts: of it.
        options: of one that takes, or took, batches; otherwise `None`.
        closed: microseconds since 1970; `None` while it takes batches.
        summary: a few figures as JSON, once it is closed.
        report: as JSON; `None` where there are no rows of weight above 0, and in lists.
        batches: counted so far.
    """

    id: str
    facts: Facts
    options: Options | None
    closed: int | None
    summary: str | None
    report: bytes | None = None
    batches: int | None = None

    @property
    def figures(self) -> dict[str, Any]:
        """The summary; empty where there is none."""
        return {} if self.summary is None else dict(json.loads(self.summary))

    @property
    def created(self) -> int:
        """Microseconds since 1970."""
        return created_at(self.id)


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of a running evaluation, ready to be stored.

    Attributes:
        rows: what has seen them; it is given away when they are stored, so push a batch once.
        state: the same as bytes.
        values: of the columns of slices.
        count: rows that enter.
        ignored: rows of weight 0.
    """

    rows: State
    state: bytes
    values: Mapping[str, list[Value]]
    count: int
    ignored: int

    @classmethod
    def of(cls, state: State) -> "Batch":
        """The batch of the rows that a state has seen."""
        values = {name: list(slices.values) for name, slices in state.slices.items()}
        return cls(state, state.to_bytes(), values, state.count, state.ignored)


@dataclass(frozen=True, slots=True)
class Pushed:
    """What has come of a batch.

    Attributes:
        count: its rows that entered.
        ignored: its rows of weight 0.
        repeated: whether it had been counted before, and was not counted again.
    """

    count: int
    ignored: int
    repeated: bool


def new_id() -> str:
    """An id that sorts by time, 32 hexadecimal digits."""
    return first_id(now()) + secrets.token_hex(9)


def created_at(id: str) -> int:
    """When an evaluation of that id was made, in microseconds since 1970."""
    return int(id[:TIME_DIGITS], 16)


def first_id(microseconds: int) -> str:
    """What all ids from a time on are not below."""
    return f"{max(0, microseconds):0{TIME_DIGITS}x}"


def summary_of(report: Report) -> str:
    """The figures that lists show, as JSON."""
    return dump_json({name: getattr(report, name) for name in SUMMARY}).decode()


def dump_options(options: Options) -> str:
    """Options, and the format of the states that they lead to, as JSON."""
    return json.dumps({"format": FORMAT, **options.told()})


def load_options(text: str) -> Options:
    """Reads back what `dump_options` gave."""
    stored: dict[str, Any] = json.loads(text)
    del stored["format"]
    return Options.of(**stored)


def is_readable(text: str) -> bool:
    """Whether this version of Xent reads the states that such options led to."""
    return bool(json.loads(text)["format"] == FORMAT)


def outdated() -> Conflict:
    """The error of a state that this version of Xent does not read."""
    text = "the rows of the evaluation were added up by another version of Xent, in another format"
    return Conflict(Code.OUTDATED_STATE, text)


def unknown() -> NotFound:
    """The error of an evaluation that is not there."""
    text = "there is no evaluation of that id; GET /v1/evaluations lists those that there are"
    return NotFound(Code.UNKNOWN_EVALUATION, text)
