"""The models that can be asked: those that ship, and the versions that were registered."""

from service.registry.registry import DEFAULT, Page, Registry

__all__ = ["DEFAULT", "Page", "Registry"]
