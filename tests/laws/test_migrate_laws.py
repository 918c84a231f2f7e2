"""What Gloo's classic objects do with a request, that do the objects too that they are migrated to."""

import re
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from daemun.base.durations import nanoseconds
from daemun.explain import Explanation, Request, Share, explain, request_from
from daemun.translate import Translation
from support.objects.cases import translation
from support.worlds.migrated import PREFIXES, delegating, differs, migrated, requests, typed, worlds

asked = st.lists(requests, min_size=4, max_size=12)
several = settings(suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])


def compare(documents: list[Any], asked: list[Request], **wishes: bool) -> None:
    """Migrate a world of which nothing is lost, and ask both."""
    world = typed(documents)
    other, told = migrated(world, **wishes)
    errors = [one for one in told if not one.warning]
    delegates = any(ref.kind == "HTTPRoute" and not value.spec.parent_refs for ref, value in other.items())
    event("lost something" if errors else "delegates" if delegates else "migrated whole")
    assume(not errors)
    before, after = translation(world), translation(other)
    for request in asked:
        if wishes.get("characters") or not differs(request, PREFIXES):
            assert outcome(after, request) == outcome(before, request), (request.target, told)


def outcome(made: Translation, request: Request) -> Any:
    """What becomes of a request, without the words for it."""
    found: Explanation = explain(made, request)
    if found.outcome.kind == "answered":
        return found.outcome.kind, found.outcome.status
    shares = sorted((_share(one) for one in found.outcome.shares), key=str)
    return found.outcome.kind, found.outcome.status, found.outcome.location, shares, _effects(found)


def _effects(found: Explanation) -> list[Any]:
    """The timeouts and the changed headers, whichever field asked for them."""
    told: list[Any] = []
    for one in found.effects:
        waits = re.match(r"waits at most (\S+) for the whole request", one.does)
        if waits:
            told.append(nanoseconds(waits[1]))
        elif "eader" in one.kind:
            told.extend(one.does.split(", "))
    return sorted(told, key=str)


def _share(one: Share) -> Any:
    return round(one.percent), one.status, one.location, str(one.backend), one.port, one.path, one.host


@pytest.mark.parametrize("wishes", [{}, {"characters": True}], ids=str)
@given(documents=worlds, asked=asked)
@several
def test_requests_go_the_same_way(wishes: dict[str, bool], documents: list[Any], asked: list[Request]) -> None:
    compare(documents, asked, **wishes)


@given(wide=st.sampled_from(["*.a.test", "*"]))
def test_a_host_below_the_wildcard_of_a_listener_has_a_listener_too(wide: str) -> None:
    """The wildcard gets a listener for its options; and a request is for the most specific listener's routes alone."""

    def service(name: str, domain: str, **host: Any) -> Any:
        to = {"routeAction": {"single": {"kube": {"ref": {"name": name}, "port": 80}}}}
        spec = {"virtualHost": {"domains": [domain], "routes": [to], **host}}
        return {"apiVersion": "gateway.solo.io/v1", "kind": "VirtualService", "metadata": {"name": name}, "spec": spec}

    backends = [
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": {"ports": [{"port": 80}]}}
        for name in ("wide", "narrow", "other")
    ]
    documents = [
        service("wide", wide, options={"includeRequestAttemptCount": True}),
        service("narrow", "b.a.test"),
        service("other", "c.test"),
        *backends,
    ]
    hosts = ("a.test", "b.a.test", "x.a.test", "x.b.a.test", "c.test")
    compare(documents, [request_from("GET", "http://127.0.0.1:8080/", [("Host", host)]) for host in hosts])


@pytest.mark.parametrize("flatten", [False, True])
@given(documents=delegating, asked=asked)
@several
def test_whether_tables_stay_objects_or_not(flatten: bool, documents: list[Any], asked: list[Request]) -> None:
    compare(documents, asked, flatten=flatten)
