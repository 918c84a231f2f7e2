"""A8: the xDS server tells strangers nothing, and a proxy nothing of another, whatever it says of itself.

With TLS and the tokens of an API server it is shown in `tests/stories/test_provision_identity.py`; here are the calls.
"""

import asyncio

import grpc
import grpc.aio
import pytest
import pytest_asyncio
from envoy.config.core.v3 import base_pb2
from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest
from google.protobuf.message import Message

from daemun.ir.auth import CHAIN
from daemun.ir.resource import LISTENER, SCOPE, SECRET, TYPES
from daemun.provision.bootstrap import TOKEN_HEADER
from daemun.serve.server import METHOD, SERVICE
from support.objects.certificates import authority
from support.objects.documents import gateway, listener, prefix, route, rule, secret
from support.scenes.world import World
from support.servers.ports import free_port

pytestmark = pytest.mark.asyncio(loop_scope="module")
_SILENT = 1.0
"""How long a server that may have nothing to say is listened to, in seconds."""
_DISCOVERY = "envoy.service"
_OTHER_CALLS = [
    f"/{SERVICE}/StreamAggregatedResources",
    f"/{SERVICE}/FetchAggregatedResources",
    f"/{_DISCOVERY}.listener.v3.ListenerDiscoveryService/DeltaListeners",
    f"/{_DISCOVERY}.listener.v3.ListenerDiscoveryService/FetchListeners",
    f"/{_DISCOVERY}.secret.v3.SecretDiscoveryService/DeltaSecrets",
    f"/{_DISCOVERY}.secret.v3.SecretDiscoveryService/FetchSecrets",
    f"/{_DISCOVERY}.route.v3.RouteDiscoveryService/FetchRoutes",
    f"/{_DISCOVERY}.status.v3.ClientStatusDiscoveryService/FetchClientStatus",
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
    "/grpc.channelz.v1.Channelz/GetServers",
]

_REFUSED = (
    grpc.StatusCode.UNAUTHENTICATED,
    grpc.StatusCode.UNIMPLEMENTED,
    grpc.StatusCode.INTERNAL,  # a client that still writes hears of the reset before it hears why
)


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def scene(shared: World) -> None:
    """Two Gateways, one of them with a certificate."""
    await shared.echo("a")
    shared.write(
        "one.yaml", gateway("one", listener(shared.port)), route("r", rule(prefix("/"), to="a"), parents=["one"])
    )
    shared.write("pair.yaml", secret("pair", *authority().issue("two.example")))
    shared.write("two.yaml", gateway("two", listener(free_port(), certs=["pair"], hostname="two.example")))
    await shared.start()


@pytest.mark.parametrize("token", [None, "", "x", "default/two", "Bearer "], ids=str)
@pytest.mark.parametrize("call", [f"/{SERVICE}/{METHOD}", *_OTHER_CALLS])
async def test_who_has_no_token_is_told_nothing(shared: World, call: str, token: str | None) -> None:
    status, heard = await _ask(shared, call, token, DeltaDiscoveryRequest(type_url=LISTENER, node=_node("default/two")))
    assert status in _REFUSED
    assert heard == []


@pytest.mark.parametrize("call", _OTHER_CALLS)
async def test_there_is_one_call_and_no_other_for_proxies_too(shared: World, call: str) -> None:
    status, heard = await _ask(shared, call, _token(shared, "default/two"), DiscoveryRequest(type_url=SECRET))
    assert status in _REFUSED
    assert heard == []


@pytest.mark.parametrize("type_url", [*TYPES, CHAIN, "type.googleapis.com/envoy.admin.v3.ConfigDump"])
async def test_a_proxy_gets_what_is_its_own_whatever_it_calls_itself(shared: World, type_url: str) -> None:
    """The token of `one`, and in the request the node id of `two` and the names of its resources."""
    request = DeltaDiscoveryRequest(type_url=type_url, node=_node("default/two"))
    request.resource_names_subscribe.extend(["*", "default/pair", "port-443", "default/two"])
    _, heard = await _ask(shared, f"/{SERVICE}/{METHOD}", _token(shared, "default/one"), request, _SILENT)
    resources = [one for response in heard for one in response.resources]
    told = b"".join(one.SerializeToString() for one in resources)
    assert b"two.example" not in told
    assert b"PRIVATE KEY" not in told
    assert not resources or type_url in TYPES


async def test_with_its_own_token_it_gets_it(shared: World) -> None:
    """Or the tests above prove nothing."""
    request = DeltaDiscoveryRequest(type_url=SECRET, node=_node("default/one"))
    request.resource_names_subscribe.append("default/pair")
    status, heard = await _ask(shared, f"/{SERVICE}/{METHOD}", _token(shared, "default/two"), request)
    assert status is None
    assert b"PRIVATE KEY" in b"".join(one.SerializeToString() for one in heard)
    request = DeltaDiscoveryRequest(type_url=SCOPE, node=_node("default/one"))
    request.resource_names_subscribe.append("*")
    assert (await _ask(shared, f"/{SERVICE}/{METHOD}", _token(shared, "default/one"), request))[1]


def _node(name: str) -> base_pb2.Node:
    return base_pb2.Node(id=name, cluster=name)


def _token(shared: World, proxy: str) -> str:
    assert shared.app is not None
    [token] = [token for token, one in shared.app.proxies.tokens().items() if one == proxy]
    return token


async def _ask(
    shared: World, call: str, token: str | None, request: Message, seconds: float = 30.0
) -> tuple[grpc.StatusCode | None, list[DeltaDiscoveryResponse]]:
    """How the call ended (None: the stream stands), and the responses to one request."""
    metadata = [] if token is None else [(TOKEN_HEADER, token)]
    async with grpc.aio.insecure_channel(f"unix:{shared.base / 'r' / 'xds.sock'}") as channel:
        stream = channel.stream_stream(
            call,
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=DeltaDiscoveryResponse.FromString,
        )(metadata=metadata)
        heard = []
        try:
            await stream.write(request)
            async with asyncio.timeout(seconds):
                response = await stream.read()
            if response is grpc.aio.EOF:
                return await stream.code(), heard
            heard.append(response)
            return None, heard
        except TimeoutError:
            return None, heard
        except grpc.aio.AioRpcError as error:
            return error.code(), heard
        except asyncio.InvalidStateError:
            return await stream.code(), heard
