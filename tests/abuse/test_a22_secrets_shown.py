"""A22: whatever a Secret holds is seen by nobody who looks at Daemun, at its files, or at Envoy's dump."""

import asyncio
import base64
import json
import logging
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from daemun.api.core import Secret
from daemun.api.meta import ObjectMeta
from daemun.base.names import CORE, Ref
from daemun.cli.main import app
from daemun.ir.resource import encode
from daemun.process.disk import Shelf
from daemun.sources.kube.memory import KubeMemory
from support.objects.certificates import authority
from support.objects.documents import Doc, gateway, listener, prefix, reference, route, rule, secret
from support.scenes.world import World, fresh, until

MARKER = "do-not-show-this"
GLOO = "gloo.solo.io"
CA = authority()
PAIR = CA.issue("a.example")
KEY_LINE = PAIR[1].decode().splitlines()[1]
"""What nothing but this private key has in it."""
DAMAGED = f"{PAIR[0].decode()}{MARKER}"
KINDS: dict[str, tuple[str, dict[str, str]]] = {
    "api-key": ("extauth.solo.io/apikey", {"api-key": MARKER, "user": MARKER}),
    "api-key-none": ("extauth.solo.io/apikey", {"user": MARKER}),
    "oauth": ("extauth.solo.io/oauth", {"client-secret": MARKER}),
    "account": ("extauth.solo.io/accountcredentials", {"username": MARKER, "password": MARKER}),
    "account-half": ("extauth.solo.io/accountcredentials", {"password": MARKER}),
    "aws": ("Opaque", {"aws_access_key_id": "shown", "aws_session_token": MARKER, "aws_secret_access_key": MARKER}),
    "header": ("gloo.solo.io/header", {"x-a": MARKER}),
    "encryption": ("gloo.solo.io.EncryptionKeySecret", {"key": MARKER}),
    "broken": ("kubernetes.io/tls", {"tls.crt": MARKER, "tls.key": MARKER}),
    "half": ("kubernetes.io/tls", {"tls.crt": DAMAGED, "tls.key": MARKER}),
    "authority": ("Opaque", {"ca.crt": f"-----BEGIN CERTIFICATE-----\n{MARKER}\n-----END CERTIFICATE-----"}),
}
"""Of every kind one, and of some one that is not as it should be."""


def written() -> list[Doc]:
    found: list[Doc] = [secret("good", *PAIR)]
    for name, (kind, data) in KINDS.items():
        meta = {"name": name, "namespace": "default"}
        found.append({"apiVersion": "v1", "kind": "Secret", "metadata": meta, "type": kind, "stringData": data})
    azure = base64.b64encode(f"apiKeys: {{_master: {MARKER}}}".encode()).decode()
    meta = {"name": "azure", "namespace": "default", "annotations": {"resource_kind": "*v1.Secret"}}
    found.append({"apiVersion": "v1", "kind": "Secret", "metadata": meta, "data": {"azure": azure}})
    # These cannot even be read.
    for index, data in enumerate(({"x": f"*{MARKER}*"}, MARKER, {"x": [MARKER]})):
        meta = {"name": f"odd-{index}", "namespace": "default"}
        found.append({"apiVersion": "v1", "kind": "Secret", "metadata": meta, "data": data})
    return found


def settings() -> Doc:
    vault = {"address": "http://127.0.0.1:1", "accessToken": MARKER}
    aws = {"accessKeyId": MARKER, "secretAccessKey": MARKER, "sessionToken": MARKER}
    sources = [{"vault": vault}, {"vault": {"address": "http://127.0.0.1:1", "aws": aws}}]
    meta = {"name": "default", "namespace": "gloo-system"}
    spec = {"refreshRate": "1s", "secretOptions": {"sources": sources}}
    return {"apiVersion": "gloo.solo.io/v1", "kind": "Settings", "metadata": meta, "spec": spec}


