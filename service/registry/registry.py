"""Where versions of models are kept and found; in memory, so they end with the process."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from service.classifier import Model, to_bytes
from service.errors import Code, Conflict, NotFound, StoreFull

DEFAULT = "default"
"""The alias that is meant where no version is named: the newest."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some models in order.

    Attributes:
        models: the models.
        next: what to give as `after` for the following ones; None where there are none.
    """

    models: tuple[Model, ...]
    next: str | None


class Registry:
    """Models by name and version; may be used by several threads.

    A version never changes. Versions are counted from 1 for every name; the models that ship are
    version 1 of theirs, and nobody may add to them.

    Args:
        shipped: the models that ship, by name.
        capacity: bytes of all registered models, each as long as its file.
    """

    def __init__(self, shipped: Mapping[str, Model], capacity: int) -> None:
        self._shipped = frozenset(shipped)
        self._versions = {name: [model] for name, model in shipped.items()}
        self._capacity = capacity
        self._bytes = 0
        self._lock = threading.Lock()

    def find(self, name: str, version: int | str | None = None) -> Model:
        """One version of a model.

        Args:
            name: of the model.
            version: its number or an alias; None is the alias `default`.

        Raises:
            NotFound: no such model, or no such version of it.
        """
        versions = self._of(name)
        if version is None or version == DEFAULT:
            return versions[-1]
        if isinstance(version, int) and 1 <= version <= len(versions):
            return versions[version - 1]
        text = f"{name} has no such version; it has 1 to {len(versions)} and the alias {DEFAULT}"
        raise NotFound(Code.UNKNOWN_VERSION, text)

    def models(self, after: str | None, limit: int) -> Page:
        """The default version of every model, by name.

        Args:
            after: the name that the page begins behind; None begins with the first.
            limit: of the models on it.
        """
        with self._lock:
            newest = [versions[-1] for _, versions in sorted(self._versions.items())]
        rest = [model for model in newest if after is None or model.name > after]
        return _page(rest, limit, [model.name for model in rest])

    def versions(self, name: str, after: int | None, limit: int) -> Page:
        """The versions of a model, from the first on.

        Args:
            name: of the model.
            after: the version that the page begins behind; None begins with the first.
            limit: of the versions on it.

        Raises:
            NotFound: no such model.
        """
        rest = self._of(name)[after or 0 :]
        return _page(rest, limit, [str(model.version) for model in rest])

    def check(self, name: str) -> None:
        """Refuses a name that nothing can be registered under.

        Raises:
            Conflict: a model that ships has it.
        """
        if name in self._shipped:
            text = f"{name} is a model that ships, which stays as it is; take another name"
            raise Conflict(Code.SHIPPED_MODEL, text)

    def register(self, model: Model) -> Model:
        """Keep a model as the next version of its name.

        Args:
            model: whose version is not looked at.

        Returns:
            The model with its version.

        Raises:
            Conflict: a model that ships has its name.
            StoreFull: the models would be larger than the capacity.
        """
        self.check(model.name)
        size = len(to_bytes(model))
        with self._lock:
            if self._bytes + size > self._capacity:
                text = (
                    f"the registered models hold {self._bytes} bytes and this one {size}; "
                    f"the limit XENT_MAX_REGISTRY_BYTES is {self._capacity}"
                )
                raise StoreFull(Code.STORE_FULL, text)
            earlier = self._versions.get(model.name, [])
            numbered = replace(model, version=len(earlier) + 1)
            # a new list: readers hold the one before without a lock
            self._versions[model.name] = [*earlier, numbered]
            self._bytes += size
        return numbered

    def _of(self, name: str) -> Sequence[Model]:
        with self._lock:
            versions = self._versions.get(name)
        if versions is None:
            text = "there is no model of that name; GET /v1/models lists those that there are"
            raise NotFound(Code.UNKNOWN_MODEL, text)
        return versions


def _page(models: Sequence[Model], limit: int, names: Sequence[str]) -> Page:
    """The first models, and the name of the last of them where others follow."""
    return Page(tuple(models[:limit]), names[limit - 1] if len(models) > limit else None)
