"""The connection to an API server: who it is, with which credentials, and how its failures are told."""

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from daemun.api.kinds import KINDS
from daemun.kube import connections
from daemun.kube.client import KubeClient
from daemun.kube.discovery import discover
from daemun.kube.errors import ApiError, KubeError, UnreachableError
from daemun.kube.transport import Answer
from support.api.fake_api import FakeApi, Refusal
from support.api.told_transport import Asked, Told, answered


def kubeconfig(folder: Path, server: str, user: object = None) -> Path:
    """A kubeconfig with one context."""
    context = {"cluster": "one", "namespace": "mine"} | ({"user": "me"} if user is not None else {})
    document = {
        "clusters": [{"name": "one", "cluster": {"server": server}}],
        "users": [{"name": "me", "user": user}] if user is not None else [],
        "contexts": [{"name": "one", "context": context}],
        "current-context": "one",
    }
    path = folder / "config"
    path.write_bytes(msgspec.json.encode(document))  # JSON is YAML
    return path


def plugin(folder: Path, body: str, version: str = "v1") -> object:
    """A user whose credentials a program gives, which counts its runs in a file."""
    program = folder / "plugin"
    program.write_text(f"#!/bin/sh\necho run >> $RUNS\n{body}")
    program.chmod(0o755)
    api = f"client.authentication.k8s.io/{version}"
    env = [{"name": "RUNS", "value": str(folder / "runs")}]
    return {"exec": {"apiVersion": api, "command": str(program), "env": env, "installHint": "Install it."}}


def runs(folder: Path) -> int:
    return len((folder / "runs").read_text().split())


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
async def test_a_program_gives_a_token_that_is_used_until_it_is_refused(tmp_path: Path, version: str) -> None:
    user = plugin(tmp_path, """echo '{"status": {"token": "token'$(wc -l < $RUNS)'"}}'""", version)
    async with FakeApi() as api, KubeClient.connect(kubeconfig=kubeconfig(tmp_path, api.url, user)) as client:
        assert client.namespace == "mine"
        for _ in range(3):
            await client.get("/api/v1")
        assert runs(tmp_path) == 1
        assert api.authorizations == ["Bearer token1"] * 3
        api.refusals.append(Refusal(401))
        await client.get("/api/v1")
        assert api.authorizations[3:] == ["Bearer token1", "Bearer token2"]


async def test_a_token_that_has_expired_is_renewed_before_it_is_sent(tmp_path: Path) -> None:
    user = plugin(tmp_path, """echo '{"status": {"token": "x", "expirationTimestamp": "2020-01-01T00:00:00Z"}}'""")
    async with FakeApi() as api, KubeClient.connect(kubeconfig=kubeconfig(tmp_path, api.url, user)) as client:
        await client.get("/api/v1")
        await client.get("/api/v1")
        assert runs(tmp_path) == 2


@pytest.mark.parametrize(
    ("body", "why"),
    [("echo log in first >&2; exit 1", "log in first"), ("echo nonsense", "malformed"), ("echo '{}'", "no token")],
)
async def test_a_program_that_gives_no_credentials_is_a_failure_that_may_pass(
    tmp_path: Path, body: str, why: str
) -> None:
    path = kubeconfig(tmp_path, "http://127.0.0.1:1", plugin(tmp_path, body))
    async with KubeClient.connect(kubeconfig=path) as client:
        with pytest.raises(UnreachableError, match=why) as raised:
            await client.get("/api/v1")
        assert raised.value.mend == "Install it."


async def test_a_kubeconfig_may_name_no_user(tmp_path: Path) -> None:
    async with FakeApi() as api, KubeClient.connect(kubeconfig=kubeconfig(tmp_path, api.url)) as client:
        assert b"APIResourceList" in await client.get("/api/v1")


async def test_a_token_that_cannot_be_read_just_now_is_a_failure_that_may_pass(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path, "http://127.0.0.1:1", {"tokenFile": str(tmp_path / "token")})
    async with KubeClient.connect(kubeconfig=path) as client:
        with pytest.raises(UnreachableError, match="token"):
            await client.get("/api/v1")


def test_a_cluster_that_cannot_be_told_is_an_error_with_a_mend(tmp_path: Path) -> None:
    for path in (tmp_path / "absent", kubeconfig(tmp_path, "x", plugin(tmp_path, "", "v9"))):
        with pytest.raises(KubeError):
            KubeClient.connect(kubeconfig=path)


async def test_a_person_s_request_is_sent_again_while_it_is_put_off(tmp_path: Path) -> None:
    async with FakeApi() as api, KubeClient.connect(kubeconfig=kubeconfig(tmp_path, api.url), patient=True) as client:
        api.refusals.extend([Refusal(429, retry_after="0")] * 10)
        await client.get("/api/v1")
        assert len(api.requests) == 11
        for refusal in Refusal(429), Refusal(429, retry_after="99"), Refusal(503, retry_after="0"):
            api.refusals.append(refusal)
            with pytest.raises(ApiError, match=f"it is {refusal.status}"):
                await client.get("/api/v1")
        assert len(api.requests) == 14
        api.refusals.extend([Refusal(429, retry_after="0")] * 11)
        with pytest.raises(ApiError, match="it is 429"):
            await client.get("/api/v1")


