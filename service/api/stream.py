"""A stream of rows, from its bytes to the report, in memory that does not grow with it."""

from collections.abc import Iterator
from dataclasses import fields
from typing import Any, NoReturn

import numpy as np

from service.api.schemas.streams import StreamLine, StreamStart
from service.api.units import Unit, check_form, read_line, single_rows, unit_of
from service.errors import Code, Fault, InvalidInput, XentError, cell
from service.evaluation import Intake, Policies
from service.evaluation.intake import why_bad
from service.settings import Settings
from service.wire import Cutter, Inflater

# Rows wait until there are so many bytes of them: a batch has a fixed price.
HELD_BYTES = 2**21
POLICIES = tuple(field.name for field in fields(Policies))


class Stream:
    """Scores the rows of a stream; its methods are for threads, one at a time.

    Args:
        cutter: finds the lines or parts in it.
        encoding: of its compression, or `None`.
        settings: with the limits.

    Attributes:
        scored: what is scored so far, for the answer where the stream ends early.
    """

    def __init__(self, cutter: Cutter, encoding: str | None, settings: Settings) -> None:
        self.scored: dict[str, Any] = {f"{cutter.unit}s": 0, "rows": 0}
        self._cutter = cutter
        self._inflater = None if encoding is None else Inflater(encoding)
        self._settings = settings
        self._start: StreamStart | None = None
        self._intake = Intake(Policies())
        self._form: tuple[Any, ...] | None = None
        self._held: list[Unit] = []
        self._bytes = self._rows = self._rejected = 0
        self._errors: list[dict[str, Any]] = []

    def feed(self, data: bytes) -> None:
        """Takes bytes as they come.

        Raises:
            XentError: naming the line or part, the row and the cell that end the stream.
        """
        try:
            for piece in [data] if self._inflater is None else self._inflater.feed(data):
                self._take(self._cutter.feed(piece))
        except XentError as error:
            self._flush()  # what came before is not lost
            raise error from None

    def end(self) -> dict[str, Any]:
        """The members of the answer.

        Raises:
            XentError: as before, or there was no row to be scored.
        """
        if self._inflater is not None:
            self._inflater.end()
        self._take(self._cutter.end())
        self._flush()
        state = self._intake.state
        if state is None:
            raise InvalidInput.at("", Code.EMPTY_REDUCTION, "the stream has no rows to be scored")
        report = state.finish()
        members = {field.name: getattr(report, field.name) for field in fields(report)}
        answer = {name: member for name, member in members.items() if member is not None}
        if self._intake.collect:
            answer["rejected"] = {"rows": self._rejected, "errors": self._errors}
        return answer

    def _take(self, bodies: Iterator[bytes]) -> None:
        found: list[tuple[int, bytes]] = []
        broken: XentError | None = None
        try:
            for body in bodies:
                found.append((self._cutter.number, body))
        except XentError as error:  # where the next one begins is not known
            broken = error
        if found and self._start is None:
            self._one(*found.pop(0))
        if found and self._cutter.unit == "line":
            unit = single_rows(found, self._rows, self._settings)
            if unit is not None and unit.form == (self._form or unit.form):
                self._hold(unit, sum(len(body) for _, body in found))
                found = []
        for number, body in found:
            self._one(number, body)
        if broken is not None:
            self._end_by(broken, self._cutter.number)

    def _one(self, number: int, body: bytes) -> None:
        try:
            self._add(number, body)
        except XentError as error:
            if not self._intake.collect:
                self._end_by(error, number)
            self._reject(number, self._rows, error)
            self._rows += 1

    def _add(self, number: int, body: bytes) -> None:
        """Reads one line or part, and keeps its rows.

        Raises:
            XentError: it cannot be read, or does not fit those before.
        """
        model = StreamStart if self._start is None else StreamLine
        line = read_line(body, self._cutter.unit, model, self._settings)
        if isinstance(line, StreamStart):
            self._begin(line)
            if line.labels is line.logits is line.probabilities is None:
                return
        unit = unit_of(line, number, self._rows)
        check_form(unit.form, self._form or unit.form)
        self._hold(unit, len(body))

    def _hold(self, unit: Unit, size: int) -> None:
        """Keeps rows until there are enough of them."""
        self._form = unit.form
        self._rows += unit.size
        if self._held and not unit.joins(self._held[-1]):
            self._flush()
        self._held.append(unit)
        self._bytes += size
        if self._bytes >= HELD_BYTES:
            self._flush()

    def _begin(self, start: StreamStart) -> None:
        self._start = start
        given = {name: value for name, value in start.arguments().items() if name in POLICIES}
        if start.classes is not None:
            given["classes"] = tuple(start.classes)
        self._intake = Intake(Policies(**given), collect=start.on_error == "collect")

    def _flush(self) -> None:
        """Scores the rows that wait.

        Raises:
            InvalidInput: at the first bad row, if that ends the stream.
        """
        units, self._held, self._bytes = self._held, [], 0
        if not units:
            return
        assert self._start is not None
        starts = np.cumsum([0, *(unit.size for unit in units)])
        batch = {name: _joined([unit.batch[name] for unit in units]) for name in units[0].batch}
        bad = self._intake.add(batch)
        last = units[-1].numbers[-1]
        self._rejected += len(bad)
        for row in bad[: max(1, self._start.max_errors)]:
            place = int(np.searchsorted(starts, row, "right")) - 1
            number, at, within = units[place].place(row - int(starts[place]))
            why = why_bad(batch, row, self._intake.policies)
            faults = [_moved(fault, within) for fault in why.faults]
            if not self._intake.collect:
                self._note(number - 1)
                self._end_by(InvalidInput(faults), number, at)
            self._list(number, at, InvalidInput(faults))
        self._note(last)

    def _note(self, last: int) -> None:
        state = self._intake.state
        rows = 0 if state is None else state.count + state.ignored
        noted: dict[str, Any] = {f"{self._cutter.unit}s": last, "rows": rows}
        if state is not None and state.count:
            noted["log_loss"] = state.totals.losses.mean(0.0).value
        self.scored = noted

    def _reject(self, number: int, row: int, error: XentError) -> None:
        self._rejected += 1
        self._list(number, row, error)

    def _list(self, number: int, row: int, error: XentError) -> None:
        """Keeps the first bad rows; those of lines that cannot be read are found before others."""
        assert self._start is not None
        pointer = error.faults[0].pointer if isinstance(error, InvalidInput) else ""
        entry = {
            self._cutter.unit: number,
            "row": row,
            "pointer": pointer,
            "code": error.code,
            "detail": error.detail,
        }
        self._errors = sorted([*self._errors, entry], key=lambda entry: entry["row"])
        del self._errors[self._start.max_errors :]

    def _end_by(self, error: XentError, number: int, row: int | None = None) -> NoReturn:
        """Ends the stream: what waits is scored first, and may have a fault before this one."""
        self._flush()
        where = f"{self._cutter.unit} {number}"
        where += ": " if row is None else f", row {row}: "
        if isinstance(error, InvalidInput):
            faults = [Fault(f.pointer, f.code, where + f.detail) for f in error.faults]
            raise InvalidInput(faults, uncounted=error.count - len(faults))
        raise type(error)(error.code, where + error.detail)


def _joined(values: list[Any]) -> Any:
    if isinstance(values[0], dict):
        return {name: _joined([value[name] for value in values]) for name in values[0]}
    if isinstance(values[0], np.ndarray):
        return values[0] if len(values) == 1 else np.concatenate(values)
    return [item for value in values for item in value]


def _moved(fault: Fault, row: int | None) -> Fault:
    """The fault of row 0 of a batch, at its row in the line, or where it is the line's only one."""
    member, *path = fault.pointer.split("/")[1:]
    at = path.index("0") if "0" in path else len(path)
    names = [*path[:at], *([] if row is None else [str(row)]), *path[at + 1 :]]
    _, before = cell(member, *path)
    pointer, after = cell(member, *names)
    return Fault(pointer, fault.code, after + fault.detail.removeprefix(before))
