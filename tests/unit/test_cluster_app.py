"""The composition root of `daemun serve`: what a replica does while it leads."""

import asyncio
import datetime
from collections.abc import Awaitable, Callable

import pytest

from daemun.api.decode import Decoded, decode
from daemun.api.kinds import CLASSIC
from daemun.base.names import GLOO, Name
from daemun.ir import quotas
from daemun.ir.auth import PROXIES, SERVER
from daemun.ir.resource import LISTENER, SECRET, PartKey, encode
from daemun.kube.client import KubeClient
from daemun.programs.cluster import ClusterApp
from daemun.programs.installation import Installation
from daemun.provision.kube.certificates import PROXY, PROXY_KEY, SERVER_KEY, Hosts, renewed
from daemun.provision.kube.certificates import SERVER as XDS
from daemun.provision.kube.keyring import Certificates
from support.objects.auth import auth_policy
from support.objects.documents import gateway, listener, prefix, route, rule


def app_with(provide: Callable[[], Awaitable[None]], *, extauth: bool = False) -> ClusterApp:
    """A replica that provides proxies so."""
    client = KubeClient.at("http://127.0.0.1:1")
    app = ClusterApp(client, Installation("default", "daemun", "one", "daemun:latest", extauth=extauth))
    app._live.set()
    app._proxies.run = provide  # type: ignore[method-assign,assignment]  # a stand-in
    return app


async def test_a_defect_of_a_leader_ends_the_program() -> None:
    async def provide() -> None:
        raise RuntimeError("a defect")

    app = app_with(provide)
    app._lead(True)
    with pytest.raises(BaseExceptionGroup) as caught:
        await asyncio.wait_for(app._duties(), 30)
    assert caught.group_contains(RuntimeError, match="a defect")


def test_only_the_account_of_the_authorization_server_is_it() -> None:
    client = KubeClient.at("http://127.0.0.1:1")
    app = ClusterApp(client, Installation("here", "gate", "one", "daemun:latest", extauth=True))
    assert app._client_of(Name("here", "gate-extauth")) == SERVER
    for account in (Name("there", "gate-extauth"), Name("here", "gate"), Name("here", "daemun-extauth")):
        assert app._client_of(account) is None
    without = ClusterApp(client, Installation("here", "gate", "one", "daemun:latest"))
    assert without._client_of(Name("here", "gate-extauth")) is None
    assert (app.plane.translation.settings.extauth, app.plane.translation.settings.extauth_authority) == (
        "gate-extauth.here.svc:9983",
        "/etc/daemun/ca.crt",
    )
    assert without.plane.translation.settings.extauth == ""


async def test_proxies_that_ask_the_authorization_server_get_what_they_show_it_and_no_others_do() -> None:
    app = app_with(asyncio.Event().wait, extauth=True)
    pems = renewed({}, Hosts("gate.here.svc", "gate-extauth.here.svc"), datetime.datetime.now(datetime.UTC))
    app._certified(Certificates(pems[XDS], pems[SERVER_KEY], "", pems[PROXY], pems[PROXY_KEY]))
    docs = [gateway("asks", listener(8080)), gateway("other", listener(8080))]
    docs += [route(name, rule(prefix("/"), to="a"), parents=[name]) for name in ("asks", "other")]
    policy = auth_policy("p", {"kind": "HTTPRoute", "name": "asks"}, basicAuth={"secretRef": {"name": "users"}})
    users = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "users", "namespace": "default"},
        "stringData": {".htpasswd": "ann:$apr1$TYiryv0/$/2FbPWdC2VElGv2/RQOCG/"},
    }
    app.plane.translation.graph.enough = None  # at once: nobody runs what would be left
    found = map(decode, (*docs, policy, users))
    app.plane.take((one.ref, one.value) for one in found if isinstance(one, Decoded))
    shown = [key for key in app.plane.translation.resources if key.resource == str(PROXIES)]
    assert shown == [PartKey("default/asks", SECRET, str(PROXIES))]


def test_the_rate_limit_service_is_one_of_its_own() -> None:
    client = KubeClient.at("http://127.0.0.1:1")
    app = ClusterApp(client, Installation("here", "gate", "one", "daemun:latest", ratelimit=True))
    assert app._client_of(Name("here", "gate-ratelimit")) == quotas.SERVER
    for account in (Name("there", "gate-ratelimit"), Name("here", "gate-extauth"), Name("here", "gate")):
        assert app._client_of(account) is None
    settings = app.plane.translation.settings
    assert (settings.ratelimit, settings.ratelimit_authority) == ("gate-ratelimit.here.svc:9985", "/etc/daemun/ca.crt")
    assert settings.extauth == ""
    assert app._keyring._hosts == Hosts("gate.here.svc", "", "gate-ratelimit.here.svc")


async def test_who_leads_again_performs_again() -> None:
    begun: asyncio.Queue[bool] = asyncio.Queue()

    async def provide() -> None:
        begun.put_nowait(True)
        await asyncio.Event().wait()

    app = app_with(provide)
    duties = asyncio.create_task(app._duties())
    for _ in range(2):
        app._lead(True)
        assert await asyncio.wait_for(begun.get(), 30)
        app._lead(False)
    duties.cancel()
    await asyncio.wait([duties])
    assert duties.cancelled()


@pytest.mark.parametrize("asked", [False, True])
async def test_proxies_print_a_line_for_each_request_if_that_is_asked_for(asked: bool) -> None:
    client = KubeClient.at("http://127.0.0.1:1")
    app = ClusterApp(client, Installation("default", "daemun", "one", "daemun:latest", access_log=asked))
    spec = {"gatewayClassName": "daemun", "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}]}
    found = decode(
        {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "Gateway",
            "metadata": {"name": "gate", "namespace": "default"},
            "spec": spec,
        }
    )
    assert found
    app.plane.translation.apply([(found.ref, found.value)])
    listeners = [encode(part) for key, part in app.plane.translation.resources.items() if key.type_url == LISTENER]
    assert listeners
    assert [b"/dev/stdout" in one for one in listeners] == [asked] * len(listeners)


@pytest.mark.parametrize("classic", [True, False])
def test_without_classic_mode_its_objects_are_not_looked_at(classic: bool) -> None:
    client = KubeClient.at("http://127.0.0.1:1")
    app = ClusterApp(client, Installation("default", "daemun", "one", "daemun:latest", classic=classic))
    assert [(kind in app.source._watches) for kind in sorted(CLASSIC)] == [classic] * len(CLASSIC)
    assert (GLOO, "Settings") in app.source._watches


async def test_a_pod_has_what_the_proxies_of_its_namespace_have_if_that_is_in_the_mesh() -> None:
    app = app_with(asyncio.Event().wait)
    labels = {"daemun.dev/mesh": "enabled"}
    member = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "labels": labels}}
    found = map(decode, (member, gateway("gw", listener(8080))))
    app.plane.take((one.ref, one.value) for one in found if isinstance(one, Decoded))
    assert app._client_of(Name("shop", "default")) == "shop/Mesh"
    assert app._client_of(Name("default", "default")) is None
