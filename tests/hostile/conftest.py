"""The servers and the contract of tests/api, here under fire."""

from tests.api.conftest import caller, contract, document, secret, serve, server

__all__ = ["caller", "contract", "document", "secret", "serve", "server"]
