"""Keys, and the log of what was changed with them."""

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from service.api.routes.models import Limit
from service.api.schemas.keys import AuditAnswer, KeyAnswer, KeyRequest, KeysAnswer, NewKeyAnswer
from service.api.stored import add_stored
from service.registry import Key, Keys, Store
from service.registry.audit import entries
from service.registry.clock import written
from service.wire import dump_json

AfterKey = Annotated[str | None, Query(description="The id that the page begins behind")]
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

    def create_key(body: KeyRequest) -> Response:
        """Makes a key; the answer is the only one that ever tells its text.

        With the first key the server stops answering those who have none. The call takes no
        Idempotency-Key: its answer is kept nowhere. Whoever has lost it revokes the key.
        """
        expires = None if body.expires is None else int(body.expires.timestamp())
        given = body.arguments() | {"expires": expires}
        key, token = keys.create(**given)
        headers = {"Location": f"/v1/keys/{key.id}", "Cache-Control": "no-store"}
        return _json(described(key) | {"key": token}, 201, headers)

    def list_keys(after: AfterKey = None, limit: Limit = 100) -> Response:
        """The keys, the oldest first, also those that are expired or revoked; never their texts."""
        page = keys.page(after, limit)
        listed: dict[str, Any] = {"keys": [described(key) for key in page.keys]}
        if page.next is not None:
            listed["next"] = f"/v1/keys?limit={limit}&after={page.next}"
        return _json(listed)

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
        ("POST", "/v1/keys", create_key, NewKeyAnswer, 201, 507),
        ("GET", "/v1/keys", list_keys, KeysAnswer, 200, 422, 503),
        ("DELETE", "/v1/keys/{id}", revoke_key, KeyAnswer, 200, 404, 503, 507),
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


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def _json(
    shown: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    return Response(dump_json(shown), status, headers, "application/json")