def upstream(name: str) -> Doc:
    """One that wants a Secret for TLS."""
    meta = {"name": f"to-{name}", "namespace": "default"}
    hosts = [{"addr": "127.0.0.1", "port": 9}]
    spec = {"static": {"hosts": hosts}, "sslConfig": {"secretRef": {"name": name, "namespace": "default"}}}
    return {"apiVersion": "gloo.solo.io/v1", "kind": "Upstream", "metadata": meta, "spec": spec}


def signed() -> Doc:
    """One whose requests are signed for AWS."""
    text = '{"service": "s3", "region": "eu-central-1", "secret": "aws"}'
    meta = {"name": "to-signed", "namespace": "default", "annotations": {"daemun.dev/aws-request-signing": text}}
    spec = {"static": {"hosts": [{"addr": "127.0.0.1", "port": 9}]}}
    return {"apiVersion": "gloo.solo.io/v1", "kind": "Upstream", "metadata": meta, "spec": spec}


def ref(name: str) -> Doc:
    return {"name": name, "namespace": "default"}


def policies() -> list[Doc]:
    """What reads all kinds of Secrets: who may come in, and headers that are added."""
    ldap = {
        "address": "ldap://127.0.0.1:9",
        "userDnTemplate": "uid=%s,dc=example",
        "groupLookupSettings": {"credentialsSecretRef": ref("account"), "checkGroupsWithServiceAccount": True},
        "allowedGroups": ["cn=all"],
    }
    introspection = {"introspectionUrl": "http://127.0.0.1:9/", "clientId": "it", "clientSecretRef": ref("oauth")}
    checks = {
        "keys": {"apiKeyAuth": {"k8sSecretApikeyStorage": {"apiKeySecretRefs": [ref("api-key")]}}},
        "ldap": {"ldap": ldap},
        "tokens": {"oauth2": {"accessTokenValidation": {"introspection": introspection}}},
        "hmac": {"hmacAuth": {"secretRefs": {"secretRefs": [ref("account")]}, "parametersInHeaders": {}}},
    }
    found: list[Doc] = []
    for name, check in checks.items():
        configs = {"configs": [check]}
        found.append(
            {"apiVersion": f"enterprise.{GLOO}/v1", "kind": "AuthConfig", "metadata": ref(name), "spec": configs}
        )
    options: dict[str, Doc] = {name: {"extauth": {"configRef": ref(name)}} for name in checks}
    added = {"headerSecretRef": ref("header")}
    options["added"] = {"headerManipulation": {"requestHeadersToAdd": [added]}}
    for name, option in options.items():
        found.append(route(name, rule(prefix(f"/{name}"), to="a")))
        target = {"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": name}
        spec = {"targetRefs": [target], "options": option}
        found.append({"apiVersion": "gateway.solo.io/v1", "kind": "RouteOption", "metadata": ref(name), "spec": spec})
    return found


def scene(world: World) -> None:
    names = ("good", *KINDS, "azure", "odd-0", "odd-1", "odd-2")
    listeners = [listener(world.port, name, hostname=f"{name}.example", certs=[name]) for name in names]
    world.write(
        "all.yaml",
        *written(),
        settings(),
        *(upstream(name) for name in names),
        signed(),
        *policies(),
        gateway("gw", *listeners),
        route("r", rule(prefix("/"), to="a"), parents=[reference("gw")]),
        *(
            route(
                f"r-{name}",
                rule(prefix(f"/{name}"), to=[{"group": "gloo.solo.io", "kind": "Upstream", "name": f"to-{name}"}]),
            )
            for name in (*names, "signed")
        ),
    )


def shows_nothing(text: bytes | str, what: str) -> None:
    plain = text.encode() if isinstance(text, str) else text
    for marker in (MARKER, KEY_LINE):
        for form in (marker, base64.b64encode(marker.encode()).decode()):
            assert form.encode() not in plain, f"{what} shows a Secret"


LOOKS = [
    ("translate",),
    ("translate", "-o", "json"),
    ("check",),
    ("check", "-o", "json"),
    ("explain", "GET", "https://good.example:PORT/good"),
    ("explain", "GET", "https://good.example:PORT/good", "-o", "json"),
]


