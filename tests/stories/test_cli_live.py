"""The commands that look at a proxy that runs: `daemun proxy`, and `daemun explain --live`."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from daemun.base.names import GATEWAY, Ref
from daemun.cli.doors import PodDoor
from daemun.cli.traced import follow
from daemun.explain import request_from
from daemun.provision import state
from support.objects.certificates import Authority
from support.objects.documents import exact, gateway, listener, prefix, route, rule, secret, use
from support.scenes.stage import DAEMUN, Stage
from support.servers.ports import free_port


class Commands(Stage):
    """`daemun up` in one process, and what others are told about it."""

    async def run(self, *words: str, code: int = 0) -> str:
        """What a command prints, on standard output, or on standard error if it fails with a message."""
        process = await asyncio.create_subprocess_exec(
            str(DAEMUN),
            *words,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=self.env,
        )
        out, error = await process.communicate()
        assert process.returncode == code, (out, error)
        assert b"Traceback" not in error
        return (out or error).decode()

    async def proxy(self, command: str, *words: str, code: int = 0) -> str:
        """`daemun proxy COMMAND`, of the folder that is served."""
        return await self.run("proxy", command, "-f", str(self.folder), *words, code=code)

    async def live(self, url: str, *words: str, code: int = 0) -> dict:
        """`daemun explain --live`, as data."""
        told = await self.run(
            "explain", str(self.folder), "GET", url, "--real-ports", "--live", "-o", "json", *words, code=code
        )
        return json.loads(told)


@pytest_asyncio.fixture
async def stage() -> AsyncIterator[Commands]:
    one = Commands()
    try:
        await one.echo("a", "b")
        one.write("gateway.yaml", gateway("gw", listener(one.port)))
        rules = (
            rule(prefix("/a"), to="a", filters=[use("RequestHeaderModifier", set=[{"name": "x-set", "value": "yes"}])]),
            rule(exact("/away"), filters=[use("RequestRedirect", hostname="b.test")]),
        )
        one.write("route.yaml", route("r", *rules, hosts=["a.test"]))
        yield one
    finally:
        await one.strike()


async def test_a_proxy_that_runs(stage: Commands) -> None:
    proxies = ("get", "proxies", "-f", str(stage.folder), "--real-ports")
    assert (await stage.run(*proxies)).splitlines()[1].split("\t")[-1] == "NotRunning"
    assert "no `daemun up` serves Gateway default/gw" in await stage.proxy("logs", code=1)
    await stage.up("--real-ports")
    assert (await stage.run(*proxies)).splitlines()[1].split("\t")[-1] == "ready"
    assert (await stage.proxy("url", "--real-ports")).split() == [f"http://127.0.0.1:{stage.port}"]
    assert (await stage.proxy("address", "gw", "--real-ports")).split() == [f"127.0.0.1:{stage.port}"]
    assert "all dependencies initialized" in await stage.proxy("logs", "default/gw")
    dump = json.loads(await stage.proxy("config", "-o", "json"))
    assert {one["@type"].rpartition(".")[2] for one in dump["configs"]} > {"ListenersConfigDump", "ClustersConfigDump"}
    assert "cluster_manager.active_clusters: " in await stage.proxy("stats", "--match", "^cluster_manager")
    assert "# TYPE" in await stage.proxy("stats", "--prometheus")
    assert "Did you mean default/gw?" in await stage.proxy("url", "defualt/gw", code=1)
    assert "--yes" not in await stage.proxy("drain", code=1)
    assert "default/gw drains" in await stage.proxy("drain", "--yes")

    answer = await stage.ask("/a", host="a.test")
    assert (answer.status, answer.headers.get("connection")) == (200, "close")  # clients are sent elsewhere


async def test_a_log_that_is_followed(stage: Commands) -> None:
    await stage.up("--real-ports")
    words = ("proxy", "logs", "-f", str(stage.folder), "--tail", "0", "--follow")
    process = await asyncio.create_subprocess_exec(str(DAEMUN), *words, stdout=asyncio.subprocess.PIPE, env=stage.env)
    assert process.stdout is not None

    async def told() -> bytes:
        # It is not known when it begins to follow, so there is something to log again and again.
        stage.write("gateway.yaml", gateway("gw", listener(stage.port), listener(free_port(), "more")))
        return await asyncio.wait_for(process.stdout.readline(), 3)

    line = b""
    for _ in range(10):
        with contextlib.suppress(TimeoutError):
            line = await told()
            break
    assert b"[info]" in line
    process.send_signal(signal.SIGINT)
    assert await process.wait() == 0


async def test_what_a_proxy_has_and_should_have(stage: Commands) -> None:
    command = await stage.up("--real-ports")
    assert "0 differences" in await stage.proxy("diff", "--real-ports")
    command.process.send_signal(signal.SIGSTOP)  # it will not hear of any change
    try:
        stage.write("route.yaml", route("r", rule(prefix("/a"), to="b"), hosts=["a.test"]))
        stage.write("more.yaml", route("more", rule(to="b"), hosts=["b.test"]))
        found = json.loads(await stage.proxy("diff", "--real-ports", "-o", "json", code=1))
        kinds = {(one["state"], one["type"]) for one in found}
        assert kinds >= {
            ("too much", "Cluster"),
            ("missing", "Cluster"),
            ("missing", "ScopedRouteConfiguration"),
            ("differs", "ScopedRouteConfiguration"),
        }
        (changed,) = [one for one in found if one["state"] == "differs"]
        assert any("routes" in field for field in changed["fields"])
    finally:
        command.process.send_signal(signal.SIGCONT)


async def test_what_really_happened_to_requests(stage: Commands) -> None:
    await stage.up("--real-ports")
    url = f"http://a.test:{stage.port}"
    before = await stage.proxy("stats", "--match", "^http.admin.downstream_rq_2xx")
    assert before

    found = await stage.live(f"{url}/a/1", "-H", "x-mine: 1")
    happened = found["happened"]
    assert happened["cluster"] == "service/default/a/80"
    assert ["x-set", "yes"] in happened["sent"]
    assert happened["endpoint"] == f"127.0.0.1:{stage.backends['a'].port}"
    assert {(one["what"], one["verdict"]) for one in found["compared"]} == {
        (what, "as it should be") for what in ("cluster", "path", "host", "endpoint")
    }
    assert "envoy.filters.http.router" in {one["what"] for one in happened["steps"]}

    away = await stage.live(f"{url}/away")
    assert [one["was"] for one in away["compared"]] == ["none", "302", f"http://b.test:{stage.port}/away"]
    nobody = await stage.live(f"{url}/nobody")
    assert nobody["happened"]["details"] == "direct_response"
    assert [one["was"] for one in nobody["compared"]] == ["none", "404"]

    told = await stage.run("explain", str(stage.folder), "GET", f"{url}/a", "--real-ports", "--live")
    assert "As explained cluster  service/default/a/80" in told


async def test_the_log_is_as_quiet_as_before(stage: Commands) -> None:
    await stage.up("--real-ports")
    await stage.live(f"http://a.test:{stage.port}/a")
    log = await stage.proxy("logs", "--tail", "100000")
    await stage.ask("/a", host="a.test")
    await stage.proxy("stats")
    assert await stage.proxy("logs", "--tail", "100000") == log


async def test_a_proxy_that_does_otherwise(stage: Commands) -> None:
    command = await stage.up("--real-ports")
    command.process.send_signal(signal.SIGSTOP)
    try:
        stage.write("route.yaml", route("r", rule(prefix("/a"), to="b"), hosts=["a.test"]))
        found = await stage.live(f"http://a.test:{stage.port}/a", code=1)
        (cluster, *_) = found["compared"]
        assert cluster == {
            "what": "cluster",
            "should": "service/default/b/80",
            "was": "service/default/a/80",
            "verdict": "differs",
        }
    finally:
        command.process.send_signal(signal.SIGCONT)


async def test_over_tls_and_to_nobody(stage: Commands) -> None:
    port = free_port()
    chain, key = Authority().issue("a.test")
    stage.write("secret.yaml", secret("s", chain, key))
    stage.write("gateway.yaml", gateway("gw", listener(stage.port), listener(port, "tls", certs=["s"])))
    await stage.up("--real-ports")
    found = await stage.live(f"https://a.test:{port}/a")
    assert found["happened"]["cluster"] == "service/default/a/80"
    words = ("explain", str(stage.folder), "GET", f"http://a.test:{stage.port}/a", "--real-ports", "--live")
    assert "not an address" in await stage.run(*words, "--to", "nonsense", code=2)
    assert "was not answered at 127.0.0.1:1" in await stage.run(*words, "--to", "127.0.0.1:1", code=1)


_KUBECTL = """#!{python}
# kubectl as far as the commands use it, for one pod that is the proxy of a folder.
import os, sys
words = sys.argv[1:]
assert words[:2] == ["-n", "default"], words
words = words[2:]
if words[:2] == ["get", "pods"]:
    print("pod/gw-1")
