"""The pages about meshes: what they say is taken as it stands, and the way out leads where the page says."""

import re
from pathlib import Path

from support.objects.cases import objects
from support.objects.certificates import Authority, authority, server
from support.objects.documents import authorities
from support.scenes.world import World
from support.servers.backend import Echo
from support.servers.nameserver import Nameserver

PAGES = Path(__file__).parents[2] / "docs/meshes"
HOST = "api.payments.example"


def manifests(page: str) -> list[str]:
    """What is written out whole."""
    blocks = re.findall(r"```yaml\n(.*?)```", (PAGES / f"{page}.md").read_text(), re.DOTALL)
    return [one for one in blocks if "apiVersion" in one]


def test_every_manifest_is_good() -> None:
    found = [ref for page in PAGES.glob("*.md") for one in manifests(page.stem) for ref in objects(one)]
    assert {"Settings", "GatewayParameters", "Upstream", "Egress", "HTTPRoute"} <= {ref.kind for ref in found}


async def test_the_way_out_to_hosts_of_a_list(world: World) -> None:
    """The hosts outside stand on loopback here; their names and certificates are the page's."""
    outside = await Echo("outside").start(tls=server(authority().issue(HOST)))
    names = await Nameserver("example.").start()
    world.closing(outside.stop)
    world.closing(names.stop)
    names.put("api.payments", "A", "127.0.0.1")
    *pages, _ = manifests("egress")
    here = {
        "port: 8080": f"port: {world.port}",
        "tls: {}": f"""ports: [{outside.port}]
  nameServers: [{{address: 127.0.0.1, port: {names.port}}}]
  tls: {{caCertificateRefs: [{{group: "", kind: ConfigMap, name: ca}}]}}""",
    }
    text = "---\n".join(pages)
    for written, found in here.items():
        text = text.replace(written, found)
    world.write("page.yaml", text)
    world.write("ca.yaml", authorities("shop/ca", authority().pem))
    await world.start()
    asked = f"{HOST}:{outside.port}"
    answer = await world.answers(200, "/charges", host=asked)
    assert (answer.seen["host"], answer.seen["sni"], answer.seen["path"]) == (asked, HOST, "/charges")
    assert (await world.ask("/charges", host=f"api.other.example:{outside.port}")).status == 403
    answer = await world.answers(200, host="payments.internal")
    assert (answer.seen["host"], answer.seen["sni"]) == (asked, HOST)


async def test_the_way_out_to_one_host(world: World) -> None:
    """So does this one."""
    host = "billing.example"
    outside = await Echo("outside").start(tls=server(authority().issue(host)))
    world.closing(outside.stop)
    gate, *_, page = manifests("egress")
    page = f"{gate.partition('---')[0]}---\n{page}".replace("8080", str(world.port)).replace(
        f"addr: {host}, port: 443", f"addr: localhost, port: {outside.port}"
    )

    def trusting(one: Authority) -> str:
        file = world.base / f"{one.name.rfc4514_string()}.pem"
        file.write_text(one.pem)
        return page.replace("/etc/ssl/certs/ca-certificates.crt", str(file))

    world.write("page.yaml", trusting(authority()))
    await world.start()
    answer = await world.answers(200, host="billing.internal")
    assert (answer.seen["host"], answer.seen["sni"]) == (host, host)
    world.write("page.yaml", trusting(Authority()))
    await world.answers(503, host="billing.internal")
