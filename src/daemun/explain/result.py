"""What an explanation says. Everything carries a `why`: one sentence for people; the other fields are for programs."""

from typing import Literal

import msgspec

from daemun.base.names import Name, Ref
from daemun.explain.request import Request
from daemun.ir.problem import Problem


class Change(msgspec.Struct, frozen=True):
    """Something that Envoy changes about a request before it looks for a route."""

    what: str
    before: str
    after: str
    why: str


class Alternative(msgspec.Struct, frozen=True):
    """Another Gateway that would take the request, if it is sent to its address."""

    gateway: Name
    addresses: tuple[str, ...]
    port: int
    why: str


class Entry(msgspec.Struct, frozen=True):
    """Where the request comes in: a Gateway, the port that is bound, Envoy's listener and the Gateway's.

    `listener`, `hostname` and `api_port` are of the listener that is responsible for the host, empty when none is; its
    `owner` is the Gateway or a ListenerSet of it. `tls` says what the server name decided, and is empty without TLS.
    """

    gateway: Name
    addresses: tuple[str, ...]
    port: int
    envoy_listener: str
    api_port: int
    why: str
    owner: Ref | None = None
    listener: str = ""
    hostname: str = ""
    tls: str = ""
    alternatives: tuple[Alternative, ...] = ()


class Host(msgspec.Struct, frozen=True):
    """The virtual host that the request belongs to, and the scope that it is part of."""

    virtual_host: str
    route_config: str
    why: str


class Miss(msgspec.Struct, frozen=True):
    """One thing that a match asks for and the request has not. `got` is None for what is not there at all."""

    part: Literal["path", "method", "header", "query parameter"]
    name: str
    expected: str
    got: str | None
    why: str


class Candidate(msgspec.Struct, frozen=True):
    """A match of a rule of a route that Envoy considers for the host, in Envoy's order.

    Before the winner stand those that do not fit, with their `misses`; after it those that would fit too, with the
    criterion that decided against them as `why`. It is reached `through` the routes that delegate to it, the next one
    first.
    """

    route: Ref
    rule: str
    name: str
    match: str
    reads: str
    envoy_route: str
    why: str
    misses: tuple[Miss, ...] = ()
    through: tuple[Ref, ...] = ()


class Near(msgspec.Struct, frozen=True):
    """A route that would match but is not asked: another hostname or listener is responsible, or it is not attached."""

    route: Ref
    where: str
    why: str
    through: tuple[Ref, ...] = ()


class Effect(msgspec.Struct, frozen=True):
    """A feature at work: the field of a route, or of a policy, that asked for it, and what it does to this request."""

    kind: str
    route: Ref
    where: str
    does: str


class Share(msgspec.Struct, frozen=True):
    """What happens to a share of the requests that reach the rule.

    With a `cluster` they are forwarded, as `path` and `host`, to one of the `endpoints` that are ready. With a
    `status` Envoy answers: a redirect has a `location`.
    """

    percent: float
    why: str
    where: str = ""
    weight: int = 1
    status: int = 0
    location: str = ""
    cluster: str = ""
    backend: Ref | None = None
    port: int = 0
    protocol: str = ""
    endpoints: tuple[str, ...] = ()
    path: str = ""
    host: str = ""
    effects: tuple[Effect, ...] = ()


class Outcome(msgspec.Struct, frozen=True):
    """What becomes of the request.

    `refused`: nothing listens there. `closed`: the connection comes to nothing, as when the TLS handshake fails.
    `passed`: the connection is passed on, and no requests are read. `answered` and `redirected`: by the
    gateway itself, with `status` and `location`. `forwarded`: to backends. With several `shares` that end differently
    the outcome is that of the largest.
    """

    kind: Literal["refused", "closed", "passed", "answered", "redirected", "forwarded"]
    why: str
    status: int = 0
    location: str = ""
    shares: tuple[Share, ...] = ()


class Explanation(msgspec.Struct, frozen=True):
    """Everything about one request, in the order in which it happens. What it does not come to is None or empty.

    `omitted` candidates were left out of `before`, so that it stays readable.
    """

    request: Request
    outcome: Outcome
    entry: Entry | None = None
    changes: tuple[Change, ...] = ()
    host: Host | None = None
    before: tuple[Candidate, ...] = ()
    omitted: int = 0
    winner: Candidate | None = None
    after: tuple[Candidate, ...] = ()
    near: tuple[Near, ...] = ()
    effects: tuple[Effect, ...] = ()
    problems: tuple[Problem, ...] = ()
