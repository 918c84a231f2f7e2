"""Header modifiers: what the backend gets and what the client gets back."""

import pytest
import pytest_asyncio

from support.clients.client import Answer
from support.objects.documents import backend, gateway, listener, prefix, route, rule, use
from support.scenes.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")


def _named(**headers: str) -> list[dict]:
    return [{"name": name.replace("_", "-"), "value": value} for name, value in headers.items()]


def _levels(value: str) -> list[dict]:
    kinds = ("RequestHeaderModifier", "ResponseHeaderModifier")
    return [use(kind, set=_named(x_level=value), add=_named(x_levels=value)) for kind in kinds]


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def scene(shared: World) -> None:
    await shared.echo("a", "b")
    request = use(
        "RequestHeaderModifier",
        set=_named(X_Set="new", x_percent="100% of %REQ(:path)% %%", x_odd='quote " and ${x} {{y}}'),
        add=_named(X_Add="added"),
        remove=["X-Remove", "x-also"],
    )
    response = use(
        "ResponseHeaderModifier",
        set=_named(x_set="new", x_percent="50%", Server="daemun-test"),
        add=_named(x_add="added"),
        remove=["X-Remove"],
    )
    shared.write("gateway.yaml", gateway("gw", listener(shared.port)))
    shared.write(
        "route.yaml",
        route(
            "headers",
            rule(prefix("/request"), to="a", filters=[request]),
            rule(prefix("/response"), to="a", filters=[response]),
            rule(prefix("/both"), to="a", filters=[request, response]),
            rule(prefix("/host"), to="a", filters=[use("RequestHeaderModifier", set=_named(Host="new.example"))]),
            rule(
                prefix("/redirected"),
                filters=[use("RequestRedirect", scheme="https"), response],
            ),
            rule(
                prefix("/each"),
                to=[
                    backend("a", 1, use("RequestHeaderModifier", set=_named(x_for="a", Host="a.example"))),
                    backend("b", 1, use("ResponseHeaderModifier", add=_named(x_from="b"))),
                ],
                filters=[use("RequestHeaderModifier", set=_named(x_rule="1"))],
            ),
            rule(prefix("/levels/one"), to=[backend("a", 1, *_levels("backend"))], filters=_levels("rule")),
            rule(
                prefix("/levels/two"),
                to=[backend("a", 1, *_levels("backend")), backend("b", 1, *_levels("backend"))],
                filters=_levels("rule"),
            ),
        ),
    )
    await shared.start()


async def test_request_headers_are_set_added_and_removed(shared: World) -> None:
    given = [("x-set", "old"), ("x-set", "older"), ("x-add", "given"), ("X-Remove", "1"), ("X-ALSO", "2"), ("x-k", "3")]
    got = await shared.ask("/request", headers=given)
    assert got.sent("x-set") == ["new"]
    assert sorted(got.sent("x-add")) == ["added", "given"]
    assert got.sent("x-remove") == got.sent("x-also") == []
    assert got.sent("x-k") == ["3"]


async def test_values_are_plain_text_to_us_whatever_they_mean_to_envoy(shared: World) -> None:
    got = await shared.ask("/request")
    assert got.sent("x-percent") == ["100% of %REQ(:path)% %%"]
    assert got.sent("x-odd") == ['quote " and ${x} {{y}}']


def _all(got: Answer, name: str) -> list[str]:
    return [value for key, value in got.lines if key == name]


async def test_response_headers_are_set_added_and_removed(shared: World) -> None:
    set_by_backend = [
        ("x-echo-set", "x-set: old"),
        ("x-echo-set", "x-add: given"),
        ("x-echo-set", "x-remove: 1"),
        ("x-echo-set", "x-kept: 2"),
    ]
    got = await shared.ask("/response", headers=set_by_backend)
    assert _all(got, "x-set") == ["new"]
    assert sorted(_all(got, "x-add")) == ["added", "given"]
    assert _all(got, "x-remove") == []
    assert _all(got, "x-kept") == ["2"]
    assert _all(got, "x-percent") == ["50%"]
    assert _all(got, "server") == ["daemun-test"]


async def test_both_ways_at_once(shared: World) -> None:
    got = await shared.ask("/both")
    assert (got.sent("x-set"), _all(got, "x-set")) == (["new"], ["new"])


async def test_setting_host_changes_the_host_of_the_request(shared: World) -> None:
    got = await shared.ask("/host", host="old.example")
    assert got.seen["host"] == "new.example"


async def test_response_headers_of_a_redirect(shared: World) -> None:
    for host in ("test.example", "test.example:8080"):
        got = await shared.ask("/redirected", host=host)
        assert (got.status, got.headers["x-set"]) == (302, "new")


async def test_each_backend_has_its_own_headers(shared: World) -> None:
    seen: dict[str, Answer] = {}
    for _ in range(60):
        got = await shared.ask("/each")
        seen[got.backend] = got
        assert got.sent("x-rule") == ["1"]
    assert set(seen) == {"a", "b"}
    assert (seen["a"].sent("x-for"), seen["a"].seen["host"], _all(seen["a"], "x-from")) == (["a"], "a.example", [])
    assert (seen["b"].sent("x-for"), seen["b"].seen["host"], _all(seen["b"], "x-from")) == ([], "test.example", ["b"])


@pytest.mark.parametrize("path", ["/levels/one", "/levels/two"])
async def test_what_a_backend_sets_stands_above_what_its_rule_sets(shared: World, path: str) -> None:
    got = await shared.ask(path)
    assert (got.sent("x-level"), _all(got, "x-level")) == (["backend"], ["backend"])
    assert (got.sent("x-levels"), _all(got, "x-levels")) == (["rule", "backend"], ["rule", "backend"])
