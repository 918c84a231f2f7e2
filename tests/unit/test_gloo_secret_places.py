"""No field of Settings about places for Secrets is silent: each changes what is asked of a place, or is told of."""

import datetime
from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any, get_args

import msgspec
import pytest

from daemun.api.gloo.settings import Directory, SecretOptions, SettingsSpec, VaultSecrets
from daemun.base.names import Name
from daemun.gloo.secrets import places
from daemun.gloo.settings.fields import SERVED
from daemun.sources import client
from daemun.sources.secrets.directory import DirectoryStore
from daemun.sources.secrets.store import StoreError
from daemun.sources.secrets.vault import logins
from daemun.sources.secrets.vault import session as sessions
from daemun.sources.secrets.vault.opened import opened
from support.objects.documents import Doc, paths, without

TLS = {
    "caCert": "/tls/ca.pem",
    "caPath": "/tls/ca",
    "clientCert": "/tls/cert.pem",
    "clientKey": "/tls/key.pem",
    "tlsServerName": "vault.example",
    "insecure": True,
}
AWS = {
    "vaultRole": "role",
    "region": "eu-central-1",
    "iamServerIdHeader": "vault.example",
    "mountPath": "clouds/aws",
    "accessKeyId": "key",
    "secretAccessKey": "secret",
    "sessionToken": "token",
    "leaseIncrement": 77,
}
VAULT = {"address": "https://vault:8200", "rootKey": "root", "pathPrefix": "prefix"}
FULL: dict[str, Doc] = {
    "vault": {"refreshRate": "5s", "vaultSecretSource": {**VAULT, "accessToken": "t", "tlsConfig": TLS}},
    "vault of old": {"vaultSecretSource": {**VAULT, "token": "t", **TLS}},
    "vault by AWS": {"vaultSecretSource": {**VAULT, "aws": AWS}},
    "vault, all at once": {"vaultSecretSource": {**VAULT, "token": "t", "accessToken": "u", "tlsConfig": TLS, **TLS}},
    "vault by AWS with a token of old": {"vaultSecretSource": {**VAULT, "token": "t", "aws": {}}},
    "directory": {"directorySecretSource": {"directory": "/etc/daemun"}},
    "directory that is nowhere": {"directorySecretSource": {"directory": ""}},
    "several": {
        "secretOptions": {
            "sources": [
                {"kubernetes": {}},
                {"vault": {**VAULT, "accessToken": "t"}},
                {"directory": {"directory": "/etc/secrets"}},
                {},
            ]
        }
    },
    "vault beside several": {
        "vaultSecretSource": {**VAULT, "accessToken": "t"},
        "secretOptions": {"sources": [{"kubernetes": {}}]},
    },
    "directory beside several": {
        "directorySecretSource": {"directory": "/etc/daemun"},
        "secretOptions": {"sources": [{"kubernetes": {}}]},
    },
    "the platform beside several": {
        "kubernetesSecretSource": {},
        "secretOptions": {"sources": [{"directory": {"directory": "/etc/secrets"}}]},
    },
}
SECRET_SOURCES = ("kubernetesSecretSource", "vaultSecretSource", "directorySecretSource", "secretOptions")
SAID_ANYWAY = {
    ("directory that is nowhere", "directory"),  # nothing and an empty text are the same
    ("several", "kubernetes"),  # see `test_where_the_platform_counts`
}
ENVIRONMENT = {"AWS_ACCESS_KEY_ID": "of the environment", "AWS_SECRET_ACCESS_KEY": "of the environment"}