elif words[0] == "exec":
    assert words[1:5] == ["gw-1", "-c", "envoy", "--"], words
    run = [sys.executable, "-m", "daemun.provision.admin"]
    os.execv(sys.executable, [*run, "{folder}/admin.sock", *words[-2:]])
elif words[0] == "logs":
    lines = words[-1].partition("=")[2]
    os.execvp("tail", ["tail", "-n", "+1" if lines.endswith("s") else lines, "{folder}/envoy.log"])
else:
    sys.exit("Error from server (Forbidden): no")
"""


async def test_a_pod_is_asked_by_way_of_kubectl(stage: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    await stage.up("--real-ports")
    folder = state.locate([stage.folder], stage.env) / state.folder("default/gw")
    program = stage.base / "bin" / "kubectl"
    program.parent.mkdir()
    program.write_text(_KUBECTL.format(python=sys.executable, folder=folder))
    program.chmod(0o700)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    ref = Ref(GATEWAY, "Gateway", "default", "gw")

    def look() -> None:
        pod = PodDoor("", ref.namespace, "gw-daemun", None)
        assert pod.name == "gw-1"
        assert b"LIVE" in pod.admin("/ready") or b"LIVE" in pod.admin("/server_info")
        assert pod.log(1).endswith("\n")
        request = request_from("GET", f"http://a.test:{stage.port}/a")
        found = follow(pod, request, "127.0.0.1", stage.port)
        assert (found.cluster, found.status()) == ("service/default/a/80", 200)
        with pytest.raises(SystemExit):
            PodDoor("", ref.namespace, "gw-daemun", "another")
        program.write_text(_KUBECTL.format(python=sys.executable, folder=folder).replace('"get"', '"none"'))
        with pytest.raises(SystemExit):
            PodDoor("", ref.namespace, "gw-daemun", None)

    await asyncio.to_thread(look)
