"""How the authorization server follows a control plane: what it takes, what it keeps, what it rejects."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryRequest, DeltaDiscoveryResponse

from daemun.extauth.chain import Ready
from daemun.extauth.chains import Chains
from daemun.extauth.checker import Tools
from daemun.extauth.feed import ChainFeed
from daemun.ir.auth import CHAIN, Chain, Step, encoded
from daemun.ir.auth.checks import OpaModules, PluginAuth, Verified
from daemun.service.feed import PATH, token, trusting
from support.objects.certificates import Authority
from support.scenes.world import until
from support.servers.ports import free_port

SERVICE, METHOD = PATH.strip("/").split("/")


class Plane:
    """A control plane of one client that says what a test puts into it."""

    def __init__(self) -> None:
        self.says: asyncio.Queue[DeltaDiscoveryResponse | None] = asyncio.Queue()
        self.heard: asyncio.Queue[DeltaDiscoveryRequest] = asyncio.Queue()
        self.metadata: dict[str, str] = {}

    async def _serve(
        self, requests: AsyncIterator[DeltaDiscoveryRequest], context: grpc.aio.ServicerContext[bytes, bytes]
    ) -> AsyncIterator[DeltaDiscoveryResponse]:
        self.metadata = {key: str(value) for key, value in context.invocation_metadata() or ()}
        reader = asyncio.ensure_future(self._read(requests))
        try:
            while (response := await self.says.get()) is not None:
                yield response
        finally:
            reader.cancel()

    async def _read(self, requests: AsyncIterator[DeltaDiscoveryRequest]) -> None:
        async for request in requests:
            self.heard.put_nowait(request)

    async def start(self, address: str, credentials: grpc.ServerCredentials | None = None) -> str:
        self.server = grpc.aio.server()
        handler = grpc.stream_stream_rpc_method_handler(
            self._serve,
            request_deserializer=DeltaDiscoveryRequest.FromString,
            response_serializer=DeltaDiscoveryResponse.SerializeToString,
        )
        self.server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(SERVICE, {METHOD: handler})])
        if credentials is None:
            self.server.add_insecure_port(address)
        else:
            self.server.add_secure_port(address, credentials)
        await self.server.start()
        return address


def response(*chains: Chain, removed: tuple[str, ...] = (), version: str = "1") -> DeltaDiscoveryResponse:
    found = DeltaDiscoveryResponse(type_url=CHAIN, nonce="n", removed_resources=removed)
    for chain in chains:
        resource = found.resources.add(name=chain.name, version=version)
        resource.resource.type_url, resource.resource.value = CHAIN, encoded(chain)
    return found


def chain(name: str, **fields: Any) -> Chain:
    return Chain(name, (Step("token", Verified()),), **fields)


@pytest.fixture
async def plane(tmp_path: Path) -> AsyncIterator[tuple[Plane, str]]:
    plane = Plane()
    yield plane, await plane.start(f"unix:{tmp_path}/xds")
    await plane.server.stop(None)


@pytest.fixture
async def chains() -> AsyncIterator[Chains]:
    tools = Tools()
    chains = Chains(tools)
    yield chains
    await chains.close()
    await tools.close()


@pytest.fixture
async def feed(plane: tuple[Plane, str], chains: Chains, tmp_path: Path) -> AsyncIterator[ChainFeed]:
    (tmp_path / "token").write_text("t0\n")
    feed = ChainFeed(chains, plane[1], token(tmp_path / "token"))
    task = asyncio.ensure_future(feed.run())
    yield feed
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_chains_come_change_and_go(plane: tuple[Plane, str], chains: Chains, feed: ChainFeed) -> None:
    first = await plane[0].heard.get()
    assert (first.type_url, list(first.resource_names_subscribe)) == (CHAIN, [])
    assert plane[0].metadata["authorization"] == "Bearer t0"
    assert not chains.complete
    plane[0].says.put_nowait(response())
    await until(lambda: chains.complete)
    plane[0].says.put_nowait(response(chain("a"), chain("b")))
    await until(lambda: sorted(chains.names()) == ["a", "b"])
    plane[0].says.put_nowait(response(chain("a", user_header="x"), removed=("b",)))
    await until(lambda: chains.names() == ["a"])
    ready = chains.get("a")
    assert ready is not None
    assert ready.chain.user_header == "x"


async def test_what_cannot_be_read_is_rejected_and_the_last_good_one_stays(
    plane: tuple[Plane, str], chains: Chains, feed: ChainFeed
) -> None:
    await plane[0].heard.get()
    plane[0].says.put_nowait(response(chain("a")))
    assert not (await plane[0].heard.get()).HasField("error_detail")
    bad = response(chain("a"), chain("b", user_header="x"))
    bad.resources[0].resource.value = b'{"name": "a", "steps": [{"name": "s", "check": {"kind": "of the future"}}]}'
    plane[0].says.put_nowait(bad)
    answer = await plane[0].heard.get()
    assert "a: " in answer.error_detail.message
    assert answer.response_nonce == "n"
    before, after = chains.get("a"), chains.get("b")
    assert before is not None
    assert before.chain == chain("a")
    assert after is not None


async def test_what_is_refused_is_complained_of_once(
    plane: tuple[Plane, str], chains: Chains, feed: ChainFeed, caplog: pytest.LogCaptureFixture
) -> None:
    def sent(kind: str) -> DeltaDiscoveryResponse:
        bad = response(chain("a"))
        bad.resources[0].resource.value = (
            b'{"name": "a", "steps": [{"name": "s", "check": {"kind": "%s"}}]}' % kind.encode()
        )
        return bad

    await plane[0].heard.get()
    for kind, complaints in (("x", 1), ("x", 1), ("y", 2), ("y", 2), ("", 2), ("y", 3)):
        plane[0].says.put_nowait(sent(kind) if kind else response(chain("a")))
        assert (await plane[0].heard.get()).HasField("error_detail") is bool(kind)
        assert caplog.text.count("What cannot be used") == complaints, kind


async def test_after_a_break_it_says_what_it_has_and_goes_on(
    plane: tuple[Plane, str], chains: Chains, feed: ChainFeed, caplog: pytest.LogCaptureFixture
) -> None:
    await plane[0].heard.get()
    plane[0].says.put_nowait(response(chain("a"), version="7"))
    await plane[0].heard.get()
    plane[0].says.put_nowait(None)
    again = await plane[0].heard.get()
    assert dict(again.initial_resource_versions) == {"a": "7"}
    assert chains.names() == ["a"]
    assert chains.complete
    plane[0].says.put_nowait(response(removed=("a",)))
    await until(lambda: not chains.names())
    assert "cannot be heard" in caplog.text


async def test_a_chain_that_nobody_can_take_is_rejected_alone(
    plane: tuple[Plane, str], chains: Chains, feed: ChainFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    await plane[0].heard.get()
    put = chains.put

    def fails(one: Chain) -> Ready:
        if one.name == "a":
            raise RuntimeError
        return put(one)

    monkeypatch.setattr(chains, "put", fails)
    plane[0].says.put_nowait(response(chain("a"), chain("b")))
    assert (await plane[0].heard.get()).error_detail.message == "a: RuntimeError"
    assert chains.names() == ["b"]
    assert chains.complete


async def test_what_can_never_let_anybody_in_is_rejected_and_what_was_there_stays(
    plane: tuple[Plane, str], chains: Chains, feed: ChainFeed
) -> None:
    """A plug-in that is not installed, and modules without an `opa`, which is found out while the chain gets ready."""
    chains.tools.opa = "no-such-program"
    await plane[0].heard.get()
    plane[0].says.put_nowait(response(chain("a")))
    await plane[0].heard.get()
    lost = Step("mine", PluginAuth("absent")), Step("rego", OpaModules({"m": "package m"}, "data.m.allow"))
    plane[0].says.put_nowait(response(Chain("a", lost[:1]), Chain("b", lost), chain("c")))
    said = (await plane[0].heard.get()).error_detail.message
    assert "a: mine: no package beside the server has a plug-in absent" in said
    assert "b: mine: no package" in said
    assert "rego: there is no program opa" in said
    assert "c: " not in said
    before = chains.get("a")
    assert before is not None
    assert before.chain == chain("a")
    plane[0].says.put_nowait(response(Chain("a", lost[1:])))
    assert "a: rego: there is no program opa" in (await plane[0].heard.get()).error_detail.message
    assert chains.get("a") is before


async def test_whom_it_trusts_is_read_again_at_every_attempt(chains: Chains, tmp_path: Path) -> None:
    """An authority that was replaced while the control plane was away is known when it is back."""
    old, new, plane = Authority(), Authority(), Plane()
    trusted = tmp_path / "ca.crt"
    trusted.write_text(old.pem)
    certificate, key = new.issue("localhost")
    address = f"localhost:{free_port()}"
    await plane.start(address, grpc.ssl_server_credentials([(key, certificate)]))
    feed = ChainFeed(chains, address, list, trusting(trusted))
    task = asyncio.ensure_future(feed.run())
    plane.says.put_nowait(response())
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(plane.heard.get(), 1)
    trusted.write_text(new.pem)
    await until(lambda: chains.complete)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await plane.server.stop(None)


async def test_without_a_token_it_waits_for_one(
    plane: tuple[Plane, str], chains: Chains, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    feed = ChainFeed(chains, plane[1], token(tmp_path / "later"))
    task = asyncio.ensure_future(feed.run())
    await until(lambda: "cannot be heard" in caplog.text)
    (tmp_path / "later").write_text("t1")
    await plane[0].heard.get()
    assert plane[0].metadata["daemun-proxy-token"] == "t1"
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
