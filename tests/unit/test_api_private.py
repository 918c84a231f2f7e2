"""Fields that let somebody in are known, all of them, wherever objects are shown, told of or kept."""

import importlib
import pkgutil
import re
from collections.abc import Iterator

import msgspec
import pytest

import daemun.api
from daemun.api.core import Secret
from daemun.api.decode import decode
from daemun.api.gloo.settings import (
    ConsulConfiguration,
    SecretOptions,
    SecretSource,
    Settings,
    SettingsSpec,
    VaultAwsAuth,
    VaultSecrets,
)
from daemun.api.meta import ObjectMeta
from daemun.api.private import PRIVATE
from daemun.cli.glooctl.debug import _hidden
from daemun.gloo.secrets.places import private
from support.objects.auth import auth_config
from support.objects.documents import Doc

MARKER = "do-not-show-this"
_SPEAKS = re.compile(r"token|secret|passw|credential|salt|accesskey|apikey", re.IGNORECASE)
NAMES_ONLY = {"accessTokenHeader", "certificatesSecretName", "idTokenHeader", "tokenEndpoint", "tokenFileName"}
"""Fields that say where something is, and not what it is."""


def text_fields() -> Iterator[str]:
    """The names of all fields of the API that hold text."""
    for module in pkgutil.walk_packages(daemun.api.__path__, "daemun.api."):
        for one in vars(importlib.import_module(module.name)).values():
            if isinstance(one, type) and issubclass(one, msgspec.Struct) and one is not Secret:
                yield from (each.encode_name for each in msgspec.structs.fields(one) if _is_text(each.type))


def _is_text(kind: object) -> bool:
    return kind is str or kind == str | None


def test_every_field_that_speaks_of_a_secret_is_private() -> None:
    found = {name for name in text_fields() if _SPEAKS.search(name)}
    assert found >= PRIVATE
    assert found - PRIVATE <= NAMES_ONLY, "say in api/private.py that it lets somebody in, or here that it does not"


@pytest.mark.parametrize("name", sorted(PRIVATE))
def test_the_bundle_for_who_helps_holds_none_of_it(name: str) -> None:
    spec = {"a": [{name: MARKER}], "ui": {name: {"name": "kept"}}, "address": "https://vault"}
    shown = _hidden({"kind": "Settings", "spec": spec})
    assert MARKER not in str(shown)
    assert shown["spec"]["ui"] == {name: {"name": "kept"}}
    assert shown["spec"]["address"] == "https://vault"


WITH = {
    "a token": SettingsSpec(vault_secret_source=VaultSecrets(access_token=MARKER)),
    "a token of before": SettingsSpec(vault_secret_source=VaultSecrets(token=MARKER)),
    "a token of several": SettingsSpec(
        secret_options=SecretOptions((SecretSource(vault=VaultSecrets(token=MARKER)),)),
    ),
    "AWS's": SettingsSpec(vault_secret_source=VaultSecrets(aws=VaultAwsAuth(secret_access_key=MARKER))),
    "Consul's token": SettingsSpec(consul=ConsulConfiguration(token=MARKER)),
    "Consul's password": SettingsSpec(consul=ConsulConfiguration(password=MARKER)),
    "a token that is passed over": SettingsSpec(
        vault_secret_source=VaultSecrets(token=MARKER), secret_options=SecretOptions()
    ),
    "a token beside a newer one": SettingsSpec(vault_secret_source=VaultSecrets(token=MARKER, access_token="")),
}


@pytest.mark.parametrize("name", WITH)
def test_settings_that_let_somebody_in_are_not_written_down(name: str) -> None:
    assert private(Settings(ObjectMeta("default", "gloo-system"), WITH[name]))


def test_other_settings_are() -> None:
    spec = SettingsSpec(vault_secret_source=VaultSecrets(), consul=ConsulConfiguration(address="consul"))
    assert not private(Settings(ObjectMeta("default", "gloo-system"), spec))


IN_POLICIES = [
    {"basicAuth": {"apr": {"users": {"ann": {"salt": MARKER, "hashedPassword": MARKER}}}}},
    {
        "oauth2": {
            "oidcAuthorizationCode": {"session": {"redis": {"options": {"host": f"redis://:{MARKER}@redis:6379"}}}}
        }
    },
]


@pytest.mark.parametrize("step", IN_POLICIES)
def test_policies_that_let_somebody_in_are_neither_written_down_nor_given_away(step: Doc) -> None:
    document = auth_config("who", step)
    decoded = decode(document)
    assert decoded is not None
    assert decoded.value is not None
    assert private(decoded.value)
    assert MARKER not in str(_hidden(document))


WRONG: dict[str, Doc] = {
    **{
        f"{field} of Vault, as {kind}": {"vaultSecretSource": {field: value}}
        for field in ("token", "accessToken")
        for kind, value in {"a list": [MARKER], "a map": {MARKER: MARKER}}.items()
    },
    "Vault": {"vaultSecretSource": MARKER},
    "AWS": {"vaultSecretSource": {"aws": MARKER}},
    "a field with a typo": {"vaultSecretSource": {"acessToken": MARKER}},
    "two ways to log in": {"vaultSecretSource": {"accessToken": MARKER, "aws": {"secretAccessKey": MARKER}}},
    "sources": {"secretOptions": {"sources": MARKER}},
    "a source": {"secretOptions": {"sources": [MARKER]}},
    "Vault of a source": {"secretOptions": {"sources": [{"vault": MARKER}]}},
    "Consul": {"consul": MARKER},
    "Consul's password": {"consul": {"password": [MARKER]}},
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_told_of_a_wrong_value_does_not_say_it(name: str) -> None:
    meta = {"name": "default", "namespace": "gloo-system"}
    document = {"apiVersion": "gloo.solo.io/v1", "kind": "Settings", "metadata": meta, "spec": WRONG[name]}
    decoded = decode(document)
    assert decoded is not None
    assert decoded.problems
    assert MARKER not in repr(decoded.problems)


@pytest.mark.parametrize("users", [MARKER, [MARKER], {"ann": MARKER}, {"ann": {"salt": [MARKER]}}])
def test_nor_of_a_users_password(users: object) -> None:
    decoded = decode(auth_config("who", {"basicAuth": {"apr": {"users": users}}}))
    assert decoded is not None
    assert decoded.problems
    assert MARKER not in repr(decoded.problems)


def test_other_policies_are() -> None:
    decoded = decode(auth_config("who", {"apiKeyAuth": {"k8sSecretApikeyStorage": {"labelSelector": {"a": "b"}}}}))
    assert decoded is not None
    assert decoded.value is not None
    assert not private(decoded.value)
