"""Streams of rows over HTTP: read no faster than they are scored, off the event loop."""

from collections.abc import AsyncIterator, Callable, Coroutine
from functools import partial
from typing import Any

from anyio.to_thread import run_sync
from fastapi import APIRouter, Request, Response
from starlette.types import Receive

from service.api.access import Guarded
from service.api.described import documented, problem_responses
from service.api.fields import fields_of
from service.api.media import JSON, check_accept, stream_form
from service.api.rates import count_rows
from service.api.request import Incomplete
from service.api.schemas.streams import StreamAnswer
from service.api.stream import Stream
from service.errors import Code
from service.settings import Settings
from service.wire import LINES, PARTS, Lines, Parts, dump_json

PATH = "/v1/evaluate/stream"
# So much is read before a thread takes it: the thread costs a tenth of a millisecond.
PIECE = 2**18


class Streamed(Guarded):
    """The route of a stream; its function is there for the document alone."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler that Starlette calls."""

        async def answer(request: Request) -> Response:
            state = request.app.state
            settings: Settings = state.settings
            check_accept(fields_of(request.scope))
            kind, encoding = stream_form(fields_of(request.scope))
            limit = settings.max_line_bytes if kind == LINES else settings.max_part_bytes
            cutter = Lines(limit) if kind == LINES else Parts(limit)
            stream = Stream(cutter, encoding, settings)
            request.scope["state"]["scored"] = lambda: stream.scored
            # one line or part is read while another one waits: what a stream takes all its life
            try:
                async with state.admission.enter(2 * limit):
                    async for data in pieces_of(request.receive):
                        await run_sync(partial(stream.feed, data), limiter=state.limiter)
                    content = await run_sync(lambda: dump_json(stream.end()), limiter=state.limiter)
            finally:
                count_rows(request.scope, stream.scored["rows"])
            return Response(content, media_type=JSON)

        return answer


async def pieces_of(receive: Receive) -> AsyncIterator[bytes]:
    """A body as it comes, the next piece when this one is done with.

    Raises:
        Incomplete: the client went away.
    """
    chunks: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Incomplete(Code.BAD_REQUEST, "the stream did not arrive whole")
        chunks.append(message.get("body", b""))
        size, more = size + len(chunks[-1]), message.get("more_body", False)
        if size >= PIECE or not more:
            yield b"".join(chunks)
            chunks, size = [], 0


def evaluate_stream() -> None:
    """The evaluation report of a stream of rows, scored as they arrive; nothing is kept.

    NDJSON: each line is an object with `logits` or `probabilities` and `labels`, of one row or of
    several, as in `POST /v1/evaluate`; or a sequence of safetensors files of such rows, each after
    its length in eight bytes, the lowest first. The first line or part may have the options, with
    or without rows. A stream may be of any length, its lines and parts not. The report has the
    bytes of a call that sends all rows at once. A bad row ends the stream, and the answer says in
    `scored` what came before it; with `on_error` "collect" it is left out and counted in
    `rejected`.
    """


def add_streams(router: APIRouter) -> None:
    """Adds the call."""
    lines = {"$ref": "#/components/schemas/StreamStart"}
    parts = {"type": "string", "format": "binary", "description": "Length, file, length, file"}
    body = {"required": True, "content": {LINES: {"schema": lines}, PARTS: {"schema": parts}}}
    router.add_api_route(
        PATH,
        evaluate_stream,
        methods=["POST"],
        route_class_override=Streamed,
        response_model=StreamAnswer,
        responses=problem_responses(takes_body=True),
        **documented(evaluate_stream, "evaluation", "score", requestBody=body),
    )
