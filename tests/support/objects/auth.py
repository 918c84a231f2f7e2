"""AuthConfigs and Secrets, as stories of authentication write them."""

import base64
import hashlib
from typing import Any

from support.objects.documents import Doc

APR1 = {"salt": "TYiryv0/", "hashedPassword": "/2FbPWdC2VElGv2/RQOCG/"}
"""The password `secret`."""


def auth_config(name: str, *configs: Doc, **spec: Any) -> Doc:
    """Ways to know who sends a request."""
    return {
        "apiVersion": "enterprise.gloo.solo.io/v1",
        "kind": "AuthConfig",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"configs": list(configs), **spec},
    }


def auth_policy(name: str, *targets: Doc, namespace: str = "default", **spec: Any) -> Doc:
    """Who may come in, in Daemun's own words; a target is a kind and a name, and a section if need be."""
    return {
        "apiVersion": "daemun.dev/v1alpha1",
        "kind": "AuthPolicy",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"targetRefs": list(targets), **spec},
    }


def users(*names: str) -> Doc:
    """Users with the password `secret`, hashed with APR1: Daemun's server knows it."""
    return {"basicAuth": {"realm": "here", "apr": {"users": dict.fromkeys(names, APR1)}}}


def simple_users(**passwords: str) -> Doc:
    """Users with passwords that Envoy itself can compare."""
    hashed = {
        name: {"hashedPassword": base64.b64encode(hashlib.sha1(one.encode()).digest()).decode()}  # noqa: S324 - Gloo's
        for name, one in passwords.items()
    }
    return {"basicAuth": {"encryption": {"sha1": {}}, "userList": {"users": hashed}}}


def secret(name: str, kind: str, labels: Doc | None = None, **data: str) -> Doc:
    """A Secret of one of Gloo's kinds."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": "default", "labels": labels or {}},
        "type": f"extauth.solo.io/{kind}",
        "stringData": data,
    }


def api_key(name: str, key: str, labels: Doc | None = None, **metadata: str) -> Doc:
    """A Secret with an API key."""
    return secret(name, "apikey", labels, **{"api-key": key}, **metadata)


def basic(name: str, password: str) -> Doc:
    """The header of a name and a password."""
    return {"authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}
