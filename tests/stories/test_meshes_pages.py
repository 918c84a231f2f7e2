"""The pages about meshes: what they say is taken as it stands, and the way out leads where the page says."""

import re
from pathlib import Path

from support.backend import Echo
from support.cases import objects
from support.certificates import Authority, authority, server
from support.world import World

PAGES = Path(__file__).parents[2] / "docs/meshes"
HOST = "api.payments.example"


def manifests(page: str) -> list[str]:
    """What is written out whole."""
    blocks = re.findall(r"```yaml\n(.*?)```", (PAGES / f"{page}.md").read_text(), re.DOTALL)
    return [one for one in blocks if "apiVersion" in one]


def test_every_manifest_is_good() -> None:
    found = [ref for page in PAGES.glob("*.md") for one in manifests(page.stem) for ref in objects(one)]
    assert {"Settings", "GatewayParameters", "Upstream", "HTTPRoute"} <= {ref.kind for ref in found}


async def test_the_way_out(world: World) -> None:
    """The host outside stands on loopback here; its name and certificate are the page's."""
    outside = await Echo("outside").start(tls=server(authority().issue(HOST)))
    world.closing(outside.stop)
    (page,) = manifests("egress")
    page = page.replace("8080", str(world.port)).replace(
        f"addr: {HOST}, port: 443", f"addr: localhost, port: {outside.port}"
    )

    def trusting(one: Authority) -> str:
        file = world.base / f"{one.name.rfc4514_string()}.pem"
        file.write_text(one.pem)
        return page.replace("/etc/ssl/certs/ca-certificates.crt", str(file))

    world.write("page.yaml", trusting(authority()))
    await world.start()
    answer = await world.answers(200, host="payments.internal")
    assert (answer.seen["host"], answer.seen["sni"]) == (HOST, HOST)
    world.write("page.yaml", trusting(Authority()))
    await world.answers(503, host="payments.internal")
