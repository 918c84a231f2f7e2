"""Where Settings say that Secrets are: the places, in the order in which they count."""

from collections.abc import Iterator

import msgspec

from daemun.api.core import Secret
from daemun.api.gloo.settings import SettingsSpec, VaultSecrets, VaultTlsConfig
from daemun.api.private import PRIVATE, WITH_PASSWORD, may_let_in
from daemun.base.durations import nanoseconds
from daemun.gatewayapi.findings import Finding

REFRESH_SECONDS = 30.0
LEAST_REFRESH_SECONDS = 1.0
ROOT_KEY = "gloo"
PATH_PREFIX = "secret"
SUBDIRECTORY = "secrets"
"""Gloo's name for its files below `directorySecretSource.directory`; those of `secretOptions` are not below it."""
_MEND = "Remove one of them."
_LOOPBACK = ("127.0.0.1", "[::1]", "localhost")


class Platform(msgspec.Struct, frozen=True):
    """Where Daemun runs: the cluster, or the folder."""

    where: str


class Vault(msgspec.Struct, frozen=True):
    """HashiCorp Vault."""

    where: str
    spec: VaultSecrets

    @property
    def tls(self) -> VaultTlsConfig:
        """How TLS is spoken: `tlsConfig`, or the older fields if it is not given."""
        old = self.spec
        return old.tls_config or VaultTlsConfig(
            old.ca_cert, old.ca_path, old.client_cert, old.client_key, old.tls_server_name, old.insecure
        )

    def __repr__(self) -> str:
        """Never the token."""
        return f"<Vault {self.where}>"


class Directory(msgspec.Struct, frozen=True):
    """Files: `<directory>/<namespace>/<name>.yaml`."""

    where: str
    directory: str


Place = Platform | Vault | Directory


def places(spec: SettingsSpec) -> tuple[Place, ...]:
    """The places. The platform's own is the last where it is not named: listeners of Gateways need it."""
    found = tuple(_places(spec))
    return found if any(isinstance(one, Platform) for one in found) else (*found, Platform(""))


def _places(spec: SettingsSpec) -> Iterator[Place]:
    if spec.secret_options is not None:  # the older fields do not count then
        for index, source in enumerate(spec.secret_options.sources):
            where = f"spec.secretOptions.sources[{index}]"
            if source.vault is not None:
                yield Vault(f"{where}.vault", source.vault)
            elif source.directory is not None and source.directory.directory:
                yield Directory(f"{where}.directory", source.directory.directory)
            elif source.kubernetes is not None:
                yield Platform(f"{where}.kubernetes")
    elif spec.vault_secret_source is not None:
        yield Vault("spec.vaultSecretSource", spec.vault_secret_source)
    elif spec.directory_secret_source is not None and spec.directory_secret_source.directory:
        path = spec.directory_secret_source.directory.rstrip("/")
        yield Directory("spec.directorySecretSource", f"{path}/{SUBDIRECTORY}")


def refresh_seconds(spec: SettingsSpec) -> float:
    """How often places are asked again that do not tell by themselves."""
    if not spec.refresh_rate:
        return REFRESH_SECONDS
    return max(LEAST_REFRESH_SECONDS, nanoseconds(spec.refresh_rate) / 1e9)


def private(value: object) -> bool:
    """Whether an object is not to be written down in the clear: a Secret, or one with fields that let somebody in.

    Whether those count is not asked: Settings may have a token that nobody uses any more, and which is good still.
    """
    if isinstance(value, Secret):
        return True
    return isinstance(value, msgspec.Struct) and may_let_in(type(value)) and _lets_in(value)


def _lets_in(value: object) -> bool:
    if isinstance(value, str):
        return WITH_PASSWORD.search(value) is not None
    if isinstance(value, msgspec.Struct):
        names = zip(value.__struct_fields__, value.__struct_encode_fields__, strict=True)
        held = ((name, getattr(value, field)) for field, name in names)
        return any(bool(one) if name in PRIVATE and isinstance(one, str) else _lets_in(one) for name, one in held)
    if isinstance(value, dict):
        return any(map(_lets_in, value.values()))
    return isinstance(value, tuple) and any(map(_lets_in, value))


def notes(spec: SettingsSpec) -> Iterator[Finding]:
    """What about the places is not as somebody may think."""
    yield from _passed_over(spec)
    for place in places(spec):
        if not isinstance(place, Vault):
            continue
        scheme, _, rest = place.spec.address.partition("://")
        if scheme == "http" and not rest.startswith(_LOOPBACK):
            text = "the token and all Secrets cross the network as they are"
            yield Finding("Insecure", f"{place.where}.address", text, "Use https.")
        yield from _beside(place)
        if place.tls.insecure:
            text = "nobody knows who answers: the certificate of Vault is not checked"
            yield Finding("Insecure", f"{place.where}.tlsConfig.insecure", text, "Give its authority in caCert.")
    if spec.secret_options is not None:
        for index, source in enumerate(spec.secret_options.sources):
            if (
                source.vault is None
                and source.kubernetes is None
                and (not source.directory or not source.directory.directory)
            ):
                where = f"spec.secretOptions.sources[{index}]"
                yield Finding("Invalid", where, "names no place", "Give kubernetes, directory or vault.")


def _passed_over(spec: SettingsSpec) -> Iterator[Finding]:
    """Places that are not asked, since others are named, or since they are nowhere."""
    if spec.secret_options is not None:
        for field, given in (
            ("kubernetesSecretSource", spec.kubernetes_secret_source),
            ("vaultSecretSource", spec.vault_secret_source),
            ("directorySecretSource", spec.directory_secret_source),
        ):
            if given is not None:
                yield Finding("NotRead", f"spec.{field}", "does not count beside secretOptions", _MEND)
    elif spec.directory_secret_source is not None and not spec.directory_secret_source.directory:
        yield Finding("Invalid", "spec.directorySecretSource.directory", "names no place", "Name a directory.")


def _beside(place: Vault) -> Iterator[Finding]:
    """Older fields of a Vault that do not count beside the newer ones."""
    spec, older = place.spec, []
    if spec.token and (spec.access_token or spec.aws is not None):
        older.append(("token", "accessToken" if spec.access_token else "aws"))
    if spec.tls_config is not None:
        of_old = VaultTlsConfig(*(getattr(spec, one) for one in VaultTlsConfig.__struct_fields__))
        older += [(one, "tlsConfig") for one in msgspec.to_builtins(of_old)]
    for field, newer in older:
        yield Finding("NotRead", f"{place.where}.{field}", f"does not count beside {newer}", _MEND)
