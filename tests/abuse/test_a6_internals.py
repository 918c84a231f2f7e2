"""A6: nobody's route leads to what is the gateway's own: its admin interface, its sockets, its machine, its link."""

import msgspec
import pytest

from daemun.api.gloo.upstream import UpstreamSpec
from daemun.gatewayapi.settings import POD_FOLDER, Settings, cluster
from daemun.gloo.upstreams.internals import internal_faults
from daemun.sources import yamldoc
from support.objects.documents import gateway, listener, prefix, route, rule, service, to_upstream, upstream
from support.scenes.world import World
from support.servers.ports import free_port

FOLDER = Settings(private=("/run/daemun-0/abc",))
CLUSTER = cluster(yamldoc.value)


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "::ffff:169.254.169.254",
        "fe80::1",
        "0.0.0.0",
        "::",
        "224.0.0.1",
        "100.100.100.200",
        "2852039166",
        "0xA9FEA9FE",
        "169.254.43518",
        "0251.0376.0251.0376",
    ],
)
@pytest.mark.parametrize("settings", [FOLDER, CLUSTER], ids=["folder", "cluster"])
def test_the_link_and_the_metadata_of_clouds_are_refused_everywhere(address: str, settings: Settings) -> None:
    assert _where(settings, static={"hosts": [{"addr": address, "port": 80}]}) == ["spec.static.hosts[0].addr"]


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "localhost", "a.LOCALHOST."],
)
def test_the_machine_itself_is_refused_in_a_cluster(address: str) -> None:
    spec = {"static": {"hosts": [{"addr": "10.0.0.1", "port": 80}, {"addr": address, "port": 80}]}}
    assert _where(CLUSTER, **spec) == ["spec.static.hosts[1].addr"]
    assert _where(FOLDER, **spec) == []


def test_what_is_allowed_is_let_through() -> None:
    allowed = cluster(yamldoc.value, allowed=("169.254.20.0/24",))
    assert _where(allowed, static={"hosts": [{"addr": "169.254.20.10", "port": 80}]}) == []
    assert _where(allowed, static={"hosts": [{"addr": "169.254.169.254", "port": 80}]})


@pytest.mark.parametrize(
    "path",
    [
        f"{POD_FOLDER}/admin.sock",
        f"/var/..{POD_FOLDER}//admin.sock",
        "//run/./daemun/admin.sock",
        "/proc/self/root/run/daemun/admin.sock",
        "/proc/1/cwd/x",
        "admin.sock",
        "../run/daemun/admin.sock",
    ],
)
def test_a_pipe_to_the_sockets_of_a_proxy_is_refused(path: str) -> None:
    assert _where(CLUSTER, pipe={"path": path}) == ["spec.pipe.path"]


def test_other_pipes_are_not() -> None:
    assert _where(CLUSTER, pipe={"path": "/run/daemunition/app.sock"}) == []
    assert _where(CLUSTER, pipe={"path": "@abstract"}) == []
    assert _where(FOLDER, pipe={"path": "/run/daemun-0/abc/gw/admin.sock"}) == ["spec.pipe.path"]


def test_endpoints_of_failover_are_backends_too() -> None:
    level = {"localityEndpoints": [{"lbEndpoints": [{"address": "169.254.169.254", "port": 80}]}]}
    static = {"hosts": [{"addr": "10.0.0.1", "port": 80}]}
    [where] = _where(CLUSTER, static=static, failover={"prioritizedLocalities": [level]})
    assert where == "spec.failover.prioritizedLocalities[0].localityEndpoints[0].lbEndpoints[0].address"


@pytest.mark.parametrize("address", ["10.0.0.1", "example.com", "1.example.com", "2001:db8::1", "fd00::1"])
@pytest.mark.parametrize("settings", [FOLDER, CLUSTER], ids=["folder", "cluster"])
def test_others_are_not(address: str, settings: Settings) -> None:
    assert _where(settings, static={"hosts": [{"addr": address, "port": 80}]}) == []


