"""Places for Secrets: what is kept when one fails, who waits for it, and what may be asked of it at all."""

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import pytest
from aiohttp import web

from daemun.api.core import Secret
from daemun.api.gloo.settings import Directory, SecretOptions, SecretSource, SettingsSpec, VaultSecrets, VaultTlsConfig
from daemun.api.meta import ObjectMeta
from daemun.base.names import CORE, Name, Ref
from daemun.gatewayapi.findings import Finding
from daemun.gloo.secrets import places
from daemun.sources.secrets.directory import DirectoryStore
from daemun.sources.secrets.poller import Pace, Poller
from daemun.sources.secrets.store import Answer, StoreError
from daemun.sources.secrets.vault.http import VaultClient
from daemun.sources.secrets.vault.kv import KvStore
from daemun.sources.secrets.vault.logins import TokenLogin
from daemun.sources.secrets.vault.opened import opened
from daemun.sources.secrets.vault.session import Session
from daemun.sources.secrets.watcher import Objects, SecretWatcher
from daemun.sources.signatures import Credentials
from support.scenes.world import until
from support.servers.sites import serve

A, B = Name("here", "a"), Name("here", "b")
QUICK = Pace(refresh=0.02, first=0.01, longest=0.02, patience=0.2)
VAULT = VaultSecrets(address="http://127.0.0.1:1", access_token="t")  # noqa: S106 - of nobody
IN_VAULT = SettingsSpec(vault_secret_source=VAULT)


def secret(name: Name, text: str) -> Secret:
    return Secret(ObjectMeta(name.name, name.namespace), data={"x": text.encode()})


class Fake:
    """A place that says what it is told to."""

    def __init__(self) -> None:
        self.held: dict[Name, str | StoreError] = {}
        self.failure: StoreError | None = None
        self.asked: list[Name] = []
        self.closed = False
        self.pause = 0.0

    async def fetch(self, name: Name, version: str) -> Answer | None:
        self.asked.append(name)
        await asyncio.sleep(self.pause)
        if self.failure is not None:
            raise self.failure
        found = self.held.get(name)
        if isinstance(found, StoreError):
            raise found
        if found is None:
            return Answer("", None)
        return None if found == version else Answer(found, secret(name, found))

    async def keep(self) -> None:
        if self.failure is not None:
            raise self.failure

    async def close(self) -> None:
        self.closed = True


