"""What schemathesis checks of every answer beyond its own checks: the promises of bad input."""

import json

import orjson
import schemathesis

LONGEST = 16_000


@schemathesis.check
def problem_document(ctx, response, case):  # type: ignore[no-untyped-def]
    """Every refusal is a problem document that is short."""
    if response.status_code < 400:
        return
    assert response.headers["content-type"] == ["application/problem+json"]
    assert len(response.content) < LONGEST
    if response.content:  # HEAD has none
        problem = orjson.loads(response.content)
        assert problem["status"] == response.status_code
        assert problem["request_id"] == response.headers["x-request-id"][0]


@schemathesis.hook
def filter_query(ctx, query):  # type: ignore[no-untyped-def]
    """Leaves out wrong values that are sent as right ones: `[5]` and `{"5": []}` are both `5`."""
    return all(map(_sent_as_it_is, (query or {}).values()))


def _sent_as_it_is(value):  # type: ignore[no-untyped-def]
    if isinstance(value, list):
        return len(value) > 1 and all(isinstance(one, str | int | float) for one in value)
    return not isinstance(value, dict)


@schemathesis.serializer("application/x-ndjson", "application/vnd.safetensors-seq")
def stream(ctx, value):  # type: ignore[no-untyped-def]
    """One line; as a sequence of tensor files it is one that begins badly."""
    return value if isinstance(value, bytes) else json.dumps(value).encode() + b"\n"
