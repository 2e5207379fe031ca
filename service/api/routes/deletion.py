"""Deleting models and versions, bringing them back, and removing their bytes for good."""

import re
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Response

from service.api.cursor import position_of
from service.api.media import JSON
from service.api.routes.models import MODEL, VERSION, After, Limit, next_of
from service.api.schemas.models import ModelAnswer
from service.api.schemas.registry import DeletedThingsAnswer
from service.api.stored import add_stored
from service.classifier.model import NAME
from service.errors import Code, NotFound
from service.registry import Registry
from service.registry.clock import written
from service.registry.memory import NUMBER
from service.wire import dump_json

if TYPE_CHECKING:
    from service.registry.deletion import Deleted

DELETED = "/v1/deleted"
_PLACE = re.compile(NAME.pattern + "/[0-9]{1,9}")


def add_deletion(router: APIRouter, registry: Registry) -> None:
    """Adds the calls.

    Args:
        router: takes the routes.
        registry: has the versions.
    """

    def list_deleted(after: After = None, limit: Limit = 100) -> Response:
        """What can be restored: models and versions that are deleted and not purged, by name.

        restore_model and restore_version bring them back. Nothing is purged by itself, however
        long ago it was deleted. The versions of a deleted model come back with it; those that were
        deleted before it are listed again then.
        """
        begin = "", 0
        if after is not None:
            name, _, number = position_of(DELETED, after, _PLACE).partition("/")
            begin = name, int(number)
        page = registry.lists.deleted(begin, limit)
        last = f"{page.things[-1].name}/{page.things[-1].number}" if page.more else None
        listed = {"deleted": [_told(thing) for thing in page.things]}
        return Response(dump_json(listed | next_of(DELETED, limit, last)), media_type=JSON)

    def delete_model(name: str) -> Response:
        """Deletes a model: neither it nor its versions are served or listed any more.

        restore_model brings it back as it was, with its aliases, until it is purged; its name is
        not free before that. The versions never change, so there is no condition to send.
        """
        registry.delete(name)
        return Response(None, 204)

    def delete_version(name: str, version: str) -> Response:
        """Deletes a version, by its number: it is neither served nor listed any more.

        restore_version brings it back until it is purged. One that an alias stands for is kept;
        where nobody has set `default`, it then stands for the newest that is left.
        """
        registry.delete(name, _number(name, version))
        return Response(None, 204)

    def restore_model(name: str) -> Response:
        """Brings a deleted model back, with the versions and aliases that it had."""
        registry.restore(name)
        return _shown(registry, name, None)

    def restore_version(name: str, version: str) -> Response:
        """Brings a deleted version back, by its number."""
        registry.restore(name, _number(name, version))
        return _shown(registry, name, version)

    def purge_model(name: str) -> Response:
        """Removes the bytes of a deleted model and its aliases, for good.

        The name is free again; the numbers of its versions are not given out a second time.
        """
        registry.purge(name)
        return Response(None, 204)

    def purge_version(name: str, version: str) -> Response:
        """Removes the bytes of a deleted version for good, by its number."""
        registry.purge(name, _number(name, version))
        return Response(None, 204)

    add_stored(
        router, "GET", DELETED, list_deleted, 422, 503, access="admin", answer=DeletedThingsAnswer
    )
    for path, delete, restore, purge in (
        (MODEL, delete_model, restore_model, purge_model),
        (VERSION, delete_version, restore_version, purge_version),
    ):
        for method, place, endpoint in (("DELETE", path, delete), ("POST", f"{path}/purge", purge)):
            add_stored(
                router, method, place, endpoint, 404, 409, 503, 507,
                access="admin", status=204,
            )  # fmt: skip
        add_stored(
            router, "POST", f"{path}/restore", restore, 404, 409, 503, 507,
            access="admin", answer=ModelAnswer,
        )  # fmt: skip


def _number(name: str, version: str) -> int:
    """An alias may stand for another by the time the request is sent again."""
    if NUMBER.fullmatch(version) and int(version) < 2**31:
        return int(version)
    raise NotFound(Code.UNKNOWN_VERSION, f"{name} has no such version; name it by its number")


def _shown(registry: Registry, name: str, version: str | None) -> Response:
    content = dump_json(registry.version(name, version).card)
    return Response(content, media_type=JSON)


def _told(thing: "Deleted") -> dict[str, Any]:
    version = {"version": thing.number} if thing.number else {}
    return {"name": thing.name, **version, "at": written(thing.at)}
