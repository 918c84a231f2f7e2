"""Requests that stand for all: for each match of each rule some that fit it, on each host, and some that fit none.

Regular expressions are answered with a simple text that fits, where one is found.
"""

import re
from collections.abc import Iterator

import msgspec

from daemun.base.names import Name
from daemun.explain import Request, request_from
from daemun.explain.matching import full_match
from daemun.gatewayapi.resolved import ResolvedRoute
from daemun.ir.listener import Frontend, HostKey
from daemun.ir.route import Match, ValueMatch
from daemun.translate import Translation

_ANY = "any"
_NOBODY = "nobody.invalid"
_DEFAULT = {"http": 80, "https": 443}
# What commonly stands in an expression, with a text that fits it; tried in this order, the whole is checked afterwards.
_PIECES = (
    (re.compile(r"\(\?[imsP:][^)]*?[:)]?"), ""),
    (re.compile(r"\[\^[^\]]*\]\{\d+(?:,\d*)?\}"), "anyany"),
    (re.compile(r"\[\^[^\]]*\][+*]?"), _ANY),
    (re.compile(r"\\d\{\d+(?:,\d*)?\}|\[0-9\]\{\d+(?:,\d*)?\}"), "1234"),
    (re.compile(r"(?:\\d|\[0-9\])[+*]?"), "1"),
    (re.compile(r"(?:\\w|\[[^\]]*\])(?:[+*]|\{\d+(?:,\d*)?\})?"), "a"),
    (re.compile(r"\.[+*]\??"), _ANY),
)


class Sample(msgspec.Struct, frozen=True):
    """A request and the Gateway that it is sent to. `of` says what it stands for; with a log, `count` how often."""

    request: Request
    gateway: Name | None
    of: str = ""
    count: int = 1


def samples(translation: Translation) -> list[Sample]:
    """Those of all routes and hosts, each once."""
    found: dict[tuple[Request, Name | None], Sample] = {}
    for one in _every(translation):
        found.setdefault((one.request, one.gateway), one)
    return list(found.values())


def _every(translation: Translation) -> Iterator[Sample]:
    for _, route in sorted(translation.routes.items()):
        if route.route.streams:
            continue
        for attachment in route.attachments:
            frontend = translation.frontends.get(attachment.frontend)
            if frontend is not None:
                for host in attachment.hosts:
                    yield from _of_route(route, frontend, HostKey(attachment.frontend, host))
    for key, frontend in sorted(translation.frontends.items()):
        if frontend.http:
            for host in dict.fromkeys(one.hostname for one in frontend.http):
                yield from _sample(frontend, HostKey(key, host), "GET", f"/{_NOBODY}", (), "what no route takes")


def _of_route(route: ResolvedRoute, frontend: Frontend, key: HostKey) -> Iterator[Sample]:
    for rule in route.route.rules:
        for match in rule.matches:
            headers = tuple(_values(match.headers))
            query = "&".join(f"{name}={value}" for name, value in _values(match.query))
            of = f"{route.route.author(rule)} {match.where}"
            for path in _paths(match):
                target = f"{path}?{query}" if query else path
                yield from _sample(frontend, key, match.method or "GET", target, headers, of)


def _sample(
    frontend: Frontend, key: HostKey, method: str, target: str, headers: tuple[tuple[str, str], ...], of: str
) -> Iterator[Sample]:
    scheme = "https" if frontend.tls else "http"
    host = f"{_ANY}{key.hostname[1:]}" if key.hostname.startswith("*") else key.hostname or _NOBODY
    port = frontend.listeners[0].port
    at = host if _DEFAULT[scheme] == port else f"{host}:{port}"
    try:
        request = request_from(method, f"{scheme}://{at}{target}", [one for one in headers if one[0][:1] != ":"])
    except ValueError:  # a path that no client could send
        return
    yield Sample(request, Name.of(key.frontend.proxy), of)


def _paths(match: Match) -> Iterator[str]:
    if match.path_type == "Exact":
        yield match.path
    elif match.path_type in ("Prefix", "Start"):
        yield match.path
        yield f"{match.path.rstrip('/')}/{_ANY}"
    elif match.path_type == "Regex" and (fitting := text_for(match.path)).startswith("/"):
        yield fitting


def _values(wanted: tuple[ValueMatch, ...]) -> Iterator[tuple[str, str]]:
    for one in wanted:
        if not one.invert:
            yield one.name, _ANY if one.present else (text_for(one.value) or _ANY) if one.regex else one.value


def text_for(pattern: str) -> str:
    """A text that fits an RE2 expression as a whole; empty if none was found."""
    text = pattern.removeprefix("^").removesuffix("$")
    for piece, instead in _PIECES:
        text = piece.sub(instead, text)
    for _ in range(20):  # groups within groups
        inner = re.sub(r"\(([^()|]*)(?:\|[^()]*)?\)[?*+]?", r"\1", text)
        if inner == text:
            break
        text = inner
    text = re.sub(r"(?<!\\)[?*+]", "", text.partition("|")[0])
    text = re.sub(r"\\(.)", r"\1", text)
    return text if full_match(pattern, text) else ""
