"""The models that can be asked: those that ship, and the versions that were registered."""

from service.registry.memory import ALIAS, DEFAULT, Alias
from service.registry.registry import Page, Registry
from service.registry.store import Store, WouldWait

__all__ = ["ALIAS", "DEFAULT", "Alias", "Page", "Registry", "Store", "WouldWait"]
