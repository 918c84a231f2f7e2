"""The control plane is killed and starts again while the API server is away: what was served last is served."""

import asyncio
import base64
import contextlib
import ssl
from pathlib import Path

import pytest

from cluster.api import ApiServer
from daemun.provision import binary
from support.clients.client import ask
from support.objects.certificates import authority
from support.scenes.gate import Gate, Serving, gate
from support.scenes.world import until
from support.servers.ports import free_port

TLS_HOST = "tls.example.com"
SECONDS = 60.0


def keeping(one: Serving, folder: Path) -> Serving:
    """It keeps what it serves, as the chart has it."""
    one._arguments += ["--state-dir", str(folder / "state"), "--state-key", str(folder / "key")]
    return one


def serve_tls(here: Gate, port: int) -> None:
    """A second listener, with a certificate."""
    chain, key = authority().issue(TLS_HOST)
    data = {"tls.crt": base64.b64encode(chain).decode(), "tls.key": base64.b64encode(key).decode()}
    meta = {"name": "certificate", "namespace": here.namespace}
    here.api.client.apply(
        {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "type": "kubernetes.io/tls", "data": data}
    )
    listeners = [
        {"name": "http", "port": here.port, "protocol": "HTTP"},
        {"name": "https", "port": port, "protocol": "HTTPS", "tls": {"certificateRefs": [{"name": "certificate"}]}},
    ]
    here._apply("Gateway", "gate", {"gatewayClassName": "daemun", "listeners": listeners})


async def shows(port: int) -> bool:
    """Whether a client of the TLS listener sees its certificate."""
    context = ssl.create_default_context(cadata=authority().pem)
    with contextlib.suppress(OSError):
        async with asyncio.timeout(30):
            _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=TLS_HOST)
        writer.close()
        return True
    return False


async def renew_proxy(here: Gate) -> None:
    """The proxy's container is killed and starts again, with the files it had."""
    assert here._envoy is not None
    here._envoy.kill()
    await here._envoy.wait()
    with (here.folder / "envoy.log").open("ab") as log:
        here._envoy = await asyncio.create_subprocess_exec(
            str(binary.find()),
            *(
                "-c",
                str(here.folder / "bootstrap.json"),
                "--disable-hot-restart",
                "--concurrency",
                "1",
                "-l",
                "warning",
            ),
            stdout=log,
            stderr=log,
        )


@pytest.mark.timeout(300)
async def test_a_start_without_the_api_server_serves_what_was_served_last(api_server: ApiServer) -> None:
    async with gate(api_server, "cold-start") as here:
        tls_port = free_port()
        serve_tls(here, tls_port)
        one = keeping(here.replica("one"), here.folder)
        await one.start()
        await here.proxy()
        here.route("late", "/late")
        await here.serves("late", "/late")
        await until(lambda: shows(tls_port), SECONDS)

        async def kept() -> bool:
            return (here.folder / "state" / "issuer").exists() and not await one.total("daemun_last_good_pending")

        await until(kept, 20)
        here.route("latest", "/latest")
        await here.serves("latest", "/latest")
        await until(kept, 20)
        assert [one for one in (here.folder / "state").glob("journal-*") if one.stat().st_size], "added"
        api_server.kill()
        try:
            with here.steady():
                await one.kill()
                await one.start()
                await until(one.ready, SECONDS)
                assert await one.total("daemun_serving_last_good") == 1
                assert "the API server does not answer" in (await ask(one.health_port, "/readyz")).body.decode()
                await until(lambda: connected(here), SECONDS)
            assert await one.total("daemun_xds_refused_total") == 0
            await renew_proxy(here)
            await here.serves("late", "/late")
            await here.serves("latest", "/latest")
            await until(lambda: shows(tls_port), SECONDS)
            await until(lambda: has_all(one), SECONDS)
            acked = await one.figures("daemun_xds_acks_total")
        finally:
            api_server.start()

        async def live() -> bool:
            return await one.leads() and not await one.total("daemun_serving_last_good")

        with here.steady():
            await until(live, SECONDS)
            await until(lambda: one.idle(3), SECONDS)
            assert await one.figures("daemun_xds_acks_total") == acked, "what it says now is what was served"
            assert await one.total("daemun_status_writes_total") == 0
            here.route("late", "/later")
            await here.serves("late", "/later")


async def has_all(one: Serving) -> bool:
    return await one.total("daemun_proxies_synced") == 1


async def connected(here: Gate) -> bool:
    return await here.counter("envoy_control_plane_connected_state") == 1
