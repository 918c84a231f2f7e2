"""Upstreams that are made of what is discovered: of Services, and of what is in a Consul (a stand-in)."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from support.objects.documents import Doc, gateway, listener, reference, route
from support.scenes.world import World, fresh, until
from support.standins.consul import Consul

NAMESPACE = "gloo-system"


class Discovered:
    """A world whose route leads to one Upstream, which is discovered."""

    def __init__(self, world: World, consul: Consul) -> None:
        self.world, self.consul = world, consul

    @property
    def folder(self) -> Path:
        return self.world.base / "s" / "discovered"

    def names(self) -> set[str]:
        return {file.stem for file in self.folder.glob("*.json")}

    def read(self, name: str) -> Doc:
        found: Doc = json.loads((self.folder / f"{NAMESPACE}.{name}.json").read_text())
        return found

    def settings(self, **spec: Any) -> None:
        asked = {"discovery": {"udsOptions": {"enabled": True}}, "consul": {"httpAddress": self.consul.address}}
        document = {
            "apiVersion": "gloo.solo.io/v1",
            "kind": "Settings",
            "metadata": {"name": "default", "namespace": NAMESPACE},
            "spec": {**asked, **spec},
        }
        self.world.write("settings.yaml", document)

    def leads_to(self, upstream: str) -> None:
        backend = {"group": "gloo.solo.io", "kind": "Upstream", "name": upstream, "namespace": NAMESPACE}
        grant = {
            "apiVersion": "gateway.networking.k8s.io/v1beta1",
            "kind": "ReferenceGrant",
            "metadata": {"name": "all", "namespace": NAMESPACE},
            "spec": {
                "from": [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "namespace": "default"}],
                "to": [{"group": "gloo.solo.io", "kind": "Upstream"}],
            },
        }
        one = route("r", {"backendRefs": [backend]}, parents=[reference("gw")])
        self.world.write("gateway.yaml", gateway("gw", listener(self.world.port)), one, grant)

    async def has(self, *names: str) -> None:
        expected = {f"{NAMESPACE}.{name}" for name in names}
        await until(lambda: self.names() == expected)

    async def answers(self, *expected: str | int) -> None:
        async def asked() -> bool:
            got = [await self.world.ask("/") for _ in range(4 * len(expected))]
            found = {one.backend if one.status == 200 else one.status for one in got}
            assert found == set(expected), (found, self.world.problems())
            return True

        await until(asked)

    async def put(self, service: str, *backends: str, tags: tuple[str, ...] = ()) -> None:
        await self.consul.put(service, *(self.world.backends[one].port for one in backends), tags=tags)


@pytest_asyncio.fixture
async def one() -> AsyncIterator[Discovered]:
    async with fresh() as world:
        consul = await Consul().start()
        world.closing(consul.stop)
        await world.echo("a", "b")
        found = Discovered(world, consul)
        found.settings()
        found.leads_to("pets")
        yield found


async def test_services_of_consul_come_change_and_go(one: Discovered) -> None:
    await one.put("pets", "a")
    await one.world.start()
    await one.has("pets")
    await one.answers("a")
    assert one.read("pets")["metadata"]["labels"] == {"discovered_by": "consulplugin"}
    assert one.read("pets")["spec"] == {"consul": {"serviceName": "pets", "dataCenters": ["dc1"]}}

    await one.put("cats", "b")
    await one.has("cats", "pets")
    one.leads_to("cats")
    await one.answers("b")
    await one.consul.remove("cats")
    await one.has("pets")
    await one.answers(500)


async def test_a_consul_that_is_away_takes_no_upstream_with_it(one: Discovered) -> None:
    await one.put("pets", "a")
    await one.world.start()
    await one.answers("a")
    await one.consul.stop()
    await one.world.problem("Settings gloo-system/default", "Connect call failed")
    assert one.names() == {"gloo-system.pets"}
    await one.answers("a")

    # Restarted while it is away: what was discovered is there, and what it had said.
    await until((one.world.base / "s" / "instances.json").exists)
    await one.world.end()
    await one.world.start(clean=False)
    await one.world.problem("Settings gloo-system/default", "does not answer")
    await one.answers("a")

    # It comes back without anything. That is believed, too.
    one.consul.forget()
    await one.consul.start()
    await one.has()
    await one.answers(500)


async def test_what_a_user_has_written_is_kept(one: Discovered) -> None:
    await one.put("pets", "a")
    await one.world.start()
    await one.answers("a")

    # An edit of what was made stays, also when the service changes.
    edited = one.read("pets")
    edited["spec"]["connectionConfig"] = {"connectTimeout": "3s"}
    (one.folder / f"{NAMESPACE}.pets.json").write_text(json.dumps(edited))
    await one.put("pets", "a", tags=("blue",))
    await until(lambda: one.read("pets")["spec"]["consul"].get("serviceTags") == ["blue"])
    assert one.read("pets")["spec"]["connectionConfig"] == {"connectTimeout": "3s"}

    # An Upstream of that name that stands in a manifest counts, and what was made goes.
    own = {
        "apiVersion": "gloo.solo.io/v1",
        "kind": "Upstream",
        "metadata": {"name": "pets", "namespace": NAMESPACE},
        "spec": {"static": {"hosts": [{"addr": "127.0.0.1", "port": one.world.backends["b"].port}]}},
    }
    one.world.write("own.yaml", own)
    await one.answers("b")
    await one.has()
    (one.world.folder / "own.yaml").unlink()
    await one.has("pets")
    await one.answers("a")


async def test_a_flood_of_services_is_taken_in(one: Discovered) -> None:
    await one.put("pets", "a")
    await one.world.start()
    await one.answers("a")
    for number in range(300):
        one.consul.add(f"s{number}", one.world.backends["b"].port)
    await one.put("pets", "a", "b")
    await until(lambda: len(one.names()) == 301)
    await one.answers("a", "b")
    one.consul.forget()
    await one.put("pets", "b")
    await one.has("pets")
    await one.answers("b")


@pytest.mark.parametrize("split", [False, True])
async def test_a_tag_says_that_a_service_speaks_tls(one: Discovered, split: bool) -> None:
    root = {"name": "root", "namespace": NAMESPACE}
    asked = {"useTlsTagging": True, "rootCa": root, "splitTlsServices": split, "serviceTagsAllowlist": ["glooUseTls"]}
    one.settings(consulDiscovery=asked)
    await one.put("pets", "a", tags=("glooUseTls",))
    await one.put("plain", "b")
    await one.world.start(clean=False)
    await one.has(*(["pets", "pets-tls"] if split else ["pets"]))
    secure = one.read("pets-tls" if split else "pets")["spec"]
    assert secure["sslConfig"] == {"secretRef": root}
    assert secure["consul"].get("instanceTags") == (["glooUseTls"] if split else None)
    if split:
        assert one.read("pets")["spec"]["consul"]["instanceBlacklistTags"] == ["glooUseTls"]


async def test_ports_of_services_become_upstreams(one: Discovered) -> None:
    def service(name: str, *, labels: Doc | None = None, selector: Doc | None = None, **annotations: str) -> Doc:
        return {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": name, "labels": labels or {}, "annotations": annotations},
            "spec": {
                "selector": {"app": name} if selector is None else selector,
                "ports": [{"name": "http", "port": 80}, {"name": "grpc-x", "port": 81}],
            },
        }

    long = "x" * 60
    unselected = service("bare", selector={}), service("asked", selector={}, **{"gloo.solo.io/discover": "true"})
    one.world.write("services.yaml", service("pets", labels={"team": "a"}), service(long), *unselected)
    await one.world.start(clean=False)  # the Upstream of its route is not there
    expected = {f"gloo-system.default-{name}-{port}" for name in ("pets", "asked") for port in (80, 81)}
    await until(lambda: one.names() > expected)
    others = one.names() - expected
    assert len(others) == 2
    assert all(len(name.removeprefix("gloo-system.")) == 63 for name in others)
    assert one.read("default-pets-81") == {
        "apiVersion": "gloo.solo.io/v1",
        "kind": "Upstream",
        "metadata": {
            "name": "default-pets-81",
            "namespace": NAMESPACE,
            "labels": {"discovered_by": "kubernetesplugin"},
        },
        "spec": {
            "kube": {"serviceName": "pets", "serviceNamespace": "default", "servicePort": 81},
            "useHttp2": True,
            "discoveryMetadata": {"labels": {"team": "a"}},
        },
    }

    one.settings(discovery={"udsOptions": {"enabled": True, "watchLabels": {"team": "b"}}})
    await one.has()
    one.world.write("services.yaml", service("pets", labels={"team": "b"}))
    await one.has("default-pets-80", "default-pets-81")
    one.settings(discovery={"udsOptions": {"enabled": False}})
    (one.world.folder / "services.yaml").unlink()
    one.settings(discovery={"udsOptions": {"enabled": True}})
    await one.has()
