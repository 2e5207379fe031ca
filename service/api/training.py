"""Training and importing over HTTP: one at a time, in a process of its own, within limits.

The process parses, checks and fits, and gives the file of a model back; the server alone registers
it, so that nothing is there unless all went well and the client is still there to hear of it.
"""

from functools import partial
from typing import TYPE_CHECKING, Any

from anyio.to_thread import run_sync
from fastapi import Request, Response
from starlette.types import Receive

from service import classifier
from service.api.admission import Admission
from service.api.attempts import key_of
from service.api.beside import Beside
from service.api.call import Content
from service.api.digest import check_digest, declared
from service.api.drain import Drain
from service.api.fields import fields_of
from service.api.media import JSON, Form, form_of
from service.api.once import Once, once_of
from service.api.request import read_body, too_large
from service.api.routes.models import MODEL
from service.api.trainer import InitialVersion, Made
from service.api.uploads import is_table
from service.api.watch import watch
from service.classifier.model import NAME
from service.errors import Code, InvalidInput, NotFound, Unavailable, XentError
from service.registry import Registry
from service.registry.version import Version
from service.settings import Settings
from service.wire import TENSORS, dump_json, dump_tensors

if TYPE_CHECKING:
    from sqlalchemy import Connection

VERSIONS = MODEL + "/versions"


class Training:
    """Trains in a process of its own and registers what comes out of it.

    Args:
        settings: with the limits.
        registry: takes the models.
        admission: lets the bodies in.
        drain: tells when the server is about to end.
        entry: of the function that the process runs.
    """

    def __init__(
        self, settings: Settings, registry: Registry, admission: Admission, drain: Drain, entry: str
    ) -> None:
        self._settings = settings
        self._registry = registry
        self._admission = admission
        self._drain = drain
        self._process = Beside(settings, entry)
        self._working: Once | None = None

    def end(self) -> None:
        """Ends the process, if there is one."""
        self._process.end()

    async def answer(self, request: Request, name: str, query: dict[str, Any]) -> Response:
        """Reads, trains, registers and answers.

        Raises:
            XentError: whatever is wrong with the request; then nothing is registered.
        """
        self._check(name)
        if key_of(request.scope) is None:  # with a key, what is done already is answered
            self._check_free()
        fields = fields_of(request.scope)
        digests = declared(fields)
        table = is_table(request.headers.get("content-type", ""), query)
        # a table or a file comes and its answer goes as JSON does
        plain = {**fields, b"content-type": JSON.encode()}
        form, announced = form_of(plain if table or query else fields)
        kind = "tensor" if form.tensors_in else "json"
        limit: int = getattr(self._settings, f"max_{kind}_bytes")
        setting = f"XENT_MAX_{kind.upper()}_BYTES"
        if announced is not None and announced > limit:
            raise too_large(limit, setting)
        async with self._admission.enter(limit if announced is None else announced):
            body = await read_body(request.receive, limit, setting, announced)
        if digests:
            await run_sync(check_digest, digests, body)
        once = await once_of(request.scope, body, self._registry.store)
        parameters = {
            "name": name,
            "table": query if table else None,
            "file": query if "format" in query else None,
        }
        async with once.claimed() as kept:
            if kept is not None:
                return kept
            self._check_free(once)  # another training may have begun meanwhile
            self._working = once
            try:
                made = await self._made(parameters, body, form, request.receive)
                if made.of_file:
                    form, _ = form_of(plain)
                return await self._registered(made, form, once)
            finally:
                self._working = None

    def _check(self, name: str) -> None:
        """What can be refused before anything is read."""
        if not NAME.fullmatch(name):
            detail = f"name must match {NAME.pattern}, whole"
            raise InvalidInput.at("/name", Code.INVALID_OPTION, detail)
        self._registry.check(name)

    def _check_free(self, once: Once | None = None) -> None:
        if self._drain.draining:
            raise Unavailable(Code.DRAINING, "the process was told to end; nothing was registered")
        if self._working is not None:
            if once is not None:
                once.check(self._working)
            raise Unavailable(Code.OVERLOADED, "another model is being trained; try again soon")

    async def _registered(self, made: Made, form: Form, once: Once) -> Response:
        model = classifier.from_bytes(bytes(made.content))
        if made.dry_run:
            return _answer(classifier.described(model), made, form)

        def register() -> Response:
            added: list[Version] = []

            def effect(connection: "Connection") -> Response:
                added.append(self._registry.add(connection, model))
                return _answer(added[0].card, made, form)

            answer = once.perform(effect)
            for version in added:
                self._registry.learn(version)
            return answer

        return await run_sync(register)

    async def _made(
        self, parameters: dict[str, Any], body: Content, form: Form, receive: Receive
    ) -> Made:
        perform = partial(self._process.perform, VERSIONS, parameters, body, form)
        seconds = self._settings.max_training_seconds
        try:
            async with watch(self._process, self._drain, receive, seconds) as watched:
                try:
                    made = await watched(perform)
                except InitialVersion as needed:
                    initial = await self._initial(parameters["name"], needed.version)
                    made = await watched(partial(perform, initial))
        except XentError as error:
            raise error.with_traceback(None) from None  # its frames hold the body
        assert isinstance(made, Made)
        return made

    async def _initial(self, name: str, version: int | str) -> classifier.Model:
        try:
            return await run_sync(self._registry.find, name, version)
        except NotFound as error:
            pointer = "/options/initial_version"
            raise InvalidInput.at(pointer, Code.INVALID_OPTION, error.detail) from None


def _answer(card: dict[str, Any], made: Made, form: Form) -> Response:
    shown = {**card, "model": card["name"]}
    headers = {"Server-Timing": made.timing.decode()}
    if made.dry_run:
        shown = {**shown, "dry_run": True}
        del shown["version"]
    else:
        headers["Location"] = f"/v1/models/{card['name']}/versions/{card['version']}"
    content = dump_tensors(shown) if form.tensors_out else dump_json(shown)
    media_type = TENSORS if form.tensors_out else JSON
    return Response(content, 200 if made.dry_run else 201, headers, media_type)