@contextlib.asynccontextmanager
async def running(poller: Poller) -> AsyncIterator[None]:
    task = asyncio.create_task(poller.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_only_what_is_wanted_is_asked_for_and_what_is_not_any_more_is_let_go() -> None:
    store = Fake()
    store.held = {A: "1", B: "1"}
    poller = Poller(store, QUICK, lambda: None)
    poller.want([A], [])
    async with running(poller):
        await until(lambda: A in poller.held)
        assert set(store.asked) == {A}
        poller.want([B], [A])
        await until(lambda: B in poller.held)
        assert A not in poller.held
    assert store.closed


async def test_a_failure_takes_nothing_away_and_ends_by_itself() -> None:
    store = Fake()
    store.held = {A: "1"}
    poller = Poller(store, QUICK, lambda: None)
    poller.want([A], [])
    async with running(poller):
        await until(lambda: A in poller.held)
        store.failure = StoreError("away")
        await until(lambda: poller.errors > 3)
        assert poller.held[A].get("x") == b"1"
        assert [error.text for _, error in poller.troubles()] == ["away"]
        store.failure, store.held[A] = None, "2"
        await until(lambda: poller.held[A].get("x") == b"2")
        assert not poller.troubles()


async def test_one_broken_secret_is_alone_in_that_and_stays_as_it_was() -> None:
    store = Fake()
    store.held = {A: "1", B: "1"}
    poller = Poller(store, QUICK, lambda: None)
    poller.want([A, B], [])
    async with running(poller):
        await until(lambda: len(poller.held) == 2)
        store.held = {A: StoreError("is broken", whole=False), B: "2"}
        await until(lambda: poller.held[B].get("x") == b"2" and poller.troubles())
        assert poller.held[A].get("x") == b"1"
        assert [name for name, _ in poller.troubles()] == [A]
        del store.held[A]
        await until(lambda: A not in poller.held)


async def test_nobody_waits_for_ever_for_a_place_that_is_away_nor_again_for_the_next_secret() -> None:
    store = Fake()
    store.failure = StoreError("away")
    poller = Poller(store, QUICK, lambda: None)
    poller.want([A], [])
    assert not poller.complete
    async with running(poller):
        await until(lambda: poller.complete)
        poller.want([B], [])
        assert poller.complete
        store.held, store.failure = {A: "1", B: "1"}, None
        await until(lambda: len(poller.held) == 2)


async def test_nobody_waits_for_ever_for_a_place_that_answers_slowly() -> None:
    """Each answer comes in time, and all of them take too long."""
    store, names = Fake(), [Name("here", f"n{number:02}") for number in range(40)]
    store.held, store.pause = dict.fromkeys(names, "1"), QUICK.patience * 0.9
    poller = Poller(store, QUICK, lambda: None)
    poller.want(names, [])
    began = time.monotonic()
    async with running(poller):
        await until(lambda: poller.complete)
        assert len(poller.held) < len(names), "nobody waits any more"
        assert any("takes more than" in error.text for _, error in poller.troubles())
        poller.want([B], [])
        assert poller.complete, "nor for what is wanted then"
        await until(lambda: len(poller.held) == len(names))
        assert time.monotonic() - began > QUICK.patience
        store.pause = 0.0
        await until(lambda: not poller.troubles())
        poller.want([A], [])
        assert not poller.complete, "it is waited for again"
        await until(lambda: poller.complete)


async def test_a_place_that_has_been_away_for_long_is_not_waited_for() -> None:
    store = Fake()
    store.held = {A: "1"}
    poller = Poller(store, QUICK, lambda: None)
    poller.want([A], [])
    async with running(poller):
        await until(lambda: A in poller.held)
        store.failure = StoreError("away")
        await until(lambda: poller.slow)
        poller.want([B], [])
        assert poller.complete


@pytest.mark.parametrize("number", [1, 3])
async def test_what_is_not_answered_while_others_are_holds_up_no_other(number: int) -> None:
    """Though it comes first by its name."""
    store, silent = Fake(), [Name("a", f"n{index}") for index in range(number)]
    store.held = {**dict.fromkeys([A, B], "1"), **dict.fromkeys(silent, StoreError("says nothing"))}
    poller = Poller(store, QUICK, lambda: None)
    poller.want([A, B, *silent], [])
    async with running(poller):
        await until(lambda: len(poller.held) == 2 and poller.complete)
        assert [name for name, _ in poller.troubles()] == silent
        store.held[A] = "2"
        await until(lambda: poller.held[A].get("x") == b"2")


async def test_even_if_they_are_many_others_have_their_turn() -> None:
    store, silent = Fake(), [Name("a", f"n{index:02}") for index in range(20)]
    store.held = {A: "1", **dict.fromkeys(silent, StoreError("says nothing"))}
    poller = Poller(store, QUICK, lambda: None)
    poller.want([A, *silent], [])
    async with running(poller):
        await until(lambda: A in poller.held)
        store.held[A] = "2"
        await until(lambda: poller.held[A].get("x") == b"2")


class Watched:
    """A watcher, and what it tells."""

    def __init__(self, past: Mapping[Name, Secret]) -> None:
        self.stores: dict[str, Fake] = {}
        self.past = past
        self.given: dict[Ref, object | None] = {}
        self.told: Mapping[str, Finding] = {}
        self.watcher = SecretWatcher(self._open, self._take, self._hear, None, self._remember, QUICK)

    async def _remember(self) -> Mapping[Name, Secret]:
        return self.past

    def _open(self, place: places.Vault) -> Fake:
        return self.stores.setdefault(place.where, Fake())

    def _take(self, objects: Objects) -> None:
        self.given.update(objects)

    def _hear(self, told: Mapping[str, Finding]) -> None:
        self.told = told

    def value(self, name: Name) -> bytes | None:
        found = self.given.get(Ref(CORE, "Secret", *name))
        return found.get("x") if isinstance(found, Secret) else None

    def primary(self, name: Name, text: str | None) -> None:
        ref = Ref(CORE, "Secret", *name)
        self.given.update(self.watcher.primary({ref: None if text is None else secret(name, text)}))


@contextlib.asynccontextmanager
async def watched(past: Mapping[Name, Secret] | None = None) -> AsyncIterator[Watched]:
    one = Watched(past or {})
    task = asyncio.create_task(one.watcher.run())
    try:
        yield one
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_without_settings_nothing_is_asked_and_everything_passes() -> None:
    async with watched() as one:
        one.watcher.want({A}, set())
        one.primary(A, "folder")
        assert one.value(A) == b"folder"
        assert one.watcher.complete
        assert not one.stores


async def test_the_first_place_that_has_a_secret_counts() -> None:
    sources = (SecretSource(vault=VAULT), SecretSource(directory=Directory("/nowhere")))
    async with watched() as one:
        fake = one.stores["spec.secretOptions.sources[0].vault"] = Fake()
        one.primary(A, "folder")
        one.watcher.want({A}, set())
        one.watcher.configure(SettingsSpec(secret_options=SecretOptions(sources)))
        await until(lambda: one.watcher.complete)
        assert one.value(A) == b"folder"
        fake.held[A] = "vault"
        await until(lambda: one.value(A) == b"vault")
        one.primary(A, "changed")
        assert one.value(A) == b"vault"
        del fake.held[A]
        await until(lambda: one.value(A) == b"changed")
        await until(lambda: any("/nowhere is not there" in finding.text for finding in one.told.values()))
        one.watcher.configure(None)
        await until(lambda: not one.told and fake.closed)


async def test_other_settings_take_nothing_away_before_they_are_answered() -> None:
    async with watched() as one:
        fake = one.stores["spec.vaultSecretSource"] = Fake()
        fake.held[A] = "1"
        one.watcher.want({A}, set())
        one.watcher.configure(IN_VAULT)
        await until(lambda: one.value(A) == b"1")
        fake.failure = StoreError("away")
        other = VaultSecrets(address="http://127.0.0.1:2", access_token="t")  # noqa: S106 - of nobody
        one.watcher.configure(SettingsSpec(vault_secret_source=other))
        await until(lambda: one.told)
        assert one.value(A) == b"1"


async def test_what_was_before_the_start_counts_while_a_place_says_nothing() -> None:
    async with watched({A: secret(A, "before"), B: secret(B, "before")}) as one:
        fake = one.stores["spec.vaultSecretSource"] = Fake()
        fake.failure = StoreError("away")
        one.primary(B, "folder")
        one.watcher.want({A, B}, set())
        one.watcher.configure(IN_VAULT)
        await until(lambda: one.value(A) == b"before")
        assert one.value(B) == b"folder"
        assert any("the last good is served on" in finding.text for finding in one.told.values())
        fake.failure = None  # and it has none of them
        await until(lambda: one.value(A) is None)
        assert one.value(B) == b"folder"


@pytest.mark.parametrize("name", ["../b", "a/../../x", "", "A", "a%2fb", "x" * 300])
async def test_a_name_that_no_secret_has_is_asked_nowhere(name: str) -> None:
    async with watched() as one:
        fake = one.stores["spec.vaultSecretSource"] = Fake()
        one.watcher.configure(IN_VAULT)
        one.watcher.want({Name("here", name), Name(name, "a"), B}, set())
        await until(lambda: B in fake.asked)
        assert set(fake.asked) == {B}


@contextlib.asynccontextmanager
async def answering(answer: Callable[[web.Request], web.StreamResponse]) -> AsyncIterator[KvStore]:
    """A store whose Vault knows our token, and answers all else so."""

    async def handle(request: web.Request) -> web.StreamResponse:
        assert request.headers["X-Vault-Token"] == "t"
        if request.path.endswith("lookup-self"):
            return web.json_response({"data": {"ttl": 0}})
        return answer(request)

    async with serve(handle) as site:
        vault = VaultClient(site.url, VaultTlsConfig())
        store = KvStore(vault, Session(vault, TokenLogin(lambda: "t")), "secret", "gloo")
        try:
            yield store
        finally:
            await store.close()


MARKER = "do-not-show-this"
ODD: list[tuple[int, object, bool, str]] = [
    (429, {"errors": [MARKER]}, True, "has too much to do"),
    (503, {"errors": [MARKER]}, True, "is sealed"),
    (500, {"errors": [MARKER]}, True, "answers with 500"),
    (200, "<html>" + MARKER, True, "is no JSON"),
    (200, "[]", True, "is no JSON"),
    (200, {}, False, "without anything in it"),
    (200, "", False, "without anything in it"),
    (200, {"data": {"data": {"tls": MARKER}, "metadata": 5}}, False, "is empty in Vault"),
    (200, {"data": {"data": {"x": [MARKER]}, "metadata": {"version": 1}}}, False, "not text"),
    (200, {"data": {"data": {}, "metadata": {"version": 1}}}, False, "is empty"),
    (200, {"data": {"data": None, "metadata": {"version": 1}}}, False, "is empty in Vault"),
    (404, "", True, "no store of keys and values"),
    (404, {"errors": ["no handler for route"]}, True, "no store of keys and values"),
    (200, "x" * (2 << 20), False, "larger than 1 MiB"),
]


@pytest.mark.parametrize("status, body, whole, said", ODD)
async def test_what_vault_may_answer_is_never_taken_for_a_secret_or_for_none(
    status: int, body: object, whole: bool, said: str
) -> None:
    def answer(request: web.Request) -> web.StreamResponse:
        if "/metadata/" in request.path or "/mounts/" in request.path:
            return web.json_response({"errors": []}, status=403)
        if isinstance(body, str):
            return web.Response(status=status, text=body)
        return web.json_response(body, status=status)

    async with answering(answer) as store:
        with pytest.raises(StoreError, match=said) as caught:
            await store.fetch(A, "")
        assert caught.value.whole is whole
        assert MARKER not in f"{caught.value.text} {caught.value.mend} {caught.value!r}"


async def test_nobody_is_followed_elsewhere_with_the_token() -> None:
    there = {"Location": "http://127.0.0.1:1/v1/x"}
    async with answering(lambda _: web.Response(status=307, headers=there)) as store:
        with pytest.raises(StoreError, match="sends us elsewhere"):
            await store.fetch(A, "")


async def test_a_vault_that_is_not_there() -> None:
    store = opened(places.Vault("spec.vaultSecretSource", VAULT), {})
    with pytest.raises(StoreError, match="does not answer"):
        await store.fetch(A, "")
    await store.close()


async def test_a_file_of_tls_that_is_not_there(tmp_path: Path) -> None:
    vault = VaultClient("https://127.0.0.1:1", VaultTlsConfig(ca_cert=str(tmp_path / "ca")))
    with pytest.raises(StoreError, match="does not answer"):
        await vault.ask("GET", "x")


@pytest.mark.parametrize(
    "address", ["", "ftp://x", "http://", "file:///etc/passwd", "http://user:pass@x", "http://x?a=b"]
)
def test_an_address_that_is_none(address: str) -> None:
    with pytest.raises(StoreError, match="not one of http or https"):
        opened(places.Vault("spec.vaultSecretSource", VaultSecrets(address=address)), {})


def test_what_logs_in_shows_nothing() -> None:
    assert MARKER not in repr(Credentials(MARKER, MARKER, MARKER))
    assert MARKER not in repr(places.Vault("x", VaultSecrets(access_token=MARKER)))


DIRECTORY = [
    ("tls: {certCh", "one document of YAML"),
    ("", "is empty"),
    ("a: 1\n---\nb: 2\n", "one document of YAML"),
    ("tls: 5", "no mapping"),
    ("apiVersion: v1\nkind: Secret\ndata: {x: '***'}", "not a Secret"),
]


@pytest.mark.parametrize("text, said", DIRECTORY)
async def test_a_file_that_is_half_written_is_said_to_be(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "a.yaml").write_text(text)
    with pytest.raises(StoreError, match=said) as caught:
        await DirectoryStore(str(tmp_path)).fetch(A, "")
    assert not caught.value.whole


async def test_a_file_in_both_forms(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "a.yaml").write_text("apiVersion: v1\nkind: Secret\nstringData: {x: '1'}")
    (tmp_path / "here" / "b.json").write_text('{"header": {"headers": {"x": "2"}}}')
    store = DirectoryStore(str(tmp_path))
    for name, wanted in ((A, b"1"), (B, b"2")):
        found = await store.fetch(name, "")
        assert found is not None
        assert found.secret is not None
        assert found.secret.name == name
        assert found.secret.get("x") == wanted
        assert await store.fetch(name, found.version) is None
    assert await store.fetch(Name("there", "a"), "") == Answer("", None)


async def test_a_link_out_of_the_directory_and_a_pipe_are_refused(tmp_path: Path) -> None:
    (tmp_path / "in" / "here").mkdir(parents=True)
    (tmp_path / "out.yaml").write_text("header: {headers: {x: '1'}}")
    (tmp_path / "in" / "here" / "a.yaml").symlink_to(tmp_path / "out.yaml")
    os.mkfifo(tmp_path / "in" / "here" / "b.yaml")
    store = DirectoryStore(str(tmp_path / "in"))
    for name, said in ((A, "leads out of the folder"), (B, "named pipe")):
        with pytest.raises(StoreError, match=said):
            await store.fetch(name, "")
