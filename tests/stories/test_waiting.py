"""Timeouts and retries: how long a request may take, and what is tried again."""

import asyncio
import time

import pytest
import pytest_asyncio

from support.objects.documents import gateway, listener, prefix, route, rule, service
from support.scenes.world import World
from support.servers.ports import free_port

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def scene(shared: World) -> None:
    await shared.echo("a")
    # One of its two endpoints refuses every connection.
    shared.write("half.yaml", service("half", shared.backends["a"].port, free_port()))
    shared.write("none.yaml", service("none", free_port()))
    shared.write("gateway.yaml", gateway("gw", listener(shared.port)))
    shared.write(
        "timeouts.yaml",
        route(
            "timeouts",
            rule(prefix("/request"), to="a", timeouts={"request": "300ms"}),
            rule(prefix("/each"), to="a", timeouts={"backendRequest": "300ms"}),
            rule(prefix("/none"), to="a", timeouts={"request": "0s", "backendRequest": "0s"}),
            rule(prefix("/both"), to="a", timeouts={"request": "3s", "backendRequest": "300ms"}),
            rule(prefix("/unsaid"), to="a"),
            rule(prefix("/half"), to="half"),
            rule(prefix("/each-of-half"), to="half", timeouts={"backendRequest": "10s"}),
            rule(prefix("/none-of-none"), to="none"),
            hosts=["timeouts.example"],
        ),
    )
    shared.write(
        "retries.yaml",
        route(
            "retries",
            _retry("/codes", codes=[500, 502], attempts=3),
            _retry("/two", codes=[503], attempts=2),
            _retry("/default"),
            _retry("/attempts", attempts=2),
            rule(prefix("/"), to="a", filters=[]),
            _retry("/half", to="half", codes=[500], attempts=4),
            rule(prefix("/slow"), to="a", timeouts={"backendRequest": "300ms"}, retry={"attempts": 1, "codes": [504]}),
            rule(
                prefix("/whole"),
                to="a",
                timeouts={"request": "400ms"},
                retry={"attempts": 9, "codes": [500], "backoff": "100ms"},
            ),
        ),
    )
    await shared.start()


def _retry(path: str, to: str = "a", **retry: object) -> dict:
    drop = {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}
    return rule(prefix(path), to=to, filters=[{"type": "URLRewrite", "urlRewrite": {"path": drop}}], retry=retry)


@pytest.mark.parametrize("path", ["/request", "/each", "/both"])
async def test_a_request_that_takes_too_long_is_504(shared: World, path: str) -> None:
    began = time.monotonic()
    got = await shared.ask(f"{path}?delay=30", host="timeouts.example")
    assert got.status == 504
    assert 0.25 < time.monotonic() - began < 10  # Envoy's own would be 15
    assert (await shared.ask(path, host="timeouts.example")).status == 200


@pytest.mark.parametrize("path", ["/none", "/unsaid"])
async def test_zero_and_nothing_are_no_timeout(shared: World, path: str) -> None:
    """Also not Envoy's own, 15 s: that is read from what it was given, rather than waited for."""
    assert (await shared.ask(f"{path}?delay=1", host="timeouts.example")).status == 200
    assert shared.app is not None
    dump = await shared.app.proxies.admin_get("default/gw", "/config_dump?resource=dynamic_scoped_route_configs")
    text = dump.decode().replace(" ", "").replace("\n", "")
    named = [part for part in text.split('"match":') if path in part]
    assert named
    assert '"timeout":"0s"' in named[0]


async def _tried(world: World, key: str) -> int:
    return sum(key in path for path in world.backends["a"].paths())


@pytest.mark.parametrize(
    ("path", "status", "tries"),
    [
        ("/codes/retry/{}/1/500", 200, 2),
        ("/codes/retry/{}/3/502", 200, 4),
        # Not enough attempts: the last status of the backend is told.
        ("/codes/retry/{}/4/500", 500, 4),
        ("/two/retry/{}/9/503", 503, 3),
        # Only the codes that are listed.
        ("/codes/retry/{}/1/503", 503, 1),
        ("/codes/retry/{}/1/404", 404, 1),
        ("/two/retry/{}/1/500", 500, 1),
        # Without a list: what gateways make up (502, 503, 504), once.
        ("/default/retry/{}/1/503", 200, 2),
        ("/default/retry/{}/2/503", 503, 2),
        ("/default/retry/{}/1/500", 500, 1),
        ("/attempts/retry/{}/2/502", 200, 3),
        # A connection that breaks is tried again whatever is listed.
        ("/codes/reset/{}/1", 200, 2),
        # And nothing is tried again where nobody asked for it.
        ("/retry/{}/1/503", 503, 1),
        ("/reset/{}/1", 503, 1),
    ],
)
async def test_retries(shared: World, path: str, status: int, tries: int) -> None:
    key = f"k{abs(hash(path))}"
    assert (await shared.ask(path.format(key))).status == status
    assert await _tried(shared, key) == tries


async def test_a_refused_connection_is_tried_at_another_endpoint(shared: World) -> None:
    answers = await asyncio.gather(*(shared.ask("/half/x") for _ in range(40)))
    assert {one.status for one in answers} == {200}


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("path", ["/half", "/each-of-half"])
@pytest.mark.parametrize("size", [0, 100, 30_000])
async def test_what_no_backend_has_seen_is_sent_to_another_though_nobody_asked_for_retries(
    shared: World, method: str, path: str, size: int
) -> None:
    asked = [shared.ask(path, method, host="timeouts.example", body=b"x" * size) for _ in range(10)]
    answers = await asyncio.gather(*asked)
    assert {one.status for one in answers} == {200}


async def test_a_body_that_is_more_than_can_be_kept_goes_on(shared: World) -> None:
    body = b"x" * 1_000_000
    got = await shared.ask("/unsaid", "POST", host="timeouts.example", body=body)
    assert (got.status, got.seen["body"]) == (200, body.decode())


async def test_where_all_refuse_the_answer_is_503(shared: World) -> None:
    assert (await shared.ask("/none-of-none", host="timeouts.example")).status == 503


async def test_each_try_has_its_own_timeout(shared: World) -> None:
    got = await shared.ask("/slow?delay=5&key=slow")
    assert got.status == 504
    assert await _tried(shared, "key=slow") == 2


async def test_the_whole_request_ends_in_time_however_many_tries_are_left(shared: World) -> None:
    began = time.monotonic()
    got = await shared.ask("/whole?delay=30")
    assert got.status == 504
    assert time.monotonic() - began < 10
