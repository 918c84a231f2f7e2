"""Logging in to a real Vault in every way, and staying in; with tokens of a real API server, too."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from botocore.credentials import Credentials

from cluster.api import ApiServer
from cluster.vault import ROOT, SECRETS, VaultServer
from daemun.api.gloo.settings import VaultAwsAuth, VaultSecrets
from daemun.base.names import Name
from daemun.gloo.secrets import places
from daemun.sources.secrets.store import Answer, Store, StoreError
from daemun.sources.secrets.vault.kv import KvStore
from daemun.sources.secrets.vault.opened import opened
from support.standins.sts import ARN, Sts

NAME = Name("default", "it")
READ = (f"secret/data/{SECRETS}/*", f"secret/metadata/{SECRETS}/*")
AWS = Credentials("AKIAEXAMPLE", "a-secret/with+signs", "a-session")


@pytest.fixture
def vault(vault_server: VaultServer) -> VaultServer:
    """A Vault with a Secret that a policy lets read."""
    vault_server.policy("daemun", *READ)
    vault_server.put("default/it", {"client-secret": "s"})
    return vault_server


@pytest_asyncio.fixture
async def stores() -> AsyncIterator[list[Store]]:
    found: list[Store] = []
    yield found
    for one in found:
        await one.close()


def store(stores: list[Store], spec: VaultSecrets, **environment: str) -> KvStore:
    found = opened(places.Vault("spec.vaultSecretSource", spec), environment)
    assert isinstance(found, KvStore)
    stores.append(found)
    return found


async def reads(one: KvStore) -> None:
    """It may read what it should, and is told so by the version alone the next time."""
    found = await one.fetch(NAME, "")
    assert isinstance(found, Answer)
    assert found.secret is not None
    assert found.secret.get("client-secret") == b"s"
    assert await one.fetch(NAME, found.version) is None


async def test_a_token_of_settings(vault: VaultServer, stores: list[Store]) -> None:
    await reads(store(stores, VaultSecrets(address=vault.address, access_token=vault.token("daemun"))))


async def test_a_token_in_a_file_that_is_written_anew(vault: VaultServer, stores: list[Store], tmp_path: Path) -> None:
    file = tmp_path / "token"
    first = vault.token("daemun")
    file.write_text(f"{first}\n")
    one = store(stores, VaultSecrets(), VAULT_ADDR=vault.address, VAULT_TOKEN_FILE=str(file))
    await reads(one)
    vault.ask("POST", "auth/token/revoke", {"token": first})
    with pytest.raises(StoreError, match="the token is not good"):
        await one.fetch(NAME, "")
    file.write_text(vault.token("daemun"))
    await reads(one)


async def test_app_role(vault: VaultServer, stores: list[Store], tmp_path: Path) -> None:
    vault.ask("POST", "sys/auth/approle", {"type": "approle"})
    vault.ask("POST", "auth/approle/role/daemun", {"token_policies": ["daemun"]})
    role = vault.ask("GET", "auth/approle/role/daemun/role-id")["data"]["role_id"]
    file = tmp_path / "secret-id"
    file.write_text(vault.ask("POST", "auth/approle/role/daemun/secret-id", {})["data"]["secret_id"])
    login = {"VAULT_APPROLE_ROLE_ID": role, "VAULT_APPROLE_SECRET_ID_FILE": str(file)}
    await reads(store(stores, VaultSecrets(), VAULT_ADDR=vault.address, **login))
    file.write_text("another")
    with pytest.raises(StoreError, match="we may not log in"):
        await store(stores, VaultSecrets(), VAULT_ADDR=vault.address, **login).fetch(NAME, "")


async def test_a_service_account_of_a_real_api_server(
    vault: VaultServer, stores: list[Store], tmp_path: Path, own_api_server: ApiServer
) -> None:
    client = own_api_server.client
    for name in ("daemun", "reviewer", "other"):
        client.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": "default"}})
    subject = {"kind": "ServiceAccount", "name": "reviewer", "namespace": "default"}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "system:auth-delegator"}
    client.apply(
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": "reviewer"},
            "roleRef": role,
            "subjects": [subject],
        }
    )

    def token(account: str) -> str:
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
        path = f"/api/v1/namespaces/default/serviceaccounts/{account}/token"
        return str(client.create(path, body)["status"]["token"])

    vault.ask("POST", "sys/auth/kubernetes", {"type": "kubernetes"})
    config = {
        "kubernetes_host": own_api_server.url,
        "kubernetes_ca_cert": (own_api_server.folder / "pki" / "ca.crt").read_text(),
        "token_reviewer_jwt": token("reviewer"),
        "disable_local_ca_jwt": True,
    }
    vault.ask("POST", "auth/kubernetes/config", config)
    accounts = {"bound_service_account_names": ["daemun"], "bound_service_account_namespaces": ["default"]}
    vault.ask("POST", "auth/kubernetes/role/daemun", {**accounts, "token_policies": ["daemun"], "token_ttl": "1h"})
    file = tmp_path / "jwt"
    login = {"VAULT_KUBERNETES_ROLE": "daemun", "VAULT_KUBERNETES_TOKEN_FILE": str(file)}
    file.write_text(token("daemun"))
    await reads(store(stores, VaultSecrets(), VAULT_ADDR=vault.address, **login))
    file.write_text(token("other"))
    with pytest.raises(StoreError, match="we may not log in"):
        await store(stores, VaultSecrets(), VAULT_ADDR=vault.address, **login).fetch(NAME, "")


async def test_a_signed_request_to_aws(vault: VaultServer, stores: list[Store]) -> None:
    sts = await Sts(AWS, "eu-central-1").start()
    try:
        vault.ask("POST", "sys/auth/aws", {"type": "aws"})
        config = {
            "sts_endpoint": sts.address,
            "sts_region": "eu-central-1",
            "iam_server_id_header_value": "vault.example.com",
            "access_key": "x",
            "secret_key": "x",
        }
        await asyncio.to_thread(vault.ask, "POST", "auth/aws/config/client", config)
        role = {"auth_type": "iam", "bound_iam_principal_arn": [ARN], "resolve_aws_unique_ids": False}
        await asyncio.to_thread(vault.ask, "POST", "auth/aws/role/daemun", {**role, "token_policies": ["daemun"]})
        aws = VaultAwsAuth(
            vault_role="daemun",
            region="eu-central-1",
            iam_server_id_header="vault.example.com",
            access_key_id=AWS.access_key,
            secret_access_key=AWS.secret_key,
            session_token=AWS.token,
            lease_increment=600,
        )
        one = store(stores, VaultSecrets(address=vault.address, aws=aws))
        await reads(one)
        assert set(sts.faults) == {""}
        assert one._session.logins == 1
    finally:
        await sts.stop()


async def test_a_token_is_renewed_and_in_the_end_another_one_is_taken(
    vault: VaultServer, stores: list[Store], tmp_path: Path
) -> None:
    vault.ask("POST", "sys/auth/approle", {"type": "approle"})
    role = {"token_policies": ["daemun"], "token_ttl": "3s", "token_max_ttl": "7s"}
    vault.ask("POST", "auth/approle/role/daemun", role)
    role_id = vault.ask("GET", "auth/approle/role/daemun/role-id")["data"]["role_id"]
    file = tmp_path / "secret-id"
    file.write_text(vault.ask("POST", "auth/approle/role/daemun/secret-id", {})["data"]["secret_id"])
    login = {"VAULT_APPROLE_ROLE_ID": role_id, "VAULT_APPROLE_SECRET_ID_FILE": str(file)}
    one = store(stores, VaultSecrets(), VAULT_ADDR=vault.address, **login)
    session = one._session
    tokens = set()
    while session.logins < 3:
        await reads(one)
        assert session._grant is not None
        tokens.add(session._grant.token)
        await asyncio.sleep(0.2)
    assert len(tokens) == 3
    assert session.renewals >= 1


async def test_what_a_policy_does_not_let_read(vault: VaultServer, stores: list[Store]) -> None:
    vault.policy("data", READ[0])
    await reads(store(stores, VaultSecrets(address=vault.address, access_token=vault.token("data"))))
    vault.policy("none", "secret/data/other/*")
    one = store(stores, VaultSecrets(address=vault.address, access_token=vault.token("none")))
    with pytest.raises(StoreError, match="permits it not") as caught:
        await one.fetch(NAME, "")
    assert not caught.value.whole


@pytest.mark.parametrize("prefix", ["kv/below/that", "kv"])
async def test_other_mounts_and_roots(vault: VaultServer, stores: list[Store], prefix: str) -> None:
    vault.ask("POST", "sys/mounts/kv", {"type": "kv", "options": {"version": "2"}})
    below = prefix.removeprefix("kv").strip("/")
    path = "/".join(filter(None, ("kv/data", below, "a/b", "gloo.solo.io/v1/Secret/default/it")))
    await until_mounted(vault, path)
    spec = VaultSecrets(address=vault.address, token=ROOT, path_prefix=prefix, root_key="a/b")
    await reads(store(stores, spec))


async def until_mounted(vault: VaultServer, path: str) -> None:
    """Vault makes a store one with versions in the background."""
    for _ in range(200):
        try:
            vault.ask("POST", path, {"data": {"client-secret": "s"}})
        except OSError:
            await asyncio.sleep(0.1)
        else:
            return
    raise AssertionError("the store of keys and values is not ready")


async def test_a_mount_that_is_not_there_is_not_a_secret_that_is_gone(vault: VaultServer, stores: list[Store]) -> None:
    one = store(stores, VaultSecrets(address=vault.address, token=ROOT, path_prefix="nowhere"))
    with pytest.raises(StoreError):
        await one.fetch(NAME, "")
    assert (await store(stores, VaultSecrets(address=vault.address, token=ROOT)).fetch(Name("a", "b"), "x")) == Answer(
        "", None
    )


def test_the_environments_login_goes_to_no_other_vault() -> None:
    environment = {"VAULT_ADDR": "https://vault.example.com", "VAULT_TOKEN": "t"}
    place = places.Vault("spec.vaultSecretSource", VaultSecrets(address="https://elsewhere.example.com"))
    with pytest.raises(StoreError, match="no login"):
        opened(place, environment)
