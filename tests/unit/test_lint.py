"""Messages have numbers and a page; and what is likely not meant is found, and nothing else is."""

import ast
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from daemun.lint.codes import BY_WORD, MESSAGES, OTHER, number, page
from daemun.lint.grants import grants
from daemun.lint.lints import lints
from support.objects.auth import auth_config, users
from support.objects.cases import objects, translation
from support.objects.certificates import Authority
from support.objects.documents import (
    backend,
    exact,
    gateway,
    listener,
    prefix,
    regex,
    route,
    rule,
    secret,
    service,
    use,
    values,
)

ROOT = Path(__file__).parents[2]
_GOLDEN = ROOT / "tests" / "golden"
_NOW = 1_800_000_000.0


def found(*documents: Any, now: float = _NOW) -> list[tuple[str, str, str]]:
    """The words of the lints of these manifests, with object and field."""
    made = translation(objects(yaml.safe_dump_all(documents)))
    assert all(one.warning for one in lints(made, now))
    return [(one.code, str(one.ref), one.where) for one in lints(made, now)]


def test_numbers_are_given_once() -> None:
    assert len({one.number for one in MESSAGES}) == len(MESSAGES) == len(BY_WORD)
    assert [one.number for one in MESSAGES] == sorted(one.number for one in MESSAGES)
    assert number("NobodyKnowsThis") == OTHER


def test_the_page_is_made_of_the_table() -> None:
    file = ROOT / "docs" / "messages.md"
    if os.environ.get("DAEMUN_GOLDEN") == "write":
        file.write_text(page())
    assert file.read_text() == page()


def words_in_the_code() -> Iterator[str]:
    """The words that problems are made with, as far as they stand where these are made."""
    for file in sorted((ROOT / "src" / "daemun").rglob("*.py")):
        if "migrate" in file.parts:
            continue  # what is lost in a migration is no problem of what is served
        calls = (node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call))
        for call in calls:
            if isinstance(call.func, ast.Name) and call.func.id in ("Finding", "Problem"):
                for one in call.args[:2]:
                    if isinstance(one, ast.Constant) and one.value and re.fullmatch(r"[A-Z][A-Za-z]+", str(one.value)):
                        yield str(one.value)


def test_every_word_has_a_number() -> None:
    words = set(words_in_the_code())
    assert len(words) > 30
    assert {word for word in words if number(word) == OTHER} == set()


@pytest.mark.parametrize("part", range(2))
def test_every_problem_of_the_goldens_has_a_number(part: int) -> None:
    cases = sorted(case.parent for case in _GOLDEN.rglob("in.yaml"))[part::2]
    for case in cases:
        made = translation({**objects(_GOLDEN / "base.yaml"), **objects(case / "in.yaml")})
        every = [problem for of in made.problems.values() for problem in of] + lints(made, _NOW)
        assert {one.code for one in every if number(one.code) == OTHER} == set(), case
        grants(made, every)


def test_a_world_in_which_all_is_well_has_none() -> None:
    assert found(gateway("gw", listener(80)), *service("a", 9000), route("r", rule(to="a"))) == []


@pytest.mark.parametrize(
    ("first", "later", "gone"),
    [
        ([prefix("/a")], [prefix("/a")], True),
        ([prefix("/a")], [prefix("/a", method="GET")], False),
        ([prefix("/a", method="GET")], [prefix("/a")], False),
        ([prefix("/a", headers=values(x="1"))], [prefix("/a", headers=values(x="1"))], True),
        ([prefix("/a", headers=values(x="1"))], [prefix("/a", headers=values(x="2"))], False),
        ([regex("/.*")], [prefix("/a")], True),
        ([regex("/b.*")], [prefix("/b")], False),
        ([prefix("/")], [exact("/a")], False),
        ([prefix("/a"), prefix("/b")], [prefix("/b"), prefix("/c")], True),
    ],
)
def test_a_match_that_another_takes_all_from(first: list[Any], later: list[Any], gone: bool) -> None:
    told = found(
        gateway("gw", listener(80)),
        *service("a", 9000),
        route("first", rule(*first, to="a"), created="2026-01-01T00:00:00Z"),
        route("later", rule(*later, to="a"), created="2026-02-01T00:00:00Z"),
    )
    assert told == ([("Shadowed", "HTTPRoute default/later", "spec.rules[0].matches[0]")] if gone else [])


