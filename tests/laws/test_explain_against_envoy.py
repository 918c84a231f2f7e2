"""What `explain` says is what Envoy does: the same request, explained and sent."""

import os
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

from daemun.explain import Explanation, Request, Share, explain
from daemun.gatewayapi.settings import Settings
from daemun.translate import Translation
from support.explained import Doc, Shot, decoded, every_backend, requests, services, worlds
from support.swapped import Got, SwappedEnvoy, free_ports

WORLDS = int(os.environ.get("DAEMUN_EXPLAIN_WORLDS", "80"))
REQUESTS = 12


class Bench(NamedTuple):
    """An Envoy with two ports: one that the API calls 80, and one by its own number."""

    envoy: SwappedEnvoy
    settings: Settings
    ports: tuple[int, int]
    bound: tuple[int, int]
    echo: int

    def ports_of(self, documents: list[Doc], gateway: str) -> list[int]:
        """The ports, as they are bound, of a Gateway."""
        found = next(one for one in documents if (one["kind"], one["metadata"]["name"]) == ("Gateway", gateway))
        return [self.settings.bound_port(one["port"]) for one in found["spec"]["listeners"]]


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    first, second, echo = free_ports(3)
    settings = Settings(port_shift=first - 80)
    ports = (80, second)
    envoy = SwappedEnvoy(decoded([*every_backend(ports), *services(echo)], settings), echo)
    try:
        yield Bench(envoy, settings, ports, (first, second), echo)
    finally:
        envoy.stop()


@given(data=st.data())
@settings(max_examples=WORLDS, report_multiple_bugs=False)
def test_explain_says_what_envoy_does(bench: Bench, data: st.DataObject) -> None:
    documents = data.draw(worlds(bench.ports), label="world")
    made = decoded([*documents, *services(bench.echo)], bench.settings)
    bench.envoy.show(made)
    for _ in range(REQUESTS):
        shot = data.draw(requests(documents), label="request")
        shot.port = data.draw(st.sampled_from(bench.ports_of(documents, shot.gateway)))
        compare(made, bench, shot)


def compare(made: Translation, bench: Bench, shot: Shot) -> None:
    """Explain the request and send it."""
    request = Request(
        method=shot.method,
        scheme="http",
        address="127.0.0.1",
        port=shot.port,
        host=shot.host,
        path=shot.path,
        query="&".join(shot.query) if shot.query else None,
        headers=tuple(shot.headers),
    )
    told = explain(made, request)
    got = bench.envoy.ask(shot.port, shot.method, shot.target, shot.host, shot.headers)
    note(f"{shot}\n  Envoy: {got}\n  explained: {told.outcome}\n  winner: {told.winner}")
    assert agrees(told, got, shot), f"{shot}\n{got}\n{told.outcome}\n{told.winner}"


def agrees(told: Explanation, got: Got, shot: Shot) -> bool:
    """Whether the answer is one of those that the explanation allows for."""
    outcome = told.outcome
    if not outcome.shares:
        return (outcome.status, outcome.location) == (got.status, got.location)
    assert told.winner is not None
    return any(_is(share, got, told.winner.envoy_route, shot.done) for share in outcome.shares if share.percent)


def _is(share: Share, got: Got, route: str, done: list[str]) -> bool:
    if share.status == 200:
        # A preflight: the CORS filter answers without the headers that tell of the route.
        return got.status == 200 and ("is allowed" in share.why) == bool(got.origin)
    if share.status:
        return (share.status, share.location, route) == (got.status, got.location, got.route)
    if "websocket" in done and share.protocol == "h2c" and got.status == 503:
        # WebSocket by HTTP/2 takes a backend that allows it (RFC 8441), which the echo does not.
        return True
    answer = (200, route, share.cluster, share.path, share.host)
    return answer == (got.status, got.route, got.cluster, got.path, got.host)
