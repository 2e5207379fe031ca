"""Who may do what."""

import json
from typing import Any

from service.api.access import Guarded
from service.api.principal import ANONYMOUS, principal_of
from service.app import create_app
from service.settings import Settings


class TestRoutes:
    def test_every_route_declares_its_access(self) -> None:
        routes = create_app(Settings()).routes
        assert len(routes) > 40
        silent = [r for r in routes if not isinstance(r, Guarded) or r.access is None]
        assert silent == []

    def test_the_document_tells_it(self, document: dict[str, Any]) -> None:
        assert document["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
        shown = {
            operation["operationId"]: operation["security"]
            for methods in document["paths"].values()
            for operation in methods.values()
        }
        assert shown["livez"] == []
        assert shown["predict"] == [{"key": ["score"]}]
        assert shown["show_parameters"] == [{"key": ["read"]}]
        assert shown["train_version"] == [{"key": ["train"]}]
        assert all(len(entry) <= 1 for entry in shown.values()), json.dumps(shown)


def test_whoever_sends_no_key_is_anonymous() -> None:
    assert principal_of({"state": {}}) == ANONYMOUS
    assert principal_of({"state": {"principal": "k3y"}}) == "k3y"
