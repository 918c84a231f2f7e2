"""A11: hosts are the one text of users that Envoy has within a script, the directory of a port with many wildcards."""

from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio

from support.scenes.world import World
from support.worlds.crowds import thresholds

pytestmark = pytest.mark.asyncio(loop_scope="module")
ASKED_FOR = "*.]]error(1)--[[.test"
HOSTILE = [
    ASKED_FOR,
    '*.")error(1)--.test',
    "*.\\.test",
    "*.\\100.test",
    "*.{listed}%s$.test",
    "*.a .test",
    "*.a\t.test",
    "*.ü.test",
    "*.[::1].test",
]
_ENDING = """*.]],"%s")do end io.open("{}","w"):close()for _ in string.gmatch([[.test"""
"""What ends a list in long brackets, and makes a file."""


def _service(name: str, domain: str, status: int) -> dict[str, object]:
    routes = [{"matchers": [{"prefix": "/"}], "directResponseAction": {"status": status}}]
    spec = {"virtualHost": {"domains": [domain], "routes": routes}}
    return _object("VirtualService", name, spec)


def _object(kind: str, name: str, spec: dict[str, object]) -> dict[str, object]:
    metadata = {"name": name, "namespace": "gloo-system"}
    return {"apiVersion": "gateway.solo.io/v1", "kind": kind, "metadata": metadata, "spec": spec}


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def ran(shared: World, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Callable[[], bool]]:
    """Whether what one of the hosts says was run."""
    file = tmp_path_factory.mktemp("ran") / "file"
    spec = {"bindAddress": "::", "bindPort": shared.port, "httpGateway": {}, "proxyNames": ["gateway-proxy"]}
    hostile = [_service(f"h{at}", host, 210 + at) for at, host in enumerate([*HOSTILE, _ENDING.format(file)])]
    plain = [_service("plain", "*.plain.test", 250), _service("any", "*", 251)]
    shared.write("all.yaml", _object("Gateway", "gateway-proxy", spec), *hostile, *plain)
    with thresholds(hosts=1):
        await shared.start(clean=False)
        yield file.exists


@pytest.mark.parametrize(
    ("host", "status"),
    [("x.plain.test", 250), ("X.plain.test:80", 250), ("x.test", 251), (ASKED_FOR.replace("*", "x"), 210)],
)
async def test_a11_a_host_ends_no_script(shared: World, ran: Callable[[], bool], host: str, status: int) -> None:
    assert (await shared.ask("/", host=host)).status == status
    assert not ran()
