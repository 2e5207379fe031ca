"""The examples of the OpenAPI document, which the tests execute."""

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

import orjson


@dataclass(frozen=True, slots=True)
class Example:
    """A request and the answer it gets.

    Attributes:
        name: of the example, a word.
        summary: what it shows.
        path: to be called, parameters filled in; `{id}` and `{key}`, here and in headers, stand for
            these members of an answer before.
        body: the request object; of a stream the objects of its lines; or `None`.
        status: of the answer.
        answer: the answer object, or `None` where it is empty.
        method: of the request; absent, it is POST with a body and GET without.
        headers: of the request.
        given: requests that have to be made before it.
    """

    name: str
    summary: str
    path: str
    body: dict[str, Any] | list[Any] | None
    status: int
    answer: dict[str, Any] | None
    method: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    given: list[dict[str, Any]] = field(default_factory=list)

    @property
    def requests(self) -> list[dict[str, Any]]:
        """What to send, as the arguments of a client, itself last."""
        own = {"path": self.path, "body": self.body, "method": self.method, "headers": self.headers}
        return [
            {
                "method": sent.get("method") or ("GET" if sent.get("body") is None else "POST"),
                "url": sent["path"],
                **_content(sent.get("body")),
                "headers": {"X-Request-Id": "example", **sent.get("headers", {})},
            }
            for sent in (*self.given, own)
        ]

    @property
    def makes_keys(self) -> bool:
        """Whether the server answers nobody without a key from then on."""
        return any(r["method"] == "POST" and r["url"] == "/v1/keys" for r in self.requests)

    def run(self, send: Callable[..., Any]) -> Any:
        """Sends all requests, as a client of the same arguments does, and gives the last answer."""
        known: dict[str, str] = {}
        for request in self.requests:
            headers = {name: _filled(text, known) for name, text in request["headers"].items()}
            answer = send(**{**request, "url": _filled(request["url"], known), "headers": headers})
            found = orjson.loads(answer.content) if answer.content else {}
            known = {name: found[name] for name in ("id", "key") if name in found} | known
        return answer


def _filled(text: str, known: dict[str, str]) -> str:
    for name, value in known.items():
        text = text.replace(f"{{{name}}}", value)
    return text


def ndjson(lines: list[Any]) -> str:
    """The lines of a stream."""
    return "".join(orjson.dumps(line).decode() + "\n" for line in lines)


def _content(body: dict[str, Any] | list[Any] | None) -> dict[str, Any]:
    return {"content": ndjson(body)} if isinstance(body, list) else {"json": body}


def examples() -> dict[str, list[Example]]:
    """Every example, by operation id."""
    content = orjson.loads((files("service.api") / "examples.json").read_bytes())
    return {name: [Example(**entry) for entry in entries] for name, entries in content.items()}
