"""What the OpenAPI document says of a call: its words, and its answers that are errors."""

import inspect
from collections.abc import Callable
from typing import Any

from service.api.access import Access, needs
from service.api.problems import MEDIA_TYPE

_PHRASES = {
    400: "Not HTTP, or not JSON",
    401: "No key that is in force",
    403: "The key lacks the scope",
    404: "Unknown thing",
    406: "Accept rules JSON out",
    408: "Headers or body too slow",
    409: "Against what is there already",
    412: "Changed since the client looked",
    413: "Over a limit",
    414: "URL too long",
    415: "Not sent as JSON",
    421: "Asked under a name that the server does not go by",
    422: "Well formed, but means nothing",
    428: "Without If-Match or If-None-Match",
    429: "Over the rate of the key",
    431: "Headers too large",
    500: "A fault of the service",
    501: "Needs a package that is not installed here",
    503: "Over capacity, or about to end",
    507: "No room to keep it",
}


def documented(
    endpoint: Callable[..., Any], tag: str, access: Access, **extra: Any
) -> dict[str, Any]:
    """The words of a route, as `add_api_route` takes them.

    Args:
        endpoint: its docstring's first line is the summary, the rest the description, its name the
            operation id.
        tag: the chapter of the documentation.
        access: the scope that a key needs for it.
        extra: members of the operation in the document, as OpenAPI has them.
    """
    summary, _, description = inspect.cleandoc(endpoint.__doc__ or "").partition("\n\n")
    return {
        "summary": summary.removesuffix("."),
        "description": description or summary,
        "operation_id": endpoint.__name__,
        "tags": [tag],
        "openapi_extra": {**extra, **needs(access)},
    }


def problem_responses(takes_body: bool, *errors: int) -> dict[int | str, dict[str, Any]]:
    """The error answers of a call.

    Args:
        takes_body: whether it has those of a body.
        errors: statuses beyond those that every such call has.
    """
    statuses = {400, 406, 408, 414, 431, 500, *errors}
    if takes_body:
        statuses |= {413, 415, 422, 503}
    return {status: problem_response(status) for status in sorted(statuses)}


def problem_response(status: int) -> dict[str, Any]:
    """How the OpenAPI document describes an error answer."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": _PHRASES[status], "content": {MEDIA_TYPE: {"schema": schema}}}