async def test_a22_nobody_who_looks_sees_what_a_secret_holds(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with fresh() as world:
        await world.echo("a")
        scene(world)
        await world.start(clean=False)
        assert world.app is not None
        await world.problem("Settings", "sources[0]", "does not answer")
        translation = world.app.plane.translation
        sent = [encode(part) for part in translation.resources.values()]
        for held in (MARKER, KEY_LINE):
            assert any(held.encode() in one for one in sent), "Envoy does have it"
        shows_nothing(msgspec.json.encode([str(one) for one in world.lines]), "what `daemun up` tells")
        shows_nothing(repr(world.lines), "what `daemun up` tells")
        for name, told in (("statuses", translation.statuses), ("problems", translation.problems)):
            shows_nothing(repr(dict(told.items())), name)
        for target in ("/config_dump?include_eds", "/stats", "/clusters", "/certs", "/listeners?format=json"):
            answer = await world.app.proxies.admin_get("default/gw", target, seconds=30)
            shows_nothing(answer, f"Envoy's {target}")
        dump = json.loads(await world.app.proxies.admin_get("default/gw", "/config_dump", seconds=30))
        kinds = {one["@type"].rpartition(".")[2] for one in dump["configs"]}
        assert "SecretsConfigDump" in kinds
        await until(lambda: any((world.base / "s").rglob("*.json")))
    for part in ("s", "r"):
        shows_nothing_in(world.base / part)
    shows_nothing(caplog.text, "the log")


def shows_nothing_in(folder: Path) -> None:
    """No file below the folder."""
    for file in folder.rglob("*"):
        if file.is_file():
            shows_nothing(file.read_bytes(), str(file))


@pytest.mark.parametrize("words", LOOKS, ids=" ".join)
async def test_a22_no_command_shows_it(words: tuple[str, ...]) -> None:
    async with fresh() as world:
        scene(world)
        command, *rest = (word.replace("PORT", str(world.port)) for word in words)
        result = await asyncio.to_thread(CliRunner().invoke, app, [command, str(world.folder), *rest])
    assert result.exit_code in {0, 1}, result.output
    assert "good" in result.output
    shows_nothing(result.output, " ".join(words))
    shows_nothing(result.stderr, " ".join(words))


async def test_a22_what_is_kept_on_disk_of_a_cluster_is_sealed(tmp_path: Path) -> None:
    memory = KubeMemory(Shelf(tmp_path, b"k" * 32), lambda: True)
    held = Secret(ObjectMeta("it", "default"), data={"x": MARKER.encode()})
    memory.note({Ref(CORE, "Secret", "default", "it"): held})
    writing = asyncio.create_task(memory.run())
    await until(lambda: not memory.pending and any(tmp_path.iterdir()))
    writing.cancel()
    await asyncio.wait([writing])
    assert KubeMemory(Shelf(tmp_path, b"k" * 32), lambda: True).recall() == {Ref(CORE, "Secret", "default", "it"): held}
    shows_nothing_in(tmp_path)


VARIABLES = ("VAULT_TOKEN", "AWS_SECRET_ACCESS_KEY", "DATABASE_PASSWORD", "api_key", "DAEMUN_REDIS")


async def test_a22_no_policy_reads_them_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.setenv(name, MARKER)
    monkeypatch.setenv("COLOUR", "blue")
    added = [
        {"header": {"key": f"x-{name.lower().replace('_', '-')}", "value": f"%ENVIRONMENT({name})%"}}
        for name in (*VARIABLES, "COLOUR")
    ]
    option = {
        "apiVersion": "gateway.solo.io/v1",
        "kind": "RouteOption",
        "metadata": {"name": "sends", "namespace": "default"},
        "spec": {
            "targetRefs": [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": "r"}],
            "options": {"headerManipulation": {"requestHeadersToAdd": added}},
        },
    }
    async with fresh() as world:
        await world.echo("a")
        world.write("all.yaml", gateway("gw", listener(world.port)), route("r", rule(to="a")), option)
        await world.start()
        got = await world.ask("/")
    assert got.sent("x-colour") == ["blue"]
    shows_nothing(got.body, "a backend's request")
