"""The models that can be asked: those that ship, and the versions that were registered; keys."""

from service.registry.audit import ACTOR, Actor
from service.registry.key import SCOPES, Key, Scope
from service.registry.keys import Keys
from service.registry.memory import ALIAS, DEFAULT, Alias
from service.registry.registry import Page, Registry
from service.registry.store import Store, WouldWait

__all__ = [
    "ACTOR",
    "ALIAS",
    "DEFAULT",
    "SCOPES",
    "Actor",
    "Alias",
    "Key",
    "Keys",
    "Page",
    "Registry",
    "Scope",
    "Store",
    "WouldWait",
]