class Recorded:
    """Stands for HTTP: notes what a Vault is asked, by whom and with which TLS, and lets everybody in."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[object] = []
        self.clock = [0.0]
        now = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
        stamp = SimpleNamespace(datetime=SimpleNamespace(now=lambda _: now), UTC=datetime.UTC)
        monkeypatch.setattr(logins, "datetime", stamp)
        monkeypatch.setattr(sessions, "time", SimpleNamespace(monotonic=lambda: self.clock[0]))
        monkeypatch.setattr(client.Client, "ask", self._ask())

    def _ask(self) -> Any:
        notes = self.asked

        async def ask(
            this: client.Client, method: str, url: str, *, headers: Mapping[str, str], body: bytes | None, **_: float
        ) -> client.Answer:
            notes.append((method, url, dict(headers), body, this._files, this._server_name))
            if url.endswith("/lookup-self"):
                said: Doc = {"data": {"ttl": 60, "renewable": True}}
            elif "/auth/" in url:
                said = {"auth": {"client_token": "granted", "lease_duration": 60, "renewable": True}}
            elif "/metadata/" in url:
                about = {"created_time": "now"}
                said = {"data": {"current_version": 1, "versions": {"1": about}}}
            elif "/data/" in url:
                said = {"data": {"data": {"a": "b"}, "metadata": {"version": 1, "created_time": "now"}}}
            else:
                said = {"data": {"path": "prefix/", "options": {"version": "2"}}}
            return client.Answer(200, {}, msgspec.json.encode(said))

        return ask

    async def of(self, spec: SettingsSpec) -> object:
        """What comes of Settings: the places in their order, what each is asked in two rounds, what is told."""
        found: list[object] = [places.refresh_seconds(spec)]
        for place in places.places(spec):
            self.asked.clear()
            self.clock[0] = 0.0
            if isinstance(place, places.Directory):
                found.append(DirectoryStore(place.directory)._directory)
            elif isinstance(place, places.Vault):
                try:
                    store = opened(place, ENVIRONMENT)
                    await store.fetch(Name("here", "a"), "")
                    self.clock[0] = 50.0  # the token is renewed then
                    await store.keep()
                except StoreError as error:
                    found.append(error.text)
            found.append((type(place), tuple(map(repr, self.asked))))
        told = [*SERVED.unserved(spec, "spec"), *places.notes(spec)]
        return found, sorted(map(str, told))


def read(document: Doc) -> SettingsSpec:
    return msgspec.convert(document, SettingsSpec)


@pytest.mark.parametrize("way", FULL)
async def test_no_field_is_silent(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    recorded = Recorded(monkeypatch)
    whole = await recorded.of(read(FULL[way]))
    assert await recorded.of(read(FULL[way])) == whole, "the same twice"
    deepest = 1 if way.endswith(" beside several") else 9  # what is passed over is told of as a whole
    looked = [path for path in paths(FULL[way]) if len(path) <= deepest and (way, path[-1]) not in SAID_ANYWAY]
    silent = [path for path in looked if await recorded.of(read(without(FULL[way], path))) == whole]
    assert not silent, f"{way}: these say nothing: {silent}"


async def test_where_the_platform_counts() -> None:
    """Before the others, where it is named first; else it is the last."""
    directory = {"directory": {"directory": "/etc/secrets"}}
    for sources, first in (([{"kubernetes": {}}, directory], True), ([directory], False)):
        found = places.places(read({"secretOptions": {"sources": sources}}))
        assert isinstance(found[0 if first else -1], places.Platform)


def messages(kind: Any) -> Iterator[type[msgspec.Struct]]:
    """A message, and all that are in it."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        yield kind
        for field in msgspec.structs.fields(kind):
            yield from messages(field.type)
    for inner in get_args(kind):
        yield from messages(inner)


def test_every_field_is_looked_at() -> None:
    """A field that the API gains belongs into FULL."""
    written = {str(key) for one in FULL.values() for path in paths(one) for key in path}
    of = dict.fromkeys(found for kind in (SecretOptions, VaultSecrets, Directory) for found in messages(kind))
    wanted = {field.encode_name for kind in of for field in msgspec.structs.fields(kind)}
    named = {one.encode_name for one in msgspec.structs.fields(SettingsSpec) if "ecret" in one.encode_name}
    assert named == set(SECRET_SOURCES)
    assert (wanted | named) - written == set()
