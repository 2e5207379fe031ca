"""Who may pass: the key of a request against the access of its route."""

import ipaddress
import logging
from contextlib import suppress
from functools import lru_cache

from starlette.types import Scope

from service.api.access import Access
from service.api.fields import Fields, fields_of
from service.api.guard import request_id
from service.api.principal import principal_of
from service.api.rates import Rates
from service.errors import Code, Forbidden, Misdirected, Unauthenticated, Unavailable
from service.registry import ACTOR, Actor, Keys
from service.settings import Settings

_log = logging.getLogger("xent")


class Authorizer:
    """Lets a request pass, or says why not; from memory, in microseconds.

    While there are no keys, a server on a loopback address is open to its machine, and any other
    one scores. Once there has been a key, nothing that is not public is served without one.

    Args:
        settings: with the address.
        keys: that there are.
    """

    def __init__(self, settings: Settings, keys: Keys) -> None:
        self._keys = keys
        self._rates = Rates()
        self._local = is_loopback(settings.host)
        self._hosts = {name.lower() for name in settings.allowed_hosts}

    def authorize(self, scope: Scope, access: Access | None) -> None:
        """Lets a request pass.

        Args:
            scope: of the request; its `state` gets the principal, and the rate of the key.
            access: that the route declares.

        Raises:
            Unauthenticated: it has no key that is in force, and needs one.
            Forbidden: the key lacks the scope.
            TooMany: the key is over its rate.
            Misdirected: it came to an open server under a foreign name.
            Unavailable: the keys could not be read yet.
        """
        if access is None:
            raise RuntimeError("a route that declares no access is closed")
        if access == "public":
            return
        state = scope["state"]
        token = _token_of(fields_of(scope))
        if token is None:
            self._check_open(scope, access)
        else:
            key = self._keys.find(token)
            if access not in key.scopes:
                raise Forbidden(access)
            state["principal"] = key.id
            rate = self._rates.of(key)
            if rate is not None and "rate" not in state:  # asked again, it has been let in
                state["rate"] = rate
                rate.enter()
        if access in ("train", "admin"):  # what changes is written down
            ACTOR.set(Actor(principal_of(scope), request_id(scope)))

    def announce(self) -> None:
        """Says in the log who may do what, where that is not a matter of keys."""
        try:
            if self._keys.exist:
                return
        except Unavailable as error:
            _log.warning("nobody is let in", extra={"reason": error.detail})
            return
        if self._local:
            _log.info("there are no keys: everybody on this machine may do everything")
        else:
            text = "XENT_HOST is no loopback address; xent keys create makes a key"
            _log.warning("there are no keys: only scoring is served", extra={"reason": text})

    def _check_open(self, scope: Scope, access: Access) -> None:
        if self._keys.exist:
            text = f"the call needs a key with the scope {access}: Authorization: Bearer <key>"
            raise Unauthenticated(Code.KEY_MISSING, text)
        if self._local:
            self._check_host(scope)
        elif access != "score":
            text = (
                f"the call needs a key with the scope {access}, and there are none yet: "
                "xent keys create makes one; until then a server on this address only scores"
            )
            raise Unauthenticated(Code.KEY_MISSING, text)

    def _check_host(self, scope: Scope) -> None:
        """A web page whose name leads to this machine must not find an open server here."""
        name = _name_in(fields_of(scope).get(b"host", b""))
        if not (is_loopback(name) or name in self._hosts or "*" in self._hosts):
            text = (
                "without keys this server answers under localhost and loopback addresses only; "
                "XENT_ALLOWED_HOSTS adds names, xent keys create makes a key"
            )
            raise Misdirected(Code.HOST_NOT_ALLOWED, text)


@lru_cache(256)  # the names that clients send are few, and reading an address is slow
def is_loopback(host: str) -> bool:
    """Whether a name or address, without a port, is one of this machine alone."""
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost" or host.endswith(".localhost")


def _token_of(fields: Fields) -> str | None:
    sent = fields.get(b"authorization")
    if sent is None:
        return None
    scheme, _, token = sent.decode("latin-1").partition(" ")
    if "," in token or scheme.lower() != "bearer":
        text = "a key is sent once, as Authorization: Bearer <key>"
        raise Unauthenticated(Code.KEY_INVALID, text)
    return token.strip(" ")


@lru_cache(256)
def _name_in(value: bytes) -> str:
    """The name in a Host header, in small letters, without port and brackets."""
    host = value.decode("latin-1")
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower()
