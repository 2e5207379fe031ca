"""What changes which version is served, and the files of versions."""

from typing import Any

from fastapi import APIRouter, Response

from service.api.cursor import position_of
from service.api.digest import repr_digest
from service.api.media import JSON
from service.api.routes.models import MODEL, VERSION, After, Limit, next_of
from service.api.schemas.registry import AliasAnswer, AliasesAnswer, PromoteRequest
from service.api.stored import IfMatch, IfNoneMatch, add_stored, check_conditions, names
from service.errors import Code, InvalidInput
from service.registry import ALIAS, Alias, Registry
from service.registry.audit import Entry
from service.registry.clock import written
from service.wire import TENSORS, dump_json

_FILE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The file",
        "content": {TENSORS: {"schema": {"type": "string", "format": "binary"}}},
    },
    304: {"description": "The client has it already"},
}


def add_aliases(router: APIRouter, registry: Registry) -> None:
    """Adds the calls.

    Args:
        router: takes the routes.
        registry: has the versions.
    """

    def list_aliases(name: str, after: After = None, limit: Limit = 100) -> Response:
        """The aliases of a model in the order of their names.

        With the ETag of each, and with who moved it and when. `default` is always among them, and
        is all that a model that ships has.
        """
        path = f"/v1/models/{name}/aliases"
        page = registry.aliases.page(
            name, None if after is None else position_of(path, after, ALIAS), limit
        )
        shown = [
            _shown(alias, found)
            | {"etag": _tag(found.change)}
            | _moved(page.moved.get(found.change))
            for alias, found in page.aliases.items()
        ]
        listed = {"aliases": shown} | next_of(path, limit, page.next)
        return Response(dump_json(listed), media_type=JSON)

    def show_alias(name: str, alias: str) -> Response:
        """What an alias stands for.

        The ETag of the answer is what promote_alias takes as If-Match. `default` stands for the
        newest version until it is set.
        """
        return _alias(alias, registry.aliases.find(name, alias))

    def promote_alias(
        name: str,
        alias: str,
        body: PromoteRequest,
        if_match: IfMatch = None,
        if_none_match: IfNoneMatch = None,
    ) -> Response:
        """Lets an alias stand for a version from now on.

        If-Match with the ETag that show_alias gave moves it, unless somebody else has moved it
        since; If-None-Match: * makes an alias that is not set yet. To roll back, promote to
        `previous`, or delete `default` where it has none.
        """
        check_alias(alias)
        seen = registry.aliases.seen(name, alias)
        if seen is not None and seen < 0 and if_none_match is not None:
            seen = None  # the default is there before anybody has set it, and may be set
        check_conditions(None if seen is None else _tag(seen), if_match, if_none_match)
        return _alias(alias, registry.aliases.move(name, alias, body.version, seen))

    def delete_alias(name: str, alias: str, if_match: IfMatch = None) -> Response:
        """Lets an alias stand for nothing any more.

        `default` then stands for the newest version again. If-Match is needed, as for
        promote_alias.
        """
        seen = registry.aliases.find(name, alias).change
        check_conditions(_tag(seen), if_match, None)
        registry.aliases.delete(name, alias, seen)
        return Response(None, 204)

    def download_artifact(name: str, version: str, if_none_match: IfNoneMatch = None) -> Response:
        """The safetensors file of a version, by number or alias.

        Its ETag is the SHA-256 of its bytes, as Repr-Digest is, in which a client can send it on.
        train_version takes the file as it is.
        """
        data, digest = registry.artifact(name, version)
        headers = {"ETag": f'"{digest}"'}
        if if_none_match is not None and names(if_none_match, headers["ETag"], weak=True):
            return Response(None, 304, headers)
        return Response(data, 200, headers | {"Repr-Digest": repr_digest(digest)}, TENSORS)

    path = MODEL + "/aliases"
    add_stored(
        router, "GET", path, list_aliases, 404, 422, 503, access="read", answer=AliasesAnswer
    )
    alias = path + "/{alias}"
    add_stored(router, "GET", alias, show_alias, 404, 503, access="read", answer=AliasAnswer)
    errors = (404, 409, 412, 428, 503, 507)
    add_stored(router, "PUT", alias, promote_alias, *errors, access="train", answer=AliasAnswer)
    add_stored(router, "DELETE", alias, delete_alias, *errors, access="train", status=204)
    path = VERSION + "/artifact"
    add_stored(router, "GET", path, download_artifact, 404, 503, access="read", responses=_FILE)


def check_alias(alias: str) -> None:
    """Refuses what can be no alias.

    Raises:
        InvalidInput: it is no such name.
    """
    if not ALIAS.fullmatch(alias):
        detail = f"alias must match {ALIAS.pattern}, whole"
        raise InvalidInput.at("/alias", Code.INVALID_OPTION, detail)


def _tag(change: int) -> str:
    return f'"{change}"'


def _alias(alias: str, found: Alias) -> Response:
    return Response(dump_json(_shown(alias, found)), 200, {"ETag": _tag(found.change)}, JSON)


def _shown(alias: str, found: Alias) -> dict[str, Any]:
    previous = {} if found.previous is None else {"previous": found.previous}
    return {"alias": alias, "version": found.number, **previous}


def _moved(line: Entry | None) -> dict[str, str]:
    return {} if line is None else {"at": written(line.at), "principal": line.principal}
