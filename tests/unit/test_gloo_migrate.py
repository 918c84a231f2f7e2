"""What the migration of classic resources rests on: order, paths, options, and the command itself."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from daemun.api.gloo.matchers import Matcher
from daemun.api.gloo.options import RouteOptions
from daemun.cli.main import app
from daemun.gloo.migrate.options import OWN, Draft, put, together
from daemun.gloo.migrate.order import Step, covers, ordered
from daemun.gloo.migrate.paths import modifier, substitution
from daemun.gloo.migrate.seats import meet
from daemun.ir.route import Match, ValueMatch

SERVICE: dict[str, Any] = {
    "apiVersion": "gateway.solo.io/v1",
    "kind": "VirtualService",
    "metadata": {"name": "vs", "namespace": "default"},
    "spec": {"virtualHost": {"domains": ["a.test"], "routes": [{"directResponseAction": {"status": 200}}]}},
}


def prefix(path: str, method: str = "", **headers: str) -> Match:
    found = tuple(ValueMatch(name, value) for name, value in headers.items())
    return Match("", "Prefix", path, found, method=method)


def exact(path: str, method: str = "") -> Match:
    return Match("", "Exact", path, method=method)


def regex(path: str) -> Match:
    return Match("", "Regex", path)


def kept(*matches: Match) -> tuple[list[tuple[str, int]], int, int]:
    """The paths with their turns, how many are dead, and how many clash."""
    found = ordered([Step(one, one, turn) for turn, one in enumerate(matches)], lambda _, __: False)
    return [(one.match.path, one.turn) for one in found.steps], len(found.dead), len(found.clashes)


def test_what_is_narrower_and_written_first_needs_nothing() -> None:
    assert kept(exact("/a"), prefix("/a"), prefix("/")) == ([("/a", 0), ("/a", 1), ("/", 2)], 0, 0)


def test_a_wider_match_before_a_narrower_one_leaves_it_nothing() -> None:
    assert kept(prefix("/a"), exact("/a/b")) == ([("/a", 0)], 1, 0)
    assert kept(prefix("/"), regex("/a.*")) == ([("/", 0)], 1, 0)
    assert kept(regex("/a.*"), exact("/ab")) == ([("/a.*", 0)], 1, 0)


def test_an_overtaker_is_overtaken() -> None:
    assert kept(prefix("/a", x="1"), exact("/a/b")) == ([("/a", 0), ("/a/b", 0), ("/a/b", 1)], 0, 0)
    assert kept(prefix("/a", x="1"), regex("/a/b.*")) == ([("/a", 0), ("/a/b.*", 0), ("/a/b.*", 1)], 0, 0)


def test_what_is_put_before_others_is_itself_put_behind_what_was_before_it() -> None:
    steps, _, clashes = kept(prefix("/", "GET"), prefix("/a", x="1"), exact("/a/b", "GET"))
    assert (steps, clashes) == ([("/", 0), ("/a", 0), ("/a", 1)], 0)


@pytest.mark.parametrize(
    ("first", "second", "clashes"),
    [
        (prefix("/a/b"), regex("/a/.*"), 1),
        (prefix("/b"), regex("/a/.*"), 0),
        (prefix("/b"), regex("/a|/b"), 1),
        (prefix("/ab"), regex("/abc?"), 1),
        (prefix("/c"), regex("(?i)/C"), 1),
        (regex("/a[0-9]"), regex("/a.[a-z]+"), 1),
        (regex("/a[0-9]"), regex("/b.[a-z]+"), 0),
        (prefix("/a", x="1"), Match("", "Exact", "/a", (ValueMatch("x", "2"),)), 0),
    ],
)
def test_whether_regular_expressions_are_in_the_way(first: Match, second: Match, clashes: int) -> None:
    assert kept(first, second)[2] == clashes


def test_a_further_match_settles_what_cannot_be_told_by_itself() -> None:
    steps = kept(prefix("/api", x="1"), prefix("/api/v2"), regex("/api/v2/.*"))
    assert steps[1:] == (1, 0)


def test_covering_is_about_all_conditions() -> None:
    assert covers(prefix("/a"), prefix("/a/b", "GET", x="1"))
    assert not covers(prefix("/a", x="1"), prefix("/a/b"))
    assert not covers(prefix("/a"), prefix("/ab"))
    assert not covers(prefix("/a"), regex("/.*"))


@pytest.mark.parametrize(
    ("match", "matcher", "value", "made"),
    [
        (prefix("/a"), {"prefix": "/a"}, "/b", {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/b"}),
        (prefix("/a"), {"prefix": "/a/"}, "/b/", {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/b"}),
        (prefix("/a/c"), {"prefix": "/a"}, "/b", {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/b/c"}),
        (exact("/a/c"), {"prefix": "/a"}, "/", {"type": "ReplaceFullPath", "replaceFullPath": "//c"}),
        (exact("/a"), {"exact": "/a"}, "/b", {"type": "ReplaceFullPath", "replaceFullPath": "/b"}),
        (prefix("/a"), {"prefix": "/a"}, "/a", {}),
        (prefix("/a"), {"prefix": "/a"}, "/", None),  # /a/c becomes //c with Gloo
        (prefix("/"), {"prefix": "/"}, "/b", None),  # /c becomes /bc with Gloo
        (regex("/a.*"), {"prefix": "/a"}, "/b", None),
    ],
)
def test_a_new_path_is_said_where_it_means_the_same(
    match: Match, matcher: dict[str, str], value: str, made: object
) -> None:
    assert modifier(match, Matcher(**matcher), value) == made


def test_else_a_regular_expression_replaces_the_characters() -> None:
    pattern = {"pattern": {"regex": r"^/a\.b"}, "substitution": r"/\\1"}
    assert substitution(Matcher(prefix="/a.b"), r"/\1") == pattern


@pytest.mark.parametrize(("text", "written"), [("1.5s", "1s500ms"), ("0s", "0s"), ("90m", "1h30m"), ("1us", None)])
def test_a_timeout_is_written_as_gateway_api_has_it(text: str, written: str | None) -> None:
    draft = Draft(forwards=True)
    rest = put(RouteOptions(timeout=text), draft)
    assert draft.document().get("timeouts", {}).get("request") == written
    assert (rest is None) == (written is not None)


def test_what_has_a_field_of_gateway_api_is_named_as_an_option_is() -> None:
    assert set(OWN) <= set(RouteOptions.__struct_fields__)


def test_options_are_the_first_ones_that_say_something() -> None:
    found = together([RouteOptions(host_rewrite="a"), None, RouteOptions(auto_host_rewrite=True, timeout="1s")])
    assert found == RouteOptions(host_rewrite="a", timeout="1s")


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [("", "a.test", "a.test"), ("*.test", "a.test", "a.test"), ("*.a.test", "*.test", "*.a.test"), ("a", "b", None)],
)
def test_hosts_meet(one: str, other: str, both: str | None) -> None:
    assert meet(one, other) == meet(other, one) == both


def run(folder: Path, *options: str, text: str = json.dumps(SERVICE)) -> Any:
    (folder / "in.json").write_text(text)
    return CliRunner().invoke(app, ["migrate", "gloo", str(folder), *options])


def test_for_programs(tmp_path: Path) -> None:
    found = json.loads(run(tmp_path, "-o", "json").stdout)
    assert [one["kind"] for one in found["objects"]] == ["Gateway", "HTTPRoute", "DirectResponse"]
    assert found["told"] == []


def test_it_fails_only_when_asked_to(tmp_path: Path) -> None:
    text = json.dumps(SERVICE).replace("a.test", "a.test:80")
    assert [run(tmp_path, *options, text=text).exit_code for options in ([], ["--strict"])] == [0, 1]
    assert run(tmp_path, "--strict").exit_code == 0


def test_or_when_nothing_can_be_read(tmp_path: Path) -> None:
    found = run(tmp_path, text="{")
    assert found.exit_code == 1
    assert "nothing could be read" in found.stderr


def test_the_class_and_the_ports_are_a_matter_of_choice(tmp_path: Path) -> None:
    found = json.loads(run(tmp_path, "-o", "json", "--gateway-class", "daemun", "--keep-ports").stdout)
    assert found["objects"][0]["spec"]["gatewayClassName"] == "daemun"
    assert found["objects"][0]["spec"]["listeners"][0]["port"] == 8080


def test_what_is_no_classic_resource_can_be_left_out(tmp_path: Path) -> None:
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": [SERVICE, {"apiVersion": "a/v1", "kind": "B"}]})
    for options, others in (([], 1), (["--only-converted"], 0)):
        objects = json.loads(run(tmp_path, "-o", "json", *options, text=text).stdout)["objects"]
        assert sum(one["kind"] == "B" for one in objects) == others
