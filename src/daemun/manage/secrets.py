"""Secrets in the formats that Gloo reads (gloo/secrets/formats.py), as Kubernetes has them."""

import base64
import configparser
import secrets
from collections.abc import Mapping
from pathlib import Path

from daemun.base.names import CORE, Name
from daemun.manage.documents import Document, WrongInput, document

_KEY_BYTES = 32


def tls(name: Name, chain: Path | None, key: Path | None, authorities: Path | None, staple: Path | None) -> Document:
    """A certificate with its key, authorities to trust, or both. Raises WrongInput for half a pair or none."""
    if (chain is None) != (key is None):
        missing, there = ("--privatekey", "--certchain") if key is None else ("--certchain", "--privatekey")
        raise WrongInput(f"{there} is given without {missing}", "A certificate and its key belong together.")
    if chain is None and authorities is None:
        raise WrongInput("there is nothing to put into the Secret", "Name --certchain and --privatekey, or --rootca.")
    files = {"tls.crt": chain, "tls.key": key, "ca.crt": authorities, "tls.ocsp-staple": staple}
    data = {entry: _content(file) for entry, file in files.items() if file is not None}
    if authorities is not None and chain is None:
        data = {"tls.crt": b"", "tls.key": b"", **data}  # Kubernetes wants both in a Secret of this type
    return _secret(name, "kubernetes.io/tls", data)


def aws(name: Name, access_key: str, secret_key: str, session_token: str, profile: str = "default") -> Document:
    """Credentials of AWS; what is not given is read from the `profile` of ~/.aws/credentials."""
    if not access_key or not secret_key:
        access_key, secret_key, session_token = _shared_credentials(profile)
    data = {"aws_access_key_id": access_key, "aws_secret_access_key": secret_key}
    return _secret(name, "Opaque", _bytes(data | ({"aws_session_token": session_token} if session_token else {})))


def azure(name: Name, keys: Mapping[str, str]) -> Document:
    """Keys of Azure Functions, by function. Gloo reads them as a Secret of its own, in YAML, told by an annotation."""
    import yaml

    if not keys:
        raise WrongInput("there are no keys", "Name them with --api-keys NAME=KEY.")
    written = yaml.safe_dump({"apiKeys": dict(keys)}).encode()
    made = _secret(name, "Opaque", {"azure": written})
    made["metadata"]["annotations"] = {"resource_kind": "*v1.Secret"}
    return made


def header(name: Name, headers: Mapping[str, str]) -> Document:
    """Headers and their values. Raises WrongInput without any."""
    if not headers:
        raise WrongInput("there are no headers", "Name them with --headers NAME=VALUE.")
    return _secret(name, "gloo.solo.io/header", _bytes(headers))


def api_key(name: Name, key: str, labels: Mapping[str, str], *, generate: bool = False) -> Document:
    """An API key, which AuthConfigs find by its labels. A generated one has 256 bits of chance.

    Raises WrongInput if no key is given, and none to be made.
    """
    if not key and not generate:
        raise WrongInput("there is no key", "Give one with --apikey, or have one made with --apikey-generate.")
    made = _secret(name, "extauth.solo.io/apikey", _bytes({"api-key": key or secrets.token_urlsafe(_KEY_BYTES)}))
    if labels:
        made["metadata"]["labels"] = dict(labels)
    return made


def oauth(name: Name, client_secret: str) -> Document:
    """What an OAuth client proves itself with. Raises WrongInput without it."""
    if not client_secret:
        raise WrongInput("there is no secret", "Give it with --client-secret.")
    return _secret(name, "extauth.solo.io/oauth", _bytes({"client-secret": client_secret}))


def credentials(name: Name, username: str, password: str) -> Document:
    """The account of a service. Raises WrongInput without a name or a password."""
    if not username or not password:
        raise WrongInput("there is no account", "Give --username and --password.")
    return _secret(name, "extauth.solo.io/accountcredentials", _bytes({"username": username, "password": password}))


def encryption_key(name: Name, key: str) -> Document:
    """The key that sessions are sealed with. Raises WrongInput if it does not have 32 bytes."""
    if len(key.encode()) != _KEY_BYTES:
        raise WrongInput(f"the key has {len(key.encode())} bytes", f"Give one of {_KEY_BYTES} bytes with --key.")
    return _secret(name, "gloo.solo.io.EncryptionKeySecret", _bytes({"key": key}))


def _secret(name: Name, kind: str, data: Mapping[str, bytes]) -> Document:
    encoded = {key: base64.b64encode(value).decode() for key, value in data.items()}
    return document(CORE, "Secret", name, type=kind, data=encoded)


def _bytes(texts: Mapping[str, str]) -> dict[str, bytes]:
    return {key: value.encode() for key, value in texts.items()}


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise WrongInput(f"{file} cannot be read: {error.strerror}", "Name a file.") from None


def _shared_credentials(profile: str) -> tuple[str, str, str]:
    """What the AWS command line uses (AWS CLI, "Configuration and credential file settings")."""
    file = Path("~/.aws/credentials").expanduser()
    mend = "Give --access-key and --secret-key."
    parser = configparser.ConfigParser(interpolation=None)
    try:
        if not parser.read(file):
            raise WrongInput(f"no keys are given, and there is no {file}", mend)
        found = parser[profile]
        token = found.get("aws_session_token", "")
        return found["aws_access_key_id"], found["aws_secret_access_key"], token
    except (configparser.Error, KeyError):
        raise WrongInput(f"no keys are given, and {file} has none for the profile {profile}", mend) from None
