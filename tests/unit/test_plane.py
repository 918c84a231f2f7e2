"""The control plane, and what it must not say while something it needs is on its way."""

import asyncio
import base64

import pytest

from daemun.api.status import GatewayStatus
from daemun.base.names import GATEWAY, Ref
from daemun.gatewayapi.settings import Settings
from daemun.ir.resource import CLUSTER
from daemun.plane.plane import ControlPlane
from daemun.xds.events import Drifted
from support.api.fake_api import FakeApi, Refusal
from support.api.kube_watcher import watching
from support.objects.certificates import authority
from support.objects.documents import gateway, listener

_REF = Ref(GATEWAY, "Gateway", "default", "https")


def _secret() -> dict[str, object]:
    chain, key = authority().issue("a.example.com")
    data = {"tls.crt": base64.b64encode(chain).decode(), "tls.key": base64.b64encode(key).decode()}
    return {"type": "kubernetes.io/tls", "data": data}


async def test_a_certificate_that_is_being_fetched_is_never_said_to_be_missing() -> None:
    said: list[str] = []

    def told() -> None:
        status = plane.translation.statuses.get(_REF)
        if isinstance(status, GatewayStatus):
            said.extend(f"{one.type}={one.status}" for one in status.listeners[0].conditions)

    plane = ControlPlane(Settings(), lambda _: None, told)
    async with FakeApi() as api:
        for name in ("first", "second"):
            api.put("secrets", f"default/{name}", _secret())
        api.put("gateways", "default/https", gateway("https", listener(443, certs=["first"])))
        api.refusals.extend([Refusal(503, "/secrets/first")] * 3)
        async with watching(api.url) as watcher:
            watcher.on_batch = lambda batch: plane.take(batch.objects.items(), lambda: watcher.source.complete)
            for key, want in watcher.source.wants.items():
                plane.translation.sources[key].on_read(want)
            await watcher.until(lambda: watcher.batches)
            assert not said
            assert not plane.placed.is_set()
            await watcher.until(lambda: said)
            assert plane.placed.is_set()

            said.clear()
            api.refusals.extend([Refusal(503, "/secrets/second")] * 3)
            api.put("gateways", "default/https", gateway("https", listener(443, certs=["second"])))
            await watcher.until(lambda: said)
            assert watcher.names("Secret") == {"default/second"}
            assert "ResolvedRefs=True" in said
            assert "ResolvedRefs=False" not in said

            said.clear()
            api.delete("secrets", "default/second")
            await watcher.until(lambda: "ResolvedRefs=False" in said)


async def test_a_proxy_that_lost_all_it_had_is_one_line_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    plane = ControlPlane(Settings(), lambda _: None, lambda: None)
    for number in range(1000):
        plane._heard("default/gw", Drifted(CLUSTER, f"c{number:03}", "unknown"))
    await asyncio.sleep(0)
    told = "The proxy of default/gw did not have what it should: Cluster c000 (unknown) and 999 more; it is sent again."
    assert caplog.messages == [told]
    assert plane.drift == {("Cluster", "unknown"): 1000}
