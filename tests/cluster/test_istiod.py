"""A real istiod: our proxies have certificates of its authority, and a pod's Envoy is configured by it to want them.

Istio's own build of Envoy is not there: the sidecar is the Envoy that Daemun runs, and a stand-in of Istio's agent
hands it the pod's certificate, which istiod has issued too.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from daemun.sources.identities import istio as issuing
from support.clients.client import Answer, ask
from support.envoys.standing import StandingEnvoy
from support.objects.documents import gateway, listener, reference, route, rule
from support.objects.istio_pods import pod, service, settings, slice_
from support.scenes.world import World, fresh, load, until
from support.servers.ports import free_port
from support.servers.sds import SdsServer

from .istiod import ADDRESS, DOMAIN, Istiod

EACH_ANEW = {"connectionConfig": {"maxRequestsPerConnection": 1}}
"""A handshake for each request, so that each shows which certificate there is."""
US = "daemun-system", "daemun"
PEERS = "/apis/security.istio.io/v1/namespaces/default/peerauthentications/default"


def sidecar(port: int, to: int) -> dict[str, Any]:
    """What the Envoy of the pod `within` listens on, without a redirection of its network."""
    ingress = {
        "port": {"number": port, "protocol": "HTTP", "name": "http"},
        "bind": ADDRESS,
        "captureMode": "NONE",
        "defaultEndpoint": f"{ADDRESS}:{to}",
    }
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "Sidecar",
        "metadata": {"name": "within", "namespace": "default"},
        "spec": {
            "workloadSelector": {"labels": {"app": "within"}},
            "ingress": [ingress],
            "egress": [{"hosts": ["~/*"]}],
        },
    }


def authentication(mode: str) -> dict[str, Any]:
    meta = {"name": "default", "namespace": "default"}
    return {
        "apiVersion": "security.istio.io/v1",
        "kind": "PeerAuthentication",
        "metadata": meta,
        "spec": {"mtls": {"mode": mode}},
    }


class Mesh:
    """A world whose Service `app` is a pod behind the sidecar that istiod configures, at `port`."""

    def __init__(self, world: World, istio: Istiod, client: Any) -> None:
        self.world, self.istio, self.client, self.port = world, istio, client, free_port()

    async def begin(self) -> None:
        await self.world.echo("within")
        self.client.apply(authentication("STRICT"))
        self.client.apply(sidecar(self.port, self.world.backends["within"].port))
        found = {**pod("within", "istio"), "metadata": {"name": "within", "namespace": "default"}}
        found["metadata"]["labels"] = {"app": "within", "security.istio.io/tlsMode": "istio"}
        found["spec"] = {**found["spec"], "serviceAccountName": "backend", "nodeName": "node"}
        self.client.apply(found)
        path = "/api/v1/namespaces/default/pods/within/status"
        ready = [{"type": "Ready", "status": "True"}]
        running = {"phase": "Running", "podIP": ADDRESS, "podIPs": [{"ip": ADDRESS}], "conditions": ready}
        self.client.merge(path, {"status": running})
        theirs = await self._issued("default", "backend")
        agent = await SdsServer(
            (theirs.certificate, theirs.key), theirs.authorities.decode(), ("default", "ROOTCA")
        ).start()
        self.world.closing(agent.stop)
        bootstrap = self.istio.sidecar("within", "backend", agent.port)
        envoy = await asyncio.to_thread(StandingEnvoy, bootstrap, self.port)  # the agent answers on this loop

        async def close() -> None:
            envoy.close()

        self.world.closing(close)
        self.world.write("within.yaml", pod("within", "istio"), slice_("app", self.port, "within"))
        self.world.write("gateway.yaml", gateway("gw", listener(self.world.port)))
        app = service("app")
        app["metadata"]["annotations"] = {"gloo.solo.io/upstream_config": json.dumps(EACH_ANEW)}
        self.world.write("route.yaml", route("r", rule(to="app"), parents=[reference("gw")]), app)
        self.auto_mtls(on=True)

    def auto_mtls(self, *, on: bool) -> None:
        self.world.write("settings.yaml", settings(enableIntegration=True, enableAutoMtls=on))

    async def start(self) -> None:
        await self.world.start(istiod=self._account(*US), clean=False)

    async def plain(self) -> int:
        """What the pod answers to somebody without TLS; 0 if it hangs up."""
        with contextlib.suppress(OSError, EOFError):
            return (await ask(self.port, "/")).status
        return 0

    def _account(self, namespace: str, name: str) -> issuing.Istiod:
        """A ServiceAccount, as istiod is asked by it."""
        token, root = self.world.base / f"{name}.token", self.world.base / f"{name}.pem"
        token.write_text(self.istio.token(namespace, name))
        root.write_text(self.istio.root(namespace))
        return issuing.Istiod(self.istio.address, token, root)

    async def _issued(self, namespace: str, name: str) -> Any:
        async with contextlib.aclosing(issuing.IstioIssuer(self._account(namespace, name)).follow(None)) as found:
            return await anext(found)


@pytest_asyncio.fixture
async def mesh(istio: Istiod) -> AsyncIterator[Mesh]:
    async with fresh() as world:
        one = Mesh(world, istio, istio.client)
        await one.begin()
        yield one


async def test_a_strict_pod_is_reached_by_certificates_of_istiod_and_they_are_renewed(
    mesh: Mesh, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(issuing, "_LIFE_SECONDS", 8)
    world = mesh.world
    shown: list[str] = []

    async def asked() -> Answer:
        """A request; what its sidecar says of the certificate that it came with is noted."""
        answer = await world.ask("/")
        if answer.status == 200:
            shown.append(dict(answer.seen["headers"]).get("x-forwarded-client-cert", ""))
        return answer

    async def known() -> bool:
        await asked()
        assert f"URI=spiffe://{DOMAIN}/ns/{US[0]}/sa/{US[1]}" in shown[-1]
        return True

    async def refused() -> bool:
        assert await mesh.plain() == 0
        return True

    await mesh.start()
    await world.answered_by("within")
    await known()
    assert not world.problems()
    # Each certificate is replaced when half of its time is over, and no request notices.
    async with load(asked) as steady:
        await until(lambda: len(set(shown)) >= 3, 60)
        await steady.more(20)
    assert not steady.failed()
    # In the clear nobody is let in, and neither are we; that it is istiod who says so is seen when it says otherwise.
    await refused()
    mesh.auto_mtls(on=False)
    await world.answers(503)
    mesh.client.merge(PEERS, {"spec": {"mtls": {"mode": "PERMISSIVE"}}})
    await world.answered_by("within")
    assert await mesh.plain() == 200
    mesh.client.merge(PEERS, {"spec": {"mtls": {"mode": "STRICT"}}})
    await until(refused)
    mesh.auto_mtls(on=True)
    await until(known)
    # Istiod away takes nothing with it.
    mesh.istio.kill()
    await known()
