"""The models that can be asked: those that ship, and the versions that were registered."""

from service.registry.memory import DEFAULT, Alias
from service.registry.registry import Page, Registry, WouldWait

__all__ = ["DEFAULT", "Alias", "Page", "Registry", "WouldWait"]
