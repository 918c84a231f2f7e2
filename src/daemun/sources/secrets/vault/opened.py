"""A Vault as Settings name it, with the login that they give, or that the environment has for it.

Credentials of the environment go to the Vault that the environment names, and to no other: whoever writes Settings
cannot have them sent elsewhere.
"""

from collections.abc import Mapping
from urllib.parse import urlsplit

from daemun.api.gloo.settings import VaultAwsAuth, VaultSecrets
from daemun.gloo.secrets.places import PATH_PREFIX, ROOT_KEY, Vault
from daemun.sources.secrets.store import Store, StoreError
from daemun.sources.secrets.vault.http import VaultClient
from daemun.sources.secrets.vault.kv import KvStore
from daemun.sources.secrets.vault.logins import AppRoleLogin, AwsLogin, KubernetesLogin, Login, TokenLogin, file
from daemun.sources.secrets.vault.session import Session
from daemun.sources.signatures import Credentials

ADDRESS, NAMESPACE = "VAULT_ADDR", "VAULT_NAMESPACE"
SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount/token"


def opened(place: Vault, environment: Mapping[str, str]) -> Store:
    """The store. Nothing is sent yet. Raises StoreError if there is no address or no login."""
    spec = place.spec
    address = (spec.address or environment.get(ADDRESS, "")).rstrip("/")
    url = urlsplit(address)
    if url.scheme not in {"http", "https"} or not url.hostname or url.username or url.query:
        raise StoreError("the address of Vault is not one of http or https", "Give address, or VAULT_ADDR.")
    ours = address == environment.get(ADDRESS, "").rstrip("/")
    vault = VaultClient(address, place.tls, environment.get(NAMESPACE, "") if ours else "")
    login = _written(spec, environment) or (_of_environment(environment) if ours else None)
    if login is None:
        mend = "Give accessToken or aws; or VAULT_ADDR with this address in the environment, and a login beside it."
        raise StoreError(f"there is no login for Vault at {address}", mend)
    session = Session(vault, login, spec.aws.lease_increment if spec.aws else 0)
    return KvStore(vault, session, spec.path_prefix or PATH_PREFIX, spec.root_key or ROOT_KEY)


def _written(spec: VaultSecrets, environment: Mapping[str, str]) -> Login | None:
    token = spec.access_token or ("" if spec.aws else spec.token)
    if token:
        return TokenLogin(lambda: token)
    return AwsLogin(spec.aws, lambda: _aws(spec.aws, environment)) if spec.aws is not None else None


def _aws(spec: VaultAwsAuth | None, environment: Mapping[str, str]) -> Credentials:
    """The credentials in Settings, or all of them from the environment."""
    if spec is not None and (spec.access_key_id or spec.secret_access_key):
        found = Credentials(spec.access_key_id, spec.secret_access_key, spec.session_token)
    else:
        names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
        found = Credentials(*(environment.get(name, "") for name in names))
    if not found.access_key or not found.secret_key:
        raise StoreError("AWS's credentials are not whole", "Give accessKeyId and secretAccessKey.")
    return found


def _of_environment(environment: Mapping[str, str]) -> Login | None:
    get = environment.get
    if role := get("VAULT_KUBERNETES_ROLE"):
        mount = get("VAULT_KUBERNETES_MOUNT") or "kubernetes"
        return KubernetesLogin(role, mount, file(get("VAULT_KUBERNETES_TOKEN_FILE") or SERVICE_ACCOUNT))
    if role_id := get("VAULT_APPROLE_ROLE_ID"):
        secret = file(get("VAULT_APPROLE_SECRET_ID_FILE") or "")
        return AppRoleLogin(lambda: role_id, secret, get("VAULT_APPROLE_MOUNT") or "approle")
    if path := get("VAULT_TOKEN_FILE"):
        return TokenLogin(file(path))
    if token := get("VAULT_TOKEN"):
        return TokenLogin(lambda: token)
    return None
