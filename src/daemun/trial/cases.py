"""Routing tests: a request, and what is expected to become of it. Judged by `explain`, so that nothing is sent."""

from collections.abc import Iterator
from typing import Any

import msgspec

from daemun.base.names import Name
from daemun.explain import Explanation, Outcome, explain, request_from
from daemun.translate import Translation


class Api(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel", omit_defaults=True):
    """A part of a file with routing tests. A field that is unknown is a typing mistake, and never skipped."""


class Asked(Api, frozen=True):
    """The request. The Host header of `headers` counts as with curl."""

    url: str
    method: str = "GET"
    headers: dict[str, str] = msgspec.field(default_factory=dict)


class Expected(Api, frozen=True):
    """What is expected; what is not said does not matter.

    `backend` is an object, `NAMESPACE/NAME` or `KIND/NAMESPACE/NAME`, and `backends` are several with their shares in
    percent. `outcome` is that of `explain`. `path` and `host` are what the backend gets. `filters` are features that
    must be at work, `does` texts that `explain` must say of them.
    """

    outcome: str | None = None
    backend: str | None = None
    backends: dict[str, float] | None = None
    port: int | None = None
    status: int | None = None
    location: str | None = None
    route: str | None = None
    rule: str | None = None
    path: str | None = None
    host: str | None = None
    filters: list[str] | None = None
    does: list[str] | None = None


class Case(Api, frozen=True):
    """A routing test. `gateway` is the one that the request is sent to, if its URL leaves that open."""

    request: Asked
    expect: Expected
    name: str = ""
    gateway: str = ""

    @property
    def title(self) -> str:
        """What it is called."""
        return self.name or f"{self.request.method} {self.request.url}"


class Suite(Api, frozen=True):
    """A file with routing tests. The paths of its `manifests` start at its own folder.

    With `realPorts` and `address` the Gateways listen as with the options of `daemun up`.
    """

    cases: list[Case]
    manifests: list[str] = msgspec.field(default_factory=list)
    real_ports: bool = False
    address: str = "127.0.0.1"


class Verdict(msgspec.Struct, frozen=True):
    """A case and what of it is not as it is expected to be: nothing if it passed."""

    case: Case
    failures: tuple[str, ...]
    explanation: Explanation


def suite_from(document: Any) -> Suite:
    """A file's content as a suite. Raises ValueError, in a sentence, for what is none."""
    if not isinstance(document, dict) or "cases" not in document:
        raise ValueError("it has no list of cases.")
    try:
        return msgspec.convert(document, Suite)
    except msgspec.ValidationError as error:
        raise ValueError(f"{error}.") from None


def judge(translation: Translation, case: Case) -> Verdict:
    """Whether the request goes where it is expected to. Raises ValueError for a request that nobody would send."""
    asked = case.request
    request = request_from(asked.method, asked.url, list(asked.headers.items()))
    found = explain(translation, request, Name.of(case.gateway) if case.gateway else None)
    return Verdict(case, tuple(_failures(case.expect, found)), found)


def _failures(expected: Expected, found: Explanation) -> Iterator[str]:
    outcome, winner = found.outcome, found.winner
    shares = [share for share in outcome.shares if share.cluster and share.percent]
    first = max(shares, key=lambda one: one.percent, default=None)
    yield from _differs("outcome", expected.outcome, outcome.kind)
    if expected.backend is not None and (first is None or not called(expected.backend, first.backend)):
        yield f"backend is {first.backend if first else 'none'}, not {expected.backend} ({outcome.why})"
    if expected.backends is not None:
        yield from _shares(expected.backends, outcome)
    yield from _differs("port", expected.port, first.port if first else None)
    if expected.status is not None and expected.status != outcome.status:
        got = outcome.status or ("left to the backend" if outcome.kind == "forwarded" else "none")
        yield f"status is {got}, not {expected.status} ({outcome.why})"
    yield from _differs("location", expected.location, outcome.location)
    if expected.route is not None and (winner is None or not called(expected.route, winner.route)):
        yield f"route is {winner.route if winner else 'none'}, not {expected.route} ({outcome.why})"
    if expected.rule is not None and (winner is None or expected.rule not in (winner.name, winner.rule)):
        yield f"rule is {f'{winner.rule} {winner.name}'.strip() if winner else 'none'}, not {expected.rule}"
    yield from _differs("path", expected.path, first.path if first else None)
    yield from _differs("host", expected.host, first.host if first else None)
    effects = (*found.effects, *(effect for share in outcome.shares for effect in share.effects))
    for kind in expected.filters or ():
        if all(effect.kind != kind for effect in effects):
            there = ", ".join(dict.fromkeys(effect.kind for effect in effects)) or "none"
            yield f"filter {kind} is not at work; there are: {there}"
    for text in expected.does or ():
        if all(text not in effect.does for effect in effects):
            yield f"nothing does {text!r}; what is done: {'; '.join(effect.does for effect in effects) or 'nothing'}"


def _differs(name: str, expected: Any, got: Any) -> Iterator[str]:
    if expected is not None and expected != got:
        yield f"{name} is {got if got not in (None, '') else 'none'}, not {expected}"


def _shares(expected: dict[str, float], outcome: Outcome) -> Iterator[str]:
    got: dict[str, float] = {}
    for share in outcome.shares:
        name = str(share.backend) if share.backend else f"answered with {share.status}"
        got[name] = got.get(name, 0) + share.percent
    left = dict(got)
    for text, percent in expected.items():
        known = next((one for one in left if _is(text, one)), "")
        share_of = left.pop(known, 0.0)
        if abs(share_of - percent) > 0.01:
            yield f"{text} gets {share_of:g} %, not {percent:g} %"
    for name, percent in left.items():
        if percent:
            yield f"{name} gets {percent:g} %, and is not expected"


def called(text: str, ref: Any) -> bool:
    """Whether an object is meant by `[KIND/]NAMESPACE/NAME`."""
    return ref is not None and _is(text, str(ref))


def _is(text: str, name: str) -> bool:
    kind, _, key = name.partition(" ")
    return text.lower() in (name.lower(), f"{kind}/{key}".lower(), key.lower())
