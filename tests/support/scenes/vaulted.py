"""A Gateway whose listener's certificate is in Vault, and what it shows."""

import ssl

from cluster.vault import SECRETS
from support.clients.client import connection
from support.objects.certificates import Pair, authority
from support.objects.documents import Doc, gateway, listener, prefix, reference, route, rule
from support.scenes.world import World, until

CA = authority()
READ = (f"secret/data/{SECRETS}/*", f"secret/metadata/{SECRETS}/*")


def settings(*, refresh: str = "1s", **spec: object) -> Doc:
    return {
        "apiVersion": "gloo.solo.io/v1",
        "kind": "Settings",
        "metadata": {"name": "default", "namespace": "gloo-system"},
        "spec": {"refreshRate": refresh, **spec},
    }


def in_gloos_words(pair: Pair) -> dict[str, object]:
    return {"metadata": {"name": "x"}, "tls": {"certChain": pair[0].decode(), "privateKey": pair[1].decode()}}


def plain(pair: Pair) -> dict[str, object]:
    return {"tls.crt": pair[0].decode(), "tls.key": pair[1].decode()}


async def stage(world: World) -> None:
    """A Gateway whose listener wants the Secret `default/cert`."""
    await world.echo("a")
    world.write(
        "gateway.yaml",
        gateway("gw", listener(world.port, "https", certs=["cert"])),
        route("r", rule(prefix("/"), to="a"), parents=[reference("gw")]),
    )


async def shown(world: World, port: int = 0) -> set[str]:
    """The names in the certificate that a listener shows; raises OSError if none is."""
    context = CA.client()
    context.check_hostname = False
    async with connection(port or world.port, tls=context, sni="any.example") as (_, writer):
        return {name for _, name in writer.get_extra_info("peercert")["subjectAltName"]}


async def shows(world: World, name: str, port: int = 0) -> None:
    """In the end, the listener's certificate is that of this name."""
    await until(lambda: _shows(world, name, port), 60)


async def _shows(world: World, name: str, port: int) -> bool:
    try:
        found = await shown(world, port)
    except ssl.SSLError as error:
        raise AssertionError(str(error)) from None
    assert found == {name}, world.problems()
    return True
