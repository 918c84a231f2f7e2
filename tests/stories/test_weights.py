"""Weighted backends: the shares, and what becomes of the share of a backend that cannot be used."""

import pytest
import pytest_asyncio

from support.objects.documents import backend, gateway, listener, prefix, reference, route, rule, use
from support.scenes.world import World, tally

pytestmark = pytest.mark.asyncio(loop_scope="module")
REQUESTS = 500
BAND = 0.07 * REQUESTS
"""3.1 sigma and more at the widest (50 %); 5 % would fail one run in forty."""


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def scene(shared: World) -> None:
    await shared.echo("a", "b", "c")
    path = {"type": "ReplaceFullPath", "replaceFullPath": "/new"}
    shared.write("gateway.yaml", gateway("gw", listener(shared.port)))
    shared.write(
        "good.yaml",
        route(
            "good",
            rule(prefix("/70-30"), to=[backend("a", 70), backend("b", 30), backend("c", 0)]),
            rule(prefix("/default"), to=["a", "b"]),
            rule(
                prefix("/split"), to=[backend("a", 2, use("URLRewrite", path=path)), backend("b", 1), backend("c", 1)]
            ),
            rule(prefix("/only"), to=[backend("a", 0), backend("b", 5)]),
            rule(prefix("/all-zero"), to=[backend("a", 0)]),
        ),
    )
    shared.write(
        "bad.yaml",
        route(
            "bad",
            rule(prefix("/half"), to=[backend("a", 1), backend("nowhere", 1)]),
            rule(prefix("/none"), to=[backend("nowhere", 1), backend("nothing", 1)]),
            rule(prefix("/kind"), to=[reference("bucket", kind="Bucket", group="cloud.example")]),
            rule(prefix("/port"), to=[backend("a", port=81)]),
            rule(prefix("/split"), to=[backend("a", 1, use("URLRewrite", path=path)), backend("nowhere", 1)]),
            rule(prefix("/empty")),
            hosts=["bad.example"],
        ),
    )
    await shared.start(clean=False)


async def _shares(world: World, path: str, host: str = "test.example") -> dict[str, int]:
    return tally([await world.ask(path, host=host) for _ in range(REQUESTS)])


def _near(found: dict[str, int], expected: dict[str, float]) -> None:
    assert set(found) == set(expected)
    for name, share in expected.items():
        assert abs(found[name] - share * REQUESTS) <= BAND, found


async def test_weights_are_shares(shared: World) -> None:
    _near(await _shares(shared, "/70-30"), {"a": 0.7, "b": 0.3})


async def test_without_weights_backends_share_alike(shared: World) -> None:
    _near(await _shares(shared, "/default"), {"a": 0.5, "b": 0.5})


async def test_shares_hold_when_a_backend_needs_a_route_of_its_own(shared: World) -> None:
    _near(await _shares(shared, "/split"), {"a": 0.5, "b": 0.25, "c": 0.25})


async def test_weight_zero_gets_nothing(shared: World) -> None:
    assert {(await shared.ask("/only")).backend for _ in range(30)} == {"b"}
    assert (await shared.ask("/all-zero")).status == 500


async def test_the_share_of_a_backend_that_does_not_exist_is_answered_with_500(shared: World) -> None:
    _near(await _shares(shared, "/half", "bad.example"), {"a": 0.5, "500": 0.5})
    _near(await _shares(shared, "/split", "bad.example"), {"a": 0.5, "500": 0.5})


@pytest.mark.parametrize("path", ["/none", "/kind", "/port", "/empty"])
async def test_without_any_usable_backend_everything_is_500(shared: World, path: str) -> None:
    assert (await shared.ask(path, host="bad.example")).status == 500


@pytest.mark.parametrize(
    ("words", "field", "code"),
    [
        ("Service default/nowhere does not exist", "spec.rules[0].backendRefs[1]", "BackendNotFound"),
        ("Bucket of group 'cloud.example' is not a kind of backend", "spec.rules[2].backendRefs[0]", "InvalidKind"),
        ("has no TCP port 81 (it has 80/TCP)", "spec.rules[3].backendRefs[0]", "BackendNotFound"),
    ],
)
async def test_each_bad_backend_is_one_problem_with_its_place(shared: World, words: str, field: str, code: str) -> None:
    problem = await shared.problem(words, field)
    assert (problem.object, problem.field, problem.code) == ("HTTPRoute default/bad", field, code)
    assert problem.file.endswith("bad.yaml")
    assert problem.line > 1
    assert shared.condition("HTTPRoute", "bad", "Accepted")[0] == "True"
    assert shared.condition("HTTPRoute", "bad", "ResolvedRefs")[0] == "False"
