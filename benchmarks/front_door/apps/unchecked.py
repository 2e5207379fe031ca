"""orjson and NumPy without any check: `routed` in Starlette, `bare` as an ASGI callable.

`/echo` of the bare one only receives a body and returns it: what the transport costs.
"""

from typing import Any

import digits
import numpy as np
import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


def predicted(body: bytes) -> bytes:
    found = digits.probabilities(np.array(orjson.loads(body)["inputs"]))
    answer = {"labels": found.argmax(axis=1), "probabilities": found}
    return orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY)


def scored(body: bytes) -> bytes:
    members = orjson.loads(body)
    loss, gradient = digits.loss_and_gradient(
        np.array(members["logits"]), np.array(members["labels"])
    )
    return orjson.dumps({"loss": loss, "gradient": gradient}, option=orjson.OPT_SERIALIZE_NUMPY)


WORK = {"/predict": predicted, "/loss": scored, "/echo": bytes}


async def _answer(request: Request) -> Response:
    content = WORK[request.url.path](await request.body())
    return Response(content, media_type="application/json")


routed = Starlette(routes=[Route(path, _answer, methods=["POST"]) for path in WORK])


async def bare(scope: Any, receive: Any, send: Any) -> None:
    chunks, more = [], True
    while more:
        message = await receive()
        chunks.append(message.get("body", b""))
        more = message.get("more_body", False)
    content = WORK[scope["path"]](b"".join(chunks))
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(content)),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": content})
