"""From errors to answers: problem documents."""

from collections.abc import Mapping
from itertools import accumulate
from typing import Any

import orjson
from starlette.responses import Response

from service.api.explanations import EXPLANATIONS
from service.errors import (
    Code,
    Fault,
    Forbidden,
    InvalidInput,
    TooMany,
    Unauthenticated,
    Unavailable,
    XentError,
)
from service.wire import dump_json

MEDIA_TYPE = "application/problem+json"
# A name of 64 characters may take six bytes for each; with this the whole stays below 16 kB.
MAX_FAULT_BYTES = 10_000
MAX_FAULTS = 20
MAX_DETAIL = 400
RETRY_SECONDS = 1


def problem(
    code: Code,
    detail: str,
    request_id: str,
    *,
    faults: tuple[Fault, ...] = (),
    count: int = 0,
    headers: Mapping[str, str] | None = None,
    scored: Mapping[str, Any] | None = None,
) -> Response:
    """A problem document (RFC 9457): at most 20 faults, never the input.

    Its member `error` repeats `detail`, since the clients of inference servers read that one.

    Args:
        code: the stable word, which has its status.
        detail: the sentence.
        request_id: of the request that is answered.
        faults: the offending members, of which the first 20 are shown, fewer where names are long.
        count: of all offending members.
        headers: further headers of the answer.
        scored: what of a stream had been scored.
    """
    detail, status = _short(detail), EXPLANATIONS[code].status
    document: dict[str, Any] = {
        "type": f"/problems/{code}",
        "title": EXPLANATIONS[code].title,
        "status": status,
        "code": code,
        "detail": detail,
        "errors": _shown(faults),
        "error_count": count,
        "request_id": request_id,
        "error": detail,
    }
    if scored is not None:
        document["scored"] = scored
    return Response(dump_json(document), status, headers, MEDIA_TYPE)


def _shown(faults: tuple[Fault, ...]) -> list[orjson.Fragment]:
    entries = [
        orjson.dumps({"pointer": _short(f.pointer), "code": f.code, "detail": _short(f.detail)})
        for f in faults[:MAX_FAULTS]
    ]
    sizes = accumulate(map(len, entries))
    return [
        orjson.Fragment(entry)
        for entry, size in zip(entries, sizes, strict=True)
        if size <= MAX_FAULT_BYTES
    ]


def problem_of(
    error: XentError, request_id: str, scored: Mapping[str, Any] | None = None
) -> Response:
    """The problem document of an error; `scored` of a stream that it has ended."""
    given: dict[str, Any] = {"scored": scored}
    if isinstance(error, InvalidInput):
        given |= {"faults": error.faults, "count": error.count}
    else:
        given["headers"] = _headers_of(error)
    return problem(error.code, error.detail, request_id, **given)


def _headers_of(error: XentError) -> dict[str, str]:
    """What the client's program needs to go on; the challenges are those of RFC 6750, section 3."""
    if isinstance(error, Unavailable) or error.code == Code.ATTEMPT_RUNNING:
        return {"Retry-After": str(RETRY_SECONDS)}
    if isinstance(error, TooMany):
        return {"Retry-After": str(error.seconds)}
    challenge = 'Bearer realm="xent"'
    if isinstance(error, Unauthenticated):
        wrong = "" if error.code is Code.KEY_MISSING else ', error="invalid_token"'
        return {"WWW-Authenticate": challenge + wrong}
    if isinstance(error, Forbidden):
        wrong = f', error="insufficient_scope", scope="{error.scope}"'
        return {"WWW-Authenticate": challenge + wrong}
    return {}


def scored_of(state: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """What of a stream has been scored, where the request of that state is one."""
    scored = state.get("scored")
    return None if scored is None else scored()


def _short(text: str) -> str:
    return text if len(text) <= MAX_DETAIL else text[: MAX_DETAIL - 1] + "…"
