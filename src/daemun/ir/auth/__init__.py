"""Who may come in, as the external authorization server is told: everything resolved, secrets included.

The front ends read policies, Secrets and ConfigMaps, and end in a `Chain`; the server needs nothing else. A chain
travels as JSON over an authenticated xDS stream and never through Envoy: a route holds no more than its name.
"""

import msgspec

from daemun.base.names import Name
from daemun.ir.auth.checks import Check
from daemun.ir.auth.oauth import AuthorizationCode, Introspection, PlainOAuth, SignedToken

CHAIN = "type.googleapis.com/daemun.auth.v1.Chain"
"""The xDS type of chains. It is Daemun's own: its value is the JSON of a `Chain`, and no proxy asks for it."""
CONTEXT = "daemun.auth"
"""The context extension (ext_authz) in which a route names its chain."""

USER = "daemun.user"
"""Under what the server tells Envoy's other filters whose request it is, in ext_authz's own metadata."""
SERVER = "*/extauth"
"""Who the server is among the clients of the xDS server: no Gateway can be in such a namespace."""
PROXIES = Name("*", "proxies")
"""The key pair by which proxies prove to the server that they are some: no Secret can be in such a namespace."""

AnyCheck = Check | AuthorizationCode | PlainOAuth | Introspection | SignedToken


class Step(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A check, and the name that `expression` knows it by."""

    name: str
    check: AnyCheck


class Chain(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Checks of which all must hold, in their order, or what the `expression` says of their names.

    `expression` has Gloo's words: names, `!`, `&&`, `||` and brackets. A check that answers by itself (a redirect to
    log in) ends the chain, unless `fail_on_redirect` says that this is a failure like any other.
    """

    name: str
    steps: tuple[Step, ...]
    expression: str = ""
    fail_on_redirect: bool = False
    user_header: str = ""
    """The header in which the backend is told who sends the request; empty: it is not told."""


def encoded(chain: Chain) -> bytes:
    """The JSON of a chain, the same for equal chains."""
    return msgspec.json.encode(chain, order="sorted")


def decoded(data: bytes) -> Chain:
    """The chain of `encoded`. Raises msgspec.DecodeError for anything else."""
    return msgspec.json.decode(data, type=Chain)


__all__ = ["CHAIN", "CONTEXT", "PROXIES", "SERVER", "USER", "AnyCheck", "Chain", "Step", "decoded", "encoded"]
