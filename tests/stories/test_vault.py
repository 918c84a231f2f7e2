"""Secrets in a real Vault: they come to Envoy from there, change there, and stay when Vault goes away."""

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from cluster.vault import SECRETS, VaultServer
from support.objects.documents import gateway, listener, route, rule, secret
from support.scenes.vaulted import CA, READ, in_gloos_words, plain, settings, shows, stage
from support.scenes.world import World, fresh
from support.servers.ports import free_port


@pytest_asyncio.fixture
async def world() -> AsyncIterator[World]:
    """A Gateway whose listener wants the Secret `default/cert`."""
    async with fresh() as one:
        await stage(one)
        yield one


async def test_a_certificate_comes_from_vault_changes_there_and_outlives_it(
    world: World, vault_server: VaultServer
) -> None:
    vault_server.policy("daemun", *READ)
    token = vault_server.token("daemun")
    vault_server.put("default/cert", in_gloos_words(CA.issue("first.example")))
    world.write("settings.yaml", settings(vaultSecretSource={"address": vault_server.address, "accessToken": token}))
    await world.start()
    await shows(world, "first.example")

    # A new version, as plain keys this time.
    vault_server.put("default/cert", plain(CA.issue("second.example")))
    await shows(world, "second.example")

    # What is written there makes no sense: the old one stays, and somebody is told.
    vault_server.put("default/cert", {"tls": {"certChain": 5}})
    told = await world.problem("Secret default/cert has a field tls", "the last good is served on")
    await shows(world, "second.example")
    vault_server.put("default/cert", plain(CA.issue("third.example")))
    await world.solved(told)
    await shows(world, "third.example")

    # Vault is silent, then gone, then back with another certificate.
    vault_server.pause()
    told = await world.problem("Settings", "does not answer", "the last good is served on", seconds=60)
    await shows(world, "third.example")
    vault_server.resume()
    await world.solved(told, 60)
    vault_server.ask("PUT", "sys/seal", {})
    told = await world.problem("Settings", "is sealed", "the last good is served on", seconds=60)
    await shows(world, "third.example")
    vault_server.kill()
    await world.problem("Settings", "does not answer", seconds=60)
    await shows(world, "third.example")


async def test_what_vault_says_is_gone_is_gone(world: World, vault_server: VaultServer) -> None:
    vault_server.put("default/cert", plain(CA.issue("first.example")))
    token = vault_server.token("root")
    world.write("settings.yaml", settings(vaultSecretSource={"address": vault_server.address, "token": token}))
    await world.start()
    vault_server.delete("default/cert")
    await world.problem("gw", "Secret default/cert does not exist")
    vault_server.ask("DELETE", f"secret/metadata/{SECRETS}/default/cert")
    vault_server.put("default/cert", plain(CA.issue("again.example")))
    await shows(world, "again.example")


async def test_what_is_to_go_later_is_there_until_then(world: World, vault_server: VaultServer) -> None:
    """`delete_version_after` says so, of each version when it is written."""
    path = f"secret/metadata/{SECRETS}/default/cert"
    vault_server.ask("POST", path, {"delete_version_after": "1h"})
    vault_server.put("default/cert", plain(CA.issue("first.example")))
    token = vault_server.token("root")
    world.write("settings.yaml", settings(vaultSecretSource={"address": vault_server.address, "token": token}))
    await world.start()
    await shows(world, "first.example")
    vault_server.ask("POST", path, {"delete_version_after": "10s"})
    vault_server.put("default/cert", plain(CA.issue("second.example")))
    await shows(world, "second.example")
    await world.problem("gw", "Secret default/cert does not exist")


async def test_without_vault_others_are_served_and_it_comes_by_itself(world: World, vault_server: VaultServer) -> None:
    token = vault_server.token("root")
    vault_server.put("default/cert", plain(CA.issue("late.example")))
    vault_server.pause()
    plain_port = free_port()
    world.write(
        "plain.yaml", gateway("plain", listener(plain_port, "http")), route("p", rule(to="a"), parents=["plain"])
    )
    world.write("settings.yaml", settings(vaultSecretSource={"address": vault_server.address, "accessToken": token}))
    await world.start(clean=False)
    assert (await world.ask("/", port=plain_port)).status == 200
    await world.problem("Settings", "does not answer within")
    vault_server.resume()
    await shows(world, "late.example")


async def test_several_places_in_their_order(world: World, vault_server: VaultServer, tmp_path: Path) -> None:
    token = vault_server.token("root")
    vault = {"vault": {"address": vault_server.address, "accessToken": token, "rootKey": "other", "pathPrefix": "kv1"}}
    vault_server.ask("POST", "sys/mounts/kv1", {"type": "kv", "options": {"version": "1"}})
    directory = tmp_path / "files"
    file = directory / "default" / "cert.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(in_gloos_words(CA.issue("file.example"))))
    world.write("cert.yaml", secret("cert", *CA.issue("folder.example")))
    sources = [vault, {"directory": {"directory": str(directory)}}, {"kubernetes": {}}]
    world.write("settings.yaml", settings(secretOptions={"sources": sources}))
    await world.start()
    await shows(world, "file.example")
    path = f"kv1/{SECRETS.replace('gloo/', 'other/', 1)}/default/cert"
    vault_server.ask("POST", path, plain(CA.issue("vault.example")))
    await shows(world, "vault.example")
    vault_server.ask("POST", path, plain(CA.issue("vault-2.example")))
    await shows(world, "vault-2.example")
    vault_server.ask("DELETE", path)
    await shows(world, "file.example")
    file.write_text("tls: {certCh")  # torn
    await world.problem("Settings", "Secret default/cert is not one document of YAML")
    await shows(world, "file.example")
    file.unlink()
    await shows(world, "folder.example")


async def test_the_page_stands_as_it_is(world: World, vault_server: VaultServer) -> None:
    """docs/secrets.md, but for the port, which is another here."""
    text = (Path(__file__).parents[2] / "docs" / "secrets.md").read_text()
    page = next(one for one in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL) if "accessToken: root" in one)
    vault_server.ask("POST", "auth/token/create", {"id": "root", "policies": ["root"]})
    world.write("settings.yaml", page.replace("http://127.0.0.1:8200", vault_server.address))
    command = next(line for line in text.splitlines() if line.startswith("vault kv put "))
    path, *pairs = command.removeprefix("vault kv put secret/").split()
    assert [pair.split("=")[0] for pair in pairs] == ["tls.crt", "tls.key"]
    vault_server.ask("POST", f"secret/data/{path}", {"data": plain(CA.issue("page.example"))})
    await world.start()
    await shows(world, "page.example")
