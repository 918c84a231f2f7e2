"""What Envoy makes of a request before routing. That it does so is tested against Envoy; this is what we tell of it."""

import pytest

from daemun.explain import request_from
from daemun.explain.normalise import Ways, normalise


@pytest.mark.parametrize(
    ("path", "seen"),
    [
        ("/a//b", "/a/b"),
        ("//", "//"),
        ("///", "//"),
        ("/a/./b/../c", "/a/c"),
        ("/..", "/"),
        ("/a/..", "/"),
        ("/a/%2e%2E/b", "/b"),
        ("/a\\b", "/a/b"),
        ("/%41%7e%5f%2d", "/A~_-"),
        ("/a%252fb", "/a%252fb"),
        ("/a%zz%2", "/a%zz%2"),
        ('/"<>^`{|}', "/%22%3C%3E%5E%60%7B%7C%7D"),
        ("/%c3%a9%20", "/%c3%a9%20"),
        ("/a/..;v/b", "/b"),
        ("/..;v", "/"),
        ("/a/.;..;/b", "/a/b"),
        ("/a/..;v\\b", "/"),
        ("/a;v/b;/..", "/a;v/"),
        ("/a/%2e%2e;v/b", "/a/..;v/b"),
        ("/a/..%3bv/b", "/a/..%3bv/b"),
    ],
)
def test_paths(path: str, seen: str) -> None:
    found, changes, answer = normalise(request_from("GET", f"http://a{path}?x//y=%41"))
    assert (found.path, found.query, answer) == (seen, "x//y=%41", None)
    assert bool(changes) == (path != seen)
    assert all(change.why and change.before != change.after for change in changes)


def test_escaped_slashes_are_redirected() -> None:
    _, _, answer = normalise(request_from("GET", "http://a/x%2F..%5cy?q=%2f"))
    assert answer is not None
    assert (answer.status, answer.location) == (307, "/y?q=%2f")


@pytest.mark.parametrize(
    ("host", "seen", "hostname"),
    [
        ("A.test", "A.test", "a.test"),
        ("a.test.", "a.test", "a.test"),
        ("a.test.:80", "a.test:80", "a.test"),
        ("a.test..", "a.test.", "a.test."),
        ("a.test:x", "a.test:x", "a.test"),
        ("[::1]:80", "[::1]:80", "[::1]"),
        ("[::1]", "[::1]", "[::1]"),
        ("", "", ""),
    ],
)
def test_hosts(host: str, seen: str, hostname: str) -> None:
    found, _, answer = normalise(request_from("GET", "http://x/", [("Host", host)]))
    assert (found.host, found.hostname, answer) == (seen, hostname, None)


@pytest.mark.parametrize(
    ("method", "url", "headers", "words"),
    [
        ("FOO", "http://a/", [], "FOO is not a method"),
        ("get", "http://a/", [], "written in capitals"),
        ("CONNECT", "http://a/", [], "CONNECT"),
        ("GET", "http://a/é", [], "percent-encoded"),
        ("GET", "http://a/%00", [], "%00"),
        ("GET", "http://a/", [("x_a", "1")], "underscore (x_a)"),
        ("GET", "http://a/", [("Host", "a/b")], "not a host"),
    ],
)
def test_what_is_answered_with_400(method: str, url: str, headers: list[tuple[str, str]], words: str) -> None:
    _, _, answer = normalise(request_from(method, url, headers))
    assert answer is not None
    assert (answer.kind, answer.status) == ("answered", 400)
    assert words in answer.why


def test_headers_that_are_envoys_own() -> None:
    headers = [("X-Forwarded-Proto", "https"), ("x-envoy-retry-on", "5xx"), ("TE", "gzip"), ("X-Request-Id", "1")]
    found, changes, _ = normalise(request_from("GET", "http://a/", headers))
    assert found.values("x-forwarded-proto") == ("http",)
    assert found.values("x-envoy-retry-on") == found.values("te") == ()
    assert [change.what for change in changes] == [f"header {name}" for name, _ in headers]


def test_some_repeated_headers_are_joined() -> None:
    headers = [("x-a", "1"), ("X-A", ""), ("accept", "1"), ("Accept", ""), ("Accept", "2"), ("origin", "")]
    found, _, _ = normalise(request_from("GET", "http://a/", headers))
    assert found.values("x-a") == ("1", "")
    assert found.values("accept") == ("1,2",)
    assert found.values("origin") == ("",)
    assert found.values("host") == ("a",)


@pytest.mark.parametrize(
    ("headers", "heard"),
    [
        ([("Connection", "keep-alive, Upgrade"), ("Upgrade", "foo")], False),
        ([("Connection", "Upgrade"), ("Upgrade", "WebSocket")], True),
        ([("Connection", "Upgrade"), ("Upgrade", "foo, websocket")], True),
        ([("Connection", "Upgrade"), ("Upgrade", "h2c")], False),
        ([("Upgrade", "websocket")], False),
    ],
)
def test_upgrades(headers: list[tuple[str, str]], heard: bool) -> None:
    found, _, answer = normalise(request_from("GET", "http://a/", headers))
    assert answer is None
    assert bool(found.values("upgrade")) == heard


@pytest.mark.parametrize(
    ("ways", "expected"),
    [
        (Ways(normalize=False), "/a/./%2e"),
        (Ways(merge=False), "/a//"),
        (Ways(normalize=False, merge=False), "/a//./%2e"),
    ],
)
def test_a_policy_may_leave_paths_as_they_are(ways: Ways, expected: str) -> None:
    found, _, answer = normalise(request_from("GET", "http://a/a//./%2e"), ways)
    assert (found.path, answer) == (expected, None)


@pytest.mark.parametrize(
    ("slashes", "path", "status"),
    [("KEEP_UNCHANGED", "/x%2Fy", None), ("UNESCAPE_AND_FORWARD", "/x/y", None), ("REJECT_REQUEST", "/x/y", 400)],
)
def test_a_policy_may_say_what_becomes_of_escaped_slashes(slashes: str, path: str, status: int | None) -> None:
    found, _, answer = normalise(request_from("GET", "http://a/x%2Fy"), Ways(slashes=slashes))
    assert found.path == path
    assert (answer.status if answer else None) == status


def test_a_policy_may_let_header_names_have_underscores() -> None:
    headers = [("a_b", "1")]
    found, _, answer = normalise(request_from("GET", "http://a/", headers), Ways(underscores="ALLOW"))
    assert answer is None
    assert found.values("a_b") == ("1",)
    found, changes, answer = normalise(request_from("GET", "http://a/", headers), Ways(underscores="DROP_HEADER"))
    assert answer is None
    assert found.values("a_b") == ()
    assert "underscore" in changes[0].why
