"""The pages about TLS: scripts make the Secrets, manifests are served as they stand, and what is said there holds."""

import asyncio
import re
import shutil
import ssl
from pathlib import Path

import pytest

from support.clients.client import connection, exchange
from support.clients.stapled import stapled
from support.scenes.world import World, until
from support.servers.ports import free_port

PAGES = Path(__file__).parents[2] / "docs/features"
HOST = "api.example.com"
needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is missing, which the pages use")


async def served(world: World, page: str) -> tuple[Path, int]:
    """Do as a page says. Where its script put its files, and the port that stands for the page's."""
    text = (PAGES / f"{page}.md").read_text()
    port = free_port()
    (world.base / "manifests").symlink_to(world.folder)
    for script in re.findall(r"```sh\n(.*?)```", text, re.DOTALL):
        process = await asyncio.create_subprocess_exec(
            "bash", "-ec", script, cwd=world.base, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        out, _ = await process.communicate()
        assert process.returncode == 0, out.decode()
    for number, manifest in enumerate(re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)):
        world.write(f"page-{number}.yaml", manifest.replace("8443", str(port)).replace("8080", str(port)))
    await world.start()
    return world.base, port


def client(base: Path, name: str = "") -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if name:
        context.load_cert_chain(base / f"{name}.crt", base / f"{name}.key")
    return context


async def status(port: int, context: ssl.SSLContext) -> int:
    async with connection(port, tls=context, sni=HOST) as (reader, writer):
        return (await exchange(reader, writer, host=HOST)).status


@needs_openssl
async def test_https_listeners(world: World) -> None:
    base, port = await served(world, "tls")
    assert await status(port, client(base)) == 302
    old = client(base)
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises((ssl.SSLError, OSError)):
        await status(port, old)


@needs_openssl
async def test_rotation(world: World) -> None:
    base, port = await served(world, "certificate-rotation")
    assert await status(port, client(base)) == 302


@needs_openssl
async def test_ocsp_stapling(world: World) -> None:
    base, port = await served(world, "ocsp-stapling")
    assert await status(port, client(base)) == 302
    assert await stapled(port, HOST) == (base / "staple.der").read_bytes()


@needs_openssl
async def test_client_certificates(world: World) -> None:
    base, port = await served(world, "client-certificates")
    assert await status(port, client(base, "alice")) == 302
    for nobody in (client(base), client(base, "tls")):
        with pytest.raises((ssl.SSLError, OSError)):
            await status(port, nobody)


@needs_openssl
async def test_tls_to_backends(world: World) -> None:
    base, port = await served(world, "backend-tls")
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(base / "ca.crt"))
    server.verify_mode = ssl.CERT_REQUIRED
    server.load_cert_chain(base / "bank.crt", base / "bank.key")

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")

    bank = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=server)
    at = bank.sockets[0].getsockname()[1]
    page = next(path for path in world.folder.glob("page-*.yaml") if "9443" in path.read_text())
    world.write(page.name, page.read_text().replace("9443", str(at)))

    async def asked() -> bool:
        return (await world.ask("/", port=port)).status == 200

    await until(asked)
    bank.close()
