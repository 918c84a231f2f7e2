"""Routes: what a request must look like, what is done to it, and where it goes.

Every kind of route is brought into this shape by its front end; from here on a GRPCRoute is an HTTPRoute, and a
TLSRoute, TCPRoute or UDPRoute is a route of streams.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

import msgspec

from daemun.base.names import Ref
from daemun.ir.backend import BackendKey
from daemun.ir.injected import SecretHeaders

PathType = Literal["Exact", "Prefix", "Regex", "Start", "Connect"]
"""How a path is matched: as a whole, by its first elements, by an RE2 expression, by its first characters.

`Connect` fits the CONNECT requests, which have no path.
"""


class ValueMatch(msgspec.Struct, frozen=True, gc=False):
    """A named value (a header or a query parameter) that must be equal to, or match as a whole, `value`.

    Without a `value` it only must be there (`present`). `invert`: the opposite is asked for.
    """

    name: str
    value: str
    regex: bool = False
    present: bool = False
    invert: bool = False


class Match(msgspec.Struct, frozen=True, gc=False):
    """A request fits when everything named here fits. `any_case`: capital letters make no difference in the path."""

    where: str
    path_type: PathType = "Prefix"
    path: str = "/"
    headers: tuple[ValueMatch, ...] = ()
    query: tuple[ValueMatch, ...] = ()
    method: str = ""
    chars: tuple[int, int] | None = None
    """Of a gRPC call: how much of the service and of the method is given, which decides instead of the path."""
    any_case: bool = False

    @property
    def has_regex(self) -> bool:
        """Whether Envoy has to compile something for it."""
        return self.path_type == "Regex" or any(one.regex for one in (*self.headers, *self.query))

    @property
    def beginning(self) -> str:
        """What the paths of all requests that fit begin with, as far as that is said in so many characters."""
        said = self.path_type in ("Exact", "Prefix", "Start") and self.path.startswith("/") and not self.any_case
        return self.path if said else "/"


class Use(msgspec.Struct, frozen=True, gc=False):
    """A feature in use: a filter, a field of a rule such as its timeouts, or a field of a policy.

    `kind` names the feature and `spec` is what the user wrote, at `where` in the object: the route's own, or the policy
    or the delegating route `by` which it was asked for. `backends` are the backends that the spec refers to, resolved;
    None for one that cannot be used. `headers` are those of Secrets that the spec refers to. `prefix` is what such a
    route matches, where that is what is to be replaced.
    """

    kind: str
    spec: Any
    where: str
    backends: tuple[BackendKey | None, ...] = ()
    by: Ref | None = None
    prefix: Match | None = None
    headers: tuple[SecretHeaders, ...] = ()


class Backend(msgspec.Struct, frozen=True, gc=False):
    """A share of a rule's requests. Without a `key` that share is answered with 500.

    With a `subset` only those endpoints will do that have all of its values.
    """

    where: str
    key: BackendKey | None
    weight: int = 1
    uses: tuple[Use, ...] = ()
    subset: tuple[tuple[str, str], ...] = ()


class Rule(msgspec.Struct, frozen=True, gc=False):
    """What happens to the requests that fit one of the matches. A `broken` rule answers them with `error`.

    `by` is the object that it is written in, where that is not the route: one that the route delegates to.

    The one rule of a route of streams has no matches: it takes all that comes in where the route is attached.
    """

    where: str
    name: str = ""
    matches: tuple[Match, ...] = ()
    uses: tuple[Use, ...] = ()
    backends: tuple[Backend, ...] = ()
    broken: str = ""
    error: int = 500
    """The status where there is no backend to send to; Envoy makes UNAVAILABLE of 503 when it answers a gRPC call."""
    body: str = ""
    """What an answer with this status says."""
    by: Ref | None = None
    order: tuple[str | int, ...] = ()
    """Where it stands, next to the age of its route, among rules of the same precedence; only where routes delegate."""

    def every_use(self) -> tuple[Use, ...]:
        """What is done to all of its requests, and what to those of single backends."""
        return (*self.uses, *[use for backend in self.backends for use in backend.uses])


class Way(NamedTuple):
    """A route as requests reach it through others that delegate to it: `through` its parent first, the root last.

    Of a route that is resolved in pieces, each by itself, `limb` is the piece.
    """

    group: str
    kind: str
    namespace: str
    name: str
    through: tuple[Ref, ...]
    limb: str = ""


RouteKey = Ref | Way
"""A route by itself, by one of the ways to it, or a piece of it. All sort together."""


class Route(msgspec.Struct, frozen=True, gc=False):
    """A route of any kind. `age` sorts the oldest first; of two equal matches the older route wins.

    One of `streams` takes connections or datagrams, unread; all others take requests. The matches of one that is
    `ordered` are tried as they are written, and not by their precedence.
    """

    ref: Ref
    age: tuple[str, str, str]
    hostnames: tuple[str, ...]
    rules: tuple[Rule, ...]
    streams: bool = False
    ordered: bool = False

    def every_use(self) -> list[Use]:
        """What its rules do."""
        return [use for rule in self.rules for use in rule.every_use()]

    def author(self, rule: Rule) -> Ref:
        """The object that a rule of this route is written in."""
        return rule.by or self.ref


Precedence = tuple[int, int, int, int, int]
_PATH_RANKS: Mapping[PathType, int] = MappingProxyType({"Exact": 0, "Regex": 1, "Prefix": 2, "Start": 2, "Connect": 2})


def precedence(match: Match) -> Precedence:
    """Sorts the match that wins first (Gateway API, HTTPRouteRule.matches; where a regex stands is left to us).

    Exact path, then regex, then the longest prefix; then a method; then more headers; then more query parameters.
    For gRPC calls the service, then the method (GRPCRoute.spec.rules); both kinds never share a virtual host.
    """
    if match.chars is not None:
        service, method = match.chars
        return (-service, -method, 0, -len(match.headers), 0)
    kind = _PATH_RANKS[match.path_type]
    return (kind, -len(match.path), 0 if match.method else 1, -len(match.headers), -len(match.query))
