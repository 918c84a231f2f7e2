"""Which kinds there are: all groups at a time from an API server that can, version by version from an older one."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from daemun.api.kinds import KINDS
from daemun.base.names import CORE, GATEWAY, GLOO
from daemun.kube.client import KubeClient
from daemun.kube.discovery import Discovery, discover
from daemun.kube.errors import ApiError, UnreadableError
from daemun.kube.transport import Answer, Method
from support.api.told_transport import Told

VERBS = ["get", "list", "watch"]
SECRETS = {"resource": "secrets", "responseKind": {"kind": "Secret"}, "verbs": VERBS}
ROUTES = {
    "resource": "httproutes",
    "responseKind": {"kind": "HTTPRoute"},
    "verbs": VERBS,
    "subresources": [{"subresource": "status", "responseKind": {"kind": "HTTPRoute"}, "verbs": ["get", "patch"]}],
}
UPSTREAMS = {"resource": "upstreams", "responseKind": {"kind": "Upstream"}, "verbs": VERBS}
ODD: dict[str, Any] = {"resource": "gateways", "responseKind": None, "verbs": VERBS}


def group(name: str, version: str, *resources: object) -> dict[str, Any]:
    return {"metadata": {"name": name} if name else {}, "versions": [{"version": version, "resources": resources}]}


class Server(Told):
    """`groups` by the two places at which they are told; `old`: one that tells them version by version."""

    def __init__(self) -> None:
        super().__init__(lambda _: Answer(404))
        self.groups: dict[str, list[Any]] = {"/api": [group("", "v1", SECRETS)], "/apis": []}
        self.old = False
        self.fault = 0
        self.alone = 200
        self.asked: list[str] = []
        self.sent = 0

    async def send(
        self, method: Method, target: str, headers: Mapping[str, str], body: bytes | None, seconds: float
    ) -> Answer:
        self.asked.append(target)
        if self.fault:
            return Answer(self.fault)
        if target in self.groups and self.old:
            return Answer(200, b'{"kind": "APIGroupList", "groups": []}')
        if target in self.groups:
            assert "APIGroupDiscoveryList" in headers["Accept"]
            text = json.dumps({"kind": "APIGroupDiscoveryList", "items": self.groups[target]}).encode()
            tag = f'"{hash(text)}"'
            if headers.get("If-None-Match") == tag:
                return Answer(304, tag=tag)
            self.sent += 1
            return Answer(200, text, tag=tag)
        if self.alone == 503:
            return Answer(503)
        if target == f"/apis/{GATEWAY}/v1" and self.alone == 200:
            status = {"name": "httproutes/status", "kind": "HTTPRoute"}
            known = {"resources": [{"name": "httproutes", "kind": "HTTPRoute", "verbs": VERBS}, status]}
            return Answer(200, json.dumps(known).encode())
        return Answer(404)


def looking(server: Server) -> Discovery:
    return Discovery(KubeClient(server, "http://cluster", "default"), KINDS)


async def test_all_groups_are_told_at_a_time_and_nothing_twice() -> None:
    server = Server()
    server.groups["/apis"] = [group(GATEWAY, "v1", ROUTES, ODD), group(GLOO, "v1", UPSTREAMS)]
    discovery = looking(server)
    found = await discovery.look()
    assert found.keys() == {(CORE, "Secret"), (GATEWAY, "HTTPRoute"), (GLOO, "Upstream")}
    assert found[GATEWAY, "HTTPRoute"].path() == f"/apis/{GATEWAY}/v1/httproutes"
    assert not found[GATEWAY, "HTTPRoute"].whole
    assert found[GLOO, "Upstream"].whole  # its status is no subresource here
    server.asked.clear()
    assert await discovery.look() == found
    assert (server.asked, server.sent) == (["/api", "/apis"], 2)


async def test_kinds_come_and_go() -> None:
    server = Server()
    server.alone = 404
    discovery = looking(server)
    assert (await discovery.look()).keys() == {(CORE, "Secret")}
    server.groups["/apis"] = [group(GATEWAY, "v1", ROUTES)]
    assert (await discovery.look()).keys() == {(CORE, "Secret"), (GATEWAY, "HTTPRoute")}
    server.groups["/apis"] = []
    assert (await discovery.look()).keys() == {(CORE, "Secret")}


async def test_an_api_server_that_starts_is_not_believed_that_there_are_no_kinds() -> None:
    """It tells of groups from its first moment, and of a single version only when it knows all."""
    server = Server()
    server.alone = 503
    discovery = looking(server)
    with pytest.raises(ApiError):
        await discovery.look()
    server.alone = 200
    server.groups["/apis"] = [group(GATEWAY, "v1", ROUTES)]
    found = await discovery.look()
    assert found.keys() == {(CORE, "Secret"), (GATEWAY, "HTTPRoute")}
    server.groups["/apis"] = []
    server.alone = 503
    for _ in range(2):
        with pytest.raises(ApiError):
            await discovery.look()
    server.alone = 200
    assert await discovery.look() == found
    server.alone = 404  # now it is gone
    assert (await discovery.look()).keys() == {(CORE, "Secret")}
    server.asked.clear()
    assert (await discovery.look()).keys() == {(CORE, "Secret")}
    assert server.asked == ["/api", "/apis"]


@pytest.mark.parametrize("fault", [403, 404, 406])
async def test_who_does_not_tell_all_at_a_time_is_asked_for_each_version(fault: int) -> None:
    server = Server()
    server.old = True
    discovery = looking(server)
    assert (await discovery.look()).keys() == {(GATEWAY, "HTTPRoute")}
    server.old, server.alone = False, 404
    server.groups["/apis"] = [group(GLOO, "v1", UPSTREAMS)]
    assert (await discovery.look()).keys() == {(CORE, "Secret"), (GLOO, "Upstream")}

    class Refuses(Server):
        async def send(
            self, method: Method, target: str, headers: Mapping[str, str], body: bytes | None, seconds: float
        ) -> Answer:
            if target in self.groups:
                return Answer(fault)
            return await super().send(method, target, headers, body, seconds)

    assert (await looking(Refuses()).look()).keys() == {(GATEWAY, "HTTPRoute")}


async def test_a_server_that_fails_says_nothing_of_kinds() -> None:
    server = Server()
    discovery = looking(server)
    found = await discovery.look()
    for server.fault in (429, 500, 503):
        with pytest.raises(ApiError):
            await discovery.look()
    server.fault = 0
    assert await discovery.look() == found
    server.groups["/api"] = [{"metadata": "nonsense"}]
    for _ in range(2):
        with pytest.raises(UnreadableError):
            await discovery.look()
    server.groups["/api"] = [group("", "v1", SECRETS)]
    assert await discovery.look() == found


async def test_one_kind_is_asked_for_alone() -> None:
    server = Server()
    client = KubeClient(server, "http://cluster", "default")
    [route] = [one for one in KINDS if (one.group, one.kind) == (GATEWAY, "HTTPRoute")]
    assert (await discover(client, [route])).keys() == {(GATEWAY, "HTTPRoute")}
    assert "/apis" not in server.asked