async def test_a_refusal_says_what_the_server_said(tmp_path: Path) -> None:
    async with FakeApi() as api, KubeClient.connect(kubeconfig=kubeconfig(tmp_path, api.url)) as client:
        api.refusals.append(Refusal(429, retry_after="7"))
        with pytest.raises(ApiError) as refused:
            await client.get("/api/v1")
        assert (refused.value.status, refused.value.retry_after, refused.value.text) == (429, 7.0, "it is 429")
        api.refusals.append(Refusal(410))
        with pytest.raises(ApiError) as refused:
            await client.get("/api/v1")
        assert refused.value.gone


async def test_nobody_there_is_not_a_refusal(tmp_path: Path) -> None:
    async with KubeClient.connect(kubeconfig=kubeconfig(tmp_path, "http://127.0.0.1:1")) as client:
        with pytest.raises(UnreachableError, match=r"127\.0\.0\.1:1 does not answer"):
            await client.get("/api/v1")


async def test_who_gives_up_leaves_no_connection_open(tmp_path: Path) -> None:
    """A paused server: the system takes connections for it, and nobody answers the TLS handshake."""
    begun, ended = asyncio.Event(), asyncio.Event()

    async def pause(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        begun.set()
        await reader.read()
        ended.set()
        writer.close()

    server = await asyncio.start_server(pause, "127.0.0.1", 0)
    url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, asyncio.timeout(30), KubeClient.connect(kubeconfig=kubeconfig(tmp_path, url)) as client:
        asking = asyncio.create_task(client.get("/api/v1"))
        await begun.wait()
        asking.cancel()
        await ended.wait()
        assert asking.cancelled()


@pytest.mark.parametrize("cancellations", [1, 2])
@pytest.mark.parametrize("watches", [False, True])
async def test_who_gives_up_while_old_connections_are_closed_closes_them_all(
    tmp_path: Path, watches: bool, cancellations: int
) -> None:
    """A server that was away ended many connections at once; whoever asks next closes them, if he is left to it."""

    async def ask(client: KubeClient) -> None:
        if not watches:
            await client.get("/api/v1")
            return
        async with client.stream("/api/v1/secrets", {"watch": "1", "resourceVersion": "0"}, idle=10) as pieces:
            async for _ in pieces:
                pass

    async with FakeApi() as api:
        path = kubeconfig(tmp_path, api.url)
        for steps in range(12):
            before = len(_sockets())
            async with KubeClient.connect(kubeconfig=path) as client:
                await asyncio.gather(*(client.get("/api/v1") for _ in range(6)))
                assert len(_sockets()) >= before + 6, "nothing is kept that could be forgotten"
                await api.stop()
                await api.start()
                asking = asyncio.create_task(ask(client))
                for _ in range(steps):
                    await asyncio.sleep(0)
                for _ in range(cancellations):
                    asking.cancel()
                    await asyncio.sleep(0)
                await asyncio.wait([asking])
            await api.stop()  # its own ends
            await api.start()
            assert len(_sockets()) <= before, f"cancelled after {steps} steps"


def _sockets() -> list[str]:
    """Those that this process has open."""
    links = []
    for one in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            links.append(str(one.readlink()))
    return [link for link in links if link.startswith("socket:")]


class Answering:
    """An API server that has every kind, as `kinds` of any group, and counts what it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.most = self._under_way = 0

    def client(self) -> KubeClient:
        return KubeClient(Told(self._answer), "http://cluster", "default")

    async def _answer(self, request: Asked) -> Answer:
        self.asked.append(request.path)
        self._under_way += 1
        self.most = max(self.most, self._under_way)
        await asyncio.sleep(0)
        self._under_way -= 1
        return answered(
            {"resources": [{"name": "kinds", "kind": one.kind, "verbs": ["list", "watch"]} for one in KINDS]}
        )


async def test_a_look_at_all_kinds_takes_few_connections() -> None:
    server = Answering()
    found = await discover(server.client(), KINDS)
    assert found.keys() == {(kind.group, kind.kind) for kind in KINDS}
    assert len(server.asked) == len(set(server.asked)) > server.most == 2


async def test_a_long_answer_is_put_together_beside_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    beside: list[object] = []

    async def to_thread(work: Callable[..., bytes], *arguments: object) -> bytes:
        beside.append(work)
        return work(*arguments)

    monkeypatch.setattr(connections.asyncio, "to_thread", to_thread)
    path = "/api/v1/configmaps"
    async with FakeApi() as api, KubeClient.at(api.url) as client:
        api.put("configmaps", "n/short", {"data": {"text": "short"}})
        assert b"short" in await client.get(path)
        assert not beside
        text = "long" * (8 << 20)
        api.put("configmaps", "n/long", {"data": {"text": text}})
        assert msgspec.json.decode(await client.get(path))["items"][0]["data"]["text"] == text
        assert len(beside) == 1
