"""The parts of a running evaluation put together, and the report of them."""

from collections.abc import Sequence
from dataclasses import dataclass

from service.errors import InvalidInput, MalformedBody
from service.evaluation import Options, State
from service.registry.evaluation import new_id, outdated, summary_of
from service.wire import dump_json


@dataclass(frozen=True, slots=True)
class Part:
    """Some rows of an evaluation.

    Attributes:
        id: of the part.
        batches: that went into it.
        state: of their rows, as bytes.
    """

    id: str
    batches: int
    state: bytes


def merged(options: Options | None, parts: Sequence[Part]) -> State:
    """The state of all rows; `options` tell that of none.

    Raises:
        Conflict: another version of Xent added them up.
    """
    found: State | None = None
    try:
        for part in parts:
            state = State.from_bytes(part.state, ours=True)
            if found is None:
                found = state
            else:
                found.merge(state)
    except MalformedBody as error:
        raise outdated() from error
    if found is None:
        assert options is not None
        found = options.state()
    return found


def whole(parts: Sequence[Part], state: State) -> Part:
    """One part in the place of others; `state` is that of all their rows."""
    return Part(new_id(), sum(part.batches for part in parts), state.to_bytes())


def report_of(state: State) -> tuple[bytes | None, str | None]:
    """The report as JSON, and its summary; none of rows that have none."""
    try:
        report = state.finish()
    except InvalidInput:  # no rows of weight above 0, or of more than float64 holds
        return None, None
    return dump_json(report), summary_of(report)
