"""Who is asked about a request, as routes, hosts and listeners say it: the values behind ext_authz and its kin."""

from typing import NamedTuple

import msgspec

from daemun.ir.backend import BackendKey


class Chained(msgspec.Struct, frozen=True, gc=False):
    """Daemun's own server, which goes through the chain of this name."""

    chain: str


class Elsewhere(msgspec.Struct, frozen=True, gc=False):
    """A server of somebody else's by its name in Settings, empty for the one without; it is told the `context`."""

    server: str
    context: dict[str, str]


class Users(msgspec.Struct, frozen=True, gc=False):
    """Envoy itself compares passwords. `users` are lines as htpasswd writes them, with SHA-1."""

    users: str

    def __repr__(self) -> str:
        return "<Users>"


class Key(NamedTuple):
    """An API key, and whose it is."""

    user: str
    value: str

    def __repr__(self) -> str:
        return "<Key>"


class Keys(msgspec.Struct, frozen=True, gc=False):
    """Envoy itself compares API keys, in this header, or this parameter of the query; either may be empty."""

    header: str
    keys: tuple[Key, ...]
    query: str = ""


class Asked(msgspec.Struct, frozen=True, gc=False):
    """Who is asked on a host or route; None: nobody. `config` names the chain that it comes from, be it that Envoy goes
    through it itself.
    """

    by: Chained | Elsewhere | Users | Keys | None
    config: str = ""


class Nobody(msgspec.Struct, frozen=True, gc=False):
    """No server is asked on a route, whatever its host says."""


class Body(msgspec.Struct, frozen=True, gc=False):
    """How much of a request's body a server sees, in bytes. More is a 413, or is cut off if `partial`."""

    size: int
    partial: bool = False
    raw: bool = False


class OverHttp(msgspec.Struct, frozen=True, gc=False):
    """How a server is asked over HTTP: which headers it sees, and which of its own go where."""

    prefix: str = ""
    shown: tuple[str, ...] = ()
    shown_regexes: tuple[str, ...] = ()
    added: dict[str, str] = {}
    to_backend: tuple[str, ...] = ()
    to_backend_appended: tuple[str, ...] = ()
    to_client: tuple[str, ...] = ()


class Server(msgspec.Struct, frozen=True, gc=False):
    """A server, and what happens when it does not answer. Without a `backend` nothing passes that is to ask it.

    `timeout` is in milliseconds; `error` is the status when it does not answer in time, 0 for Envoy's 403.
    """

    backend: BackendKey | None
    timeout: int = 200
    http: OverHttp | None = None
    authority: str = ""
    user_header: str = ""
    lenient: bool = False
    body: Body | None = None
    clear_route_cache: bool = False
    error: int = 0
    stats: str = ""


class Servers(msgspec.Struct, frozen=True, gc=False):
    """The servers that a listener's hosts and routes may ask: `own` is Daemun's, the others have names."""

    own: Server
    named: dict[str, Server] = {}