SERVERS = {
    "169.254.169.254:80": (False, False),
    "[::ffff:169.254.169.254]:80": (False, False),
    "2852039166:80": (False, False),
    "ipv4:10.0.0.1:80,169.254.169.254:80": (False, False),
    "ipv6:[fe80::1]:80": (False, False),
    "dns:///169.254.169.254:80": (False, False),
    "dns://169.254.169.254/sds.example:80": (False, False),
    f"unix:{POD_FOLDER}/admin.sock": (True, False),
    f"unix://{POD_FOLDER}/../daemun/admin.sock": (True, False),
    "unix:///run/daemun-0/abc/admin.sock": (False, True),
    "unix:run/sds.sock": (False, False),
    "127.0.0.1:8234": (True, False),
    "dns:localhost:8234": (True, False),
    "unix-abstract:sds": (True, False),
    "unix:///var/run/secrets/workload-spiffe-uds/socket": (True, True),
    "sds.example:8234": (True, True),
    "10.0.0.1:8234": (True, True),
    "dns:///sds.example": (True, True),
}
"""SDS servers in gRPC's words, and whether a folder and a cluster may have them."""


@pytest.mark.parametrize("target", SERVERS)
def test_an_sds_server_is_nowhere_inside(target: str) -> None:
    sds = {"targetUri": target, "certificatesSecretName": "own"}
    for settings, allowed in zip((FOLDER, CLUSTER), SERVERS[target], strict=True):
        found = _where(settings, static={"hosts": [{"addr": "a.example", "port": 80}]}, sslConfig={"sds": sds})
        assert found == ([] if allowed else ["spec.sslConfig.sds.targetUri"]), settings


async def test_nor_that_of_a_virtual_service(world: World) -> None:
    api, meta = "gateway.solo.io/v1", {"namespace": "gloo-system"}
    await world.echo("a")
    world.write("other.yaml", gateway("gw", listener(world.port)), route("r", rule(to="a")))
    gate = {"bindAddress": "127.0.0.1", "bindPort": free_port(), "ssl": True, "httpGateway": {}}
    sds = {"targetUri": "169.254.169.254:80", "certificatesSecretName": "own"}
    spec = {
        "sslConfig": {"sniDomains": ["a.test"], "sds": sds},
        "virtualHost": {"domains": ["a.test"], "routes": [{"directResponseAction": {"status": 200}}]},
    }
    world.write(
        "all.yaml",
        {"apiVersion": api, "kind": "Gateway", "metadata": meta | {"name": "g"}, "spec": gate},
        {"apiVersion": api, "kind": "VirtualService", "metadata": meta | {"name": "vs"}, "spec": spec},
    )
    await world.start(clean=False)
    await world.problem("VirtualService gloo-system/vs", "sds.targetUri", "169.254.169.254 is not for that: ")
    assert (await world.ask()).status == 200


async def test_the_admin_interface_is_out_of_reach_of_every_backend(world: World) -> None:
    """By an Upstream with its socket, and by an ExternalName; what stands beside them is served."""
    await world.echo("a")
    named = service("named", 80)[0]
    named["spec"] = {"type": "ExternalName", "externalName": "localhost", "ports": [{"port": 80}]}
    world.write("gateway.yaml", gateway("gw", listener(world.port)), named)
    world.write("route.yaml", route("r", rule(prefix("/"), to="a")))
    await world.start()
    assert world.app is not None
    socket = world.app.proxies.admin("default/gw")
    assert socket.is_socket()
    assert socket.stat().st_mode & 0o077 == 0
    world.write(
        "attack.yaml",
        upstream("admin", pipe={"path": str(socket)}),
        upstream("detour", pipe={"path": f"{socket.parent}/../{socket.parent.name}/admin.sock"}),
        route(
            "pipes",
            rule(prefix("/pipe"), to=[to_upstream("admin")]),
            rule(prefix("/detour"), to=[to_upstream("detour")]),
        ),
        route("names", rule(prefix("/name"), to="named")),
    )
    await world.problem("Upstream default/admin spec.pipe.path")
    for path in ("/pipe", "/detour", "/name"):
        assert (await world.answers(500, path)).backend == ""
    assert (await world.ask("/")).backend == "a"


def _where(settings: Settings, **spec: object) -> list[str]:
    return [one.where for one in internal_faults(msgspec.convert(spec, UpstreamSpec), settings)]
