"""Keys, and the log of what was changed with them."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import orjson
from fastapi import APIRouter, Query, Response

from service.api.cursor import position_of
from service.api.once import CreatesOnce
from service.api.routes.models import After, Limit, next_of
from service.api.schemas.keys import AuditAnswer, KeyAnswer, KeyRequest, KeysAnswer, NewKeyAnswer
from service.api.stored import add_stored
from service.errors import Code, Conflict
from service.registry import Key, Keys, Store
from service.registry.audit import entries
from service.registry.clock import written
from service.registry.key import new_key
from service.wire import dump_json

if TYPE_CHECKING:
    from sqlalchemy import Connection

PATH = "/v1/keys"
BeforeChange = Annotated[
    int | None, Query(ge=1, le=2**63 - 1, description="Only changes of a lower number")
]


def add_keys(router: APIRouter, keys: Keys, store: Store) -> None:
    """Adds the calls.

    Args:
        router: takes the routes.
        keys: that there are.
        store: has the log.
    """

    def create_key(body: KeyRequest, once: CreatesOnce) -> Response:
        """Makes a key; the answer is the only one that ever tells its text.

        With the first key the server stops answering those who have none. Sent again with its
        Idempotency-Key, the request makes no second key and is refused with 409: the text is kept
        nowhere. The refusal names the key, to be revoked if the first answer was lost.
        """
        end = body.expires  # whole seconds first: the fraction of one may round it up
        expires = None if end is None else int(end.replace(microsecond=0).timestamp())
        given = body.arguments() | {"expires": expires}
        made: list[tuple[Key, str]] = []

        def effect(connection: "Connection") -> Response:
            made.append(new_key(**given))
            keys.add(connection, made[0][0])
            return _json({"id": made[0][0].id})  # what is kept: nothing of the text

        kept = once.perform(effect)
        if not made:
            raise _made_before(orjson.loads(kept.body)["id"])
        keys.look_again()
        key, token = made[0]
        headers = {"Location": f"{PATH}/{key.id}", "Cache-Control": "no-store"}
        return _json(described(key) | {"key": token}, 201, headers)

    def list_keys(after: After = None, limit: Limit = 100) -> Response:
        """The keys, the oldest first, also those that are expired or revoked; never their texts."""
        page = keys.page(None if after is None else position_of(PATH, after), limit)
        listed = {"keys": [described(key) for key in page.keys]}
        return _json(listed | next_of(PATH, limit, page.next))

    def revoke_key(id: str) -> Response:
        """Refuses a key for good; every server process does so within two seconds."""
        return _json(described(keys.revoke(id)))

    def list_changes(before: BeforeChange = None, limit: Limit = 100) -> Response:
        """Who changed which key or model, and when; the newest first.

        A change and its line are stored together or not at all.
        """
        found = entries(store, before, limit + 1)
        shown = [
            {
                "change": entry.change,
                "at": written(entry.at),
                "principal": entry.principal,
                **({} if entry.request is None else {"request_id": entry.request}),
                "action": entry.action,
                "subject": entry.subject,
                "detail": entry.detail,
            }
            for entry in found[:limit]
        ]
        listed: dict[str, Any] = {"changes": shown}
        if len(found) > limit:
            listed["next"] = f"/v1/audit?limit={limit}&before={shown[-1]['change']}"
        return _json(listed)

    for method, path, endpoint, answer, status, *errors in (
        ("POST", PATH, create_key, NewKeyAnswer, 201, 409, 507),
        ("GET", PATH, list_keys, KeysAnswer, 200, 422, 503),
        ("DELETE", PATH + "/{id}", revoke_key, KeyAnswer, 200, 404, 503, 507),
        ("GET", "/v1/audit", list_changes, AuditAnswer, 200, 422, 503),
    ):
        add_stored(
            router, method, path, endpoint, *errors,
            access="admin", answer=answer, tag="keys", status=status,
        )  # fmt: skip


def described(key: Key) -> dict[str, Any]:
    """What a key is, as it is answered: everything but what it is made of."""
    times = {
        name: _time(at)
        for name in ("created", "expires", "revoked", "used")
        if (at := getattr(key, name)) is not None
    }
    rates = {
        name: limit
        for name in ("requests_per_minute", "rows_per_minute")
        if (limit := getattr(key, name)) is not None
    }
    return {"id": key.id, "name": key.name, "scopes": list(key.scopes), **times, **rates}


def _made_before(id: str) -> Conflict:
    text = (
        f"the first request with this Idempotency-Key made the key {id}, whose text was told then "
        "and is kept nowhere; if it was lost, revoke that key and make another"
    )
    return Conflict(Code.KEY_MADE_BEFORE, text)


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def _json(
    shown: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    return Response(dump_json(shown), status, headers, "application/json")
