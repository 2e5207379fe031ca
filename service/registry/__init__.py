"""What lasts: the models that can be asked, those that ship and others; evaluations; keys."""

from service.registry.audit import ACTOR, Actor
from service.registry.evaluation import Batch, Evaluation, Facts, Finished, Pushed
from service.registry.evaluations import Evaluations
from service.registry.key import SCOPES, Key, Scope
from service.registry.keys import Keys
from service.registry.lists import Page
from service.registry.memory import ALIAS, DEFAULT, Alias
from service.registry.registry import Registry
from service.registry.store import Store, WouldWait

__all__ = [
    "ACTOR",
    "ALIAS",
    "DEFAULT",
    "SCOPES",
    "Actor",
    "Alias",
    "Batch",
    "Evaluation",
    "Evaluations",
    "Facts",
    "Finished",
    "Key",
    "Keys",
    "Page",
    "Pushed",
    "Registry",
    "Scope",
    "Store",
    "WouldWait",
]