def test_the_more_specific_hostname_takes_all_from_an_older_route() -> None:
    told = found(
        gateway("gw", listener(80, hostname="x.w.example")),
        *service("a", 9000),
        route("wild", rule(exact("/a"), to="a"), hosts=["*.example"], created="2026-01-01T00:00:00Z"),
        route("narrow", rule(prefix("/"), to="a"), hosts=["*.w.example"], created="2026-02-01T00:00:00Z"),
    )
    assert told == [("Shadowed", "HTTPRoute default/wild", "spec.rules[0].matches[0]")]


def test_a_match_that_is_reached_on_one_host_is_alive() -> None:
    told = found(
        gateway("gw", listener(80)),
        *service("a", 9000),
        route("first", rule(to="a"), hosts=["a.test"], created="2026-01-01T00:00:00Z"),
        route("later", rule(to="a"), hosts=["a.test", "b.test"], created="2026-02-01T00:00:00Z"),
    )
    assert told == []


def test_listeners_without_routes_and_backends_without_endpoints() -> None:
    told = found(
        gateway("gw", listener(80), listener(81, "idle")),
        *service("a"),
        route("r", rule(to="a"), parents=[{"name": "gw", "sectionName": "http"}]),
    )
    assert told == [
        ("NoRoutes", "Gateway default/gw", "spec.listeners[1]"),
        ("NoEndpoints", "HTTPRoute default/r", "spec.rules[0].backendRefs[0]"),
    ]


def test_a_certificate_that_ends_soon() -> None:
    from cryptography import x509

    chain, key = Authority().issue("a.example")
    end = x509.load_pem_x509_certificate(chain).not_valid_after_utc.timestamp()
    world = (
        secret("s", chain, key),
        gateway("gw", listener(443, certs=["s"])),
        route("r", rule(filters=[use("RequestRedirect", hostname="b.test")])),
    )
    assert found(*world, now=end - 31 * 86_400) == []
    assert found(*world, now=end - 29 * 86_400) == [("CertificateExpires", "Secret default/s", "tls.crt")]


def test_the_grant_to_write() -> None:
    world = [
        gateway("gw", listener(80)),
        *service("far/a", 9000),
        *service("far/b", 9000),
        route("r", rule(to=[backend("far/a"), backend("far/b")])),
    ]
    made = translation(objects(yaml.safe_dump_all(world)))
    (grant,) = grants(made, [problem for of in made.problems.values() for problem in of])
    assert [one["name"] for one in grant["spec"]["to"]] == ["a", "b"]
    assert not translation(objects(yaml.safe_dump_all([*world, grant]))).problems


_FAR = {"name": "x", "namespace": "far"}
_THERE: dict[str, dict[str, Any]] = {
    "AuthConfig": {"apiVersion": "enterprise.gloo.solo.io/v1", "spec": {"configs": [users("ann")]}},
    "Secret": {
        "apiVersion": "v1",
        "type": "extauth.solo.io/accountcredentials",
        "stringData": {"username": "ann", "password": "secret"},
    },
    "ConfigMap": {"apiVersion": "v1", "data": {"x.rego": "package x"}},
}
_WAYS: dict[str, dict[str, Any]] = {
    "AuthConfig": users("ann"),
    "Secret": {"hmacAuth": {"secretRefs": {"secretRefs": [_FAR]}, "parametersInHeaders": {}}},
    "ConfigMap": {"opaAuth": {"modules": [_FAR], "query": "data.x.allow"}},
}


@pytest.mark.parametrize("kind", _THERE)
def test_the_grant_to_write_for_what_a_reference_of_gloos_leads_to(kind: str) -> None:
    """Such references say no kind: each field is for one."""
    spec = {
        "targetRefs": [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": "r"}],
        "options": {"extauth": {"configRef": _FAR if kind == "AuthConfig" else {"name": "own"}}},
    }
    meta = {"name": "o", "namespace": "default"}
    world = [
        gateway("gw", listener(80)),
        route("r", rule(filters=[use("RequestRedirect", hostname="b.test")])),
        {"apiVersion": "gateway.solo.io/v1", "kind": "RouteOption", "metadata": meta, "spec": spec},
        auth_config("own", _WAYS[kind]),
        {"kind": kind, "metadata": _FAR, **_THERE[kind]},
    ]
    made = translation(objects(yaml.safe_dump_all(world)))
    (grant,) = grants(made, [problem for of in made.problems.values() for problem in of])
    assert [one["kind"] for one in grant["spec"]["to"]] == [kind]
    assert not translation(objects(yaml.safe_dump_all([*world, grant]))).problems
