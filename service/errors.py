r"""What can go wrong, without any HTTP in it.

The tree; `service.api.problems` maps each leaf to a status, and a test holds that map total:

    XentError
    ├── MalformedBody   the bytes are not what their media type says they are
    ├── MalformedField  a header of the request is not what it has to be
    ├── InvalidInput    well formed, but means nothing; lists the offending cells (a ValueError)
    ├── NotFound        no model, version, loss or page of that name (a LookupError)
    ├── Missing         needs a package that is not installed here; names the extra that has it
    ├── Unauthenticated no key that is in force, where one is needed
    ├── Forbidden       the key is not for this; names the scope that is missing
    ├── Misdirected     asked under a name that this server does not go by
    ├── TooMany         over the rate of the key; tells when to come back
    ├── Conflict        against what is there already
    ├── TooLarge        over a limit; the text names the limit, its setting and its value
    ├── Stale           it has changed since the caller looked
    ├── Unconditional   does not say what it has seen of what it would change
    ├── Damaged         what was stored is not what is there
    ├── StoreFull       no room for what would be kept
    └── Unavailable     not now: over capacity, or about to end

Every error carries a `Code`: a stable word for programs, explained at `/problems/{code}`.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from service.codes import Code as Code  # who raises an error needs both


@dataclass(frozen=True, slots=True)
class Fault:
    """One offending member of a request.

    Attributes:
        pointer: JSON pointer (RFC 6901) of the first bad cell, such as `/labels/17`; `""` is the
            whole body.
        code: what is wrong, as a word.
        detail: what is wrong, as a sentence that names the cell; never echoes more than a number.
    """

    pointer: str
    code: Code
    detail: str


MAX_NAME = 64


def cell(member: str, *indices: int | str) -> tuple[str, str]:
    """The JSON pointer and the readable name of a cell: `("/logits/17/3", "logits[17][3]")`.

    Names that a client chose are cut short, so that an answer is never longer than its question.
    """
    names = [str(name)[:MAX_NAME] for name in (member, *indices)]
    escaped = (name.replace("~", "~0").replace("/", "~1") for name in names)
    return "/" + "/".join(escaped), names[0] + "".join(f"[{name}]" for name in names[1:])


def listed(names: Sequence[str]) -> str:
    """The first few of some names that a client chose, cut short as those of cells are."""
    shown = [name[:MAX_NAME] for name in names[:8]]
    return ", ".join(shown if len(names) <= len(shown) else [*shown, "..."])


class XentError(Exception):
    """The root: an error that Xent means to report.

    Attributes:
        code: the stable word.
        detail: the sentence.
    """

    def __init__(self, code: Code, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail

    def __reduce__(self) -> tuple[Any, ...]:
        """Crosses to another process as it is; the constructors take other arguments than these."""
        return _again, (type(self), self.args, self.__dict__)


def _again(kind: type["XentError"], args: tuple[str], state: dict[str, Any]) -> "XentError":
    error = kind.__new__(kind, *args)
    error.__dict__.update(state)
    return error


class MalformedBody(XentError):
    """The bytes are not what their media type says they are."""


class MalformedField(XentError):
    """A header of the request is not what it has to be, or is missing."""


class InvalidInput(XentError, ValueError):
    """Well formed, but means nothing.

    Attributes:
        faults: one for each offending member, the first one giving `code` and `detail`.
        count: of all offending members, also those too many to list.
    """

    def __init__(self, faults: Iterable[Fault], uncounted: int = 0) -> None:
        self.faults = tuple(faults)
        self.count = len(self.faults) + uncounted
        super().__init__(self.faults[0].code, self.faults[0].detail)

    @classmethod
    def at(cls, pointer: str, code: Code, detail: str) -> "InvalidInput":
        """The error with a single fault."""
        return cls([Fault(pointer, code, detail)])


class Faults(list[Fault]):
    """Faults of several members, gathered so that one answer can name them all."""

    @contextmanager
    def collecting(self) -> Iterator[None]:
        """Keeps the faults of an `InvalidInput` raised inside, and goes on after the block."""
        try:
            yield
        except InvalidInput as error:
            self.extend(error.faults)

    def check(self) -> None:
        """Raises what has been gathered, if anything has.

        Raises:
            InvalidInput: with every fault so far.
        """
        if self:
            raise InvalidInput(self)


class NotFound(XentError, LookupError):
    """No model, version, loss or page of that name."""


class Missing(XentError):
    """Needs a package that is not installed here."""

    @classmethod
    def package(cls, extra: str, what: str) -> "Missing":
        """The error that names the extra of Xent's to install."""
        return cls(
            Code.NOT_INSTALLED,
            f"{what} needs the extra {extra}: in the directory of Xent's source, "
            f"python -m pip install '.[{extra}]'",
        )


class Unauthenticated(XentError):
    """No key that is in force, where one is needed."""


class Forbidden(XentError):
    """The key is not for this.

    Attributes:
        scope: that it would need.
    """

    def __init__(self, scope: str) -> None:
        super().__init__(Code.SCOPE_MISSING, f"the key lacks the scope {scope}")
        self.scope = scope


class Misdirected(XentError):
    """Asked under a name that this server does not go by."""


class TooMany(XentError):
    """Over the rate of the key.

    Attributes:
        seconds: until the same request would be let in.
    """

    def __init__(self, detail: str, seconds: int) -> None:
        super().__init__(Code.RATE_EXCEEDED, detail)
        self.seconds = seconds


class Conflict(XentError):
    """Against what is there already."""


class TooLarge(XentError):
    """Over a limit; `detail` names the limit, its setting and its value."""


class Stale(XentError):
    """It has changed since the caller looked."""


class Unconditional(XentError):
    """Would change what is there without saying what of it was seen."""


class Damaged(XentError):
    """What was stored is not what is there; none of it is given out."""


class StoreFull(XentError):
    """No room for what would be kept; nothing of it was."""


class Unavailable(XentError):
    """Not now: over capacity, or about to end. The same request may be sent again."""
