"""Kubeconfigs: how a program reaches the API server, and as whom."""

import base64
from pathlib import Path

import yaml

from .pki import Authority, Pair


def write(file: Path, server: str, authority: Authority, user: Pair) -> Path:
    """A kubeconfig that stands alone: certificates are in it, not beside it."""
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": "daemun", "cluster": {"server": server, **_inline("certificate-authority", authority.pair)}}
        ],
        "users": [
            {"name": "daemun", "user": {**_inline("client-certificate", user), "client-key-data": _data(user.key)}}
        ],
        "contexts": [{"name": "daemun", "context": {"cluster": "daemun", "user": "daemun"}}],
        "current-context": "daemun",
    }
    file.touch(mode=0o600)
    file.write_text(yaml.safe_dump(document))
    return file


def _inline(name: str, pair: Pair) -> dict[str, str]:
    return {f"{name}-data": _data(pair.certificate)}


def _data(file: Path) -> str:
    return base64.b64encode(file.read_bytes()).decode()
