"""Which rule takes a request: matches and their precedence, in Gateway API's own words."""

import re
from typing import Any, NamedTuple

from support.fuzz.hosts import Attached, Hosts, Listener, precision
from support.fuzz.objects import Key
from support.objects.documents import Doc


class Request(NamedTuple):
    """A request, at a port of some Gateway. `written` is how it writes its host, if not like that."""

    port: int
    host: str
    path: str
    method: str = "GET"
    query: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    tls: bool = False
    written: str = ""

    @property
    def target(self) -> str:
        """Path and query."""
        return f"{self.path}?{self.query}" if self.query else self.path


class Taken(NamedTuple):
    """The rule that takes a request: of which route, and by which match."""

    key: Key
    route: Doc
    at: int
    match: Doc

    @property
    def rule(self) -> Doc:
        """The rule."""
        rule: Doc = self.route["spec"]["rules"][self.at]
        return rule


def taken(hosts: Hosts, listener: Listener, request: Request) -> Taken | None:
    """The rule of the listener's routes that takes a request, if any does."""
    best: tuple[Any, Taken] | None = None
    for one in hosts.attached(listener, request.host):
        for at, rule in enumerate(one.route["spec"]["rules"]):
            for index, match in enumerate(rule.get("matches") or [{}]):
                if matches(one.key.kind, match, request):
                    standing = (*_standing(one, match), at, index)
                    if best is None or standing < best[0]:
                        best = standing, Taken(one.key, one.route, at, match)
    return best[1] if best else None


def matches(kind: str, match: Doc, request: Request) -> bool:
    """Whether a request fits a match."""
    if kind == "GRPCRoute":
        method = match.get("method", {})
        service, _, called = request.path.removeprefix("/").partition("/")
        fit = method.get("service", service) == service and method.get("method", called) == called
    else:
        fit = _path_fits(match.get("path", {}), request.path) and match.get("method", request.method) == request.method
    headers, query = dict(request.headers), dict(one.split("=") for one in request.query.split("&") if one)
    return (
        fit
        and all(headers.get(one["name"]) == one["value"] for one in match.get("headers", ()))
        and all(query.get(one["name"]) == one["value"] for one in match.get("queryParams", ()))
    )


def _path_fits(wanted: Doc, path: str) -> bool:
    value: str = wanted.get("value", "/")
    match wanted.get("type", "PathPrefix"):
        case "Exact":
            return path == value
        case "PathPrefix":
            return f"{path}/".startswith(f"{value.rstrip('/')}/")
        case _:
            return re.fullmatch(value, path) is not None


def _standing(one: Attached, match: Doc) -> tuple[Any, ...]:
    """What comes first is smaller. Where a regular expression stands is left to us: docs/features/matching.md."""
    precise, longest = precision(one.own)
    if one.key.kind == "GRPCRoute":
        method = match.get("method", {})
        of_match: tuple[Any, ...] = (-len(method.get("service", "")), -len(method.get("method", "")), 0)
    else:
        path = match.get("path", {"type": "PathPrefix", "value": "/"})
        kind = ("Exact", "RegularExpression", "PathPrefix").index(path["type"])
        of_match = (kind, -len(path["value"]), "method" not in match)
    more = (-len(match.get("headers", ())), -len(match.get("queryParams", ())))
    age = one.route["metadata"].get("creationTimestamp", "")
    return (-precise, -longest, *of_match, *more, age, one.key.namespace, one.key.name)
