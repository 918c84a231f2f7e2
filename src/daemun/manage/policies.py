"""AuthConfigs (Gloo) from a few words, and changes of what is said of authentication and limits."""

from collections.abc import Mapping
from typing import Any

import msgspec

from daemun.base.names import Name
from daemun.manage.documents import Document, WrongInput, document, reference

GROUP, AUTH_CONFIG = "enterprise.gloo.solo.io", "AuthConfig"


class Oidc(msgspec.Struct, frozen=True):
    """How users log in (OpenID Connect, authorization code)."""

    issuer: str
    app: str
    client: str
    secret: Name
    callback: str = "/oidc-gloo-callback"
    scopes: list[str] = []
    parameters: dict[str, str] = {}


class Keys(msgspec.Struct, frozen=True):
    """Which Secrets hold API keys: those that have labels, or one by its name."""

    labels: dict[str, str] = {}
    secret: Name | None = None


class Modules(msgspec.Struct, frozen=True):
    """ConfigMaps with modules of Open Policy Agent, and what they are asked."""

    maps: list[Name]
    query: str


def auth_config(name: Name, oidc: Oidc | None, keys: Keys | None, modules: Modules | None) -> Document:
    """An AuthConfig of which all parts must hold. Raises WrongInput for one without any, or with half of one."""
    configs: list[Document] = []
    if oidc is not None:
        configs.append({"oauth2": {"oidcAuthorizationCode": _oidc(oidc)}})
    if keys is not None:
        configs.append({"apiKeyAuth": _keys(keys)})
    if modules is not None:
        if not modules.maps or not modules.query:
            raise WrongInput("OPA needs modules and a query", "Give --opa-module-ref and --opa-query.")
        configs.append({"opaAuth": {"modules": [reference(one) for one in modules.maps], "query": modules.query}})
    if not configs:
        raise WrongInput(
            "the AuthConfig has nothing to check",
            "Give one or more of --enable-oidc-auth, --enable-apikey-auth and --enable-opa-auth.",
        )
    return document(GROUP, AUTH_CONFIG, name, spec={"configs": configs})


def set_server(settings: Document, part: str, reference_field: str, server: Name | None, **more: Any) -> Document:
    """Settings with another server of authorization (`extauth`) or of limits (`ratelimitServer`)."""
    config = settings.setdefault("spec", {}).setdefault(part, {})
    if server is not None:
        config[reference_field] = reference(server)
    config.update({key: value for key, value in more.items() if value is not None})
    return settings


def no_auth(route: Document) -> Document:
    """A route that asks nobody, whatever its host says."""
    route.setdefault("options", {})["extauth"] = {"disable": True}
    return route


def upper_units(limits: Any) -> Any:
    """Limits whose units are written as Gloo's API has them: Envoy's service has them in small letters."""
    if isinstance(limits, list):
        return [upper_units(one) for one in limits]
    if isinstance(limits, dict):
        return {
            key: value.upper() if key == "unit" and isinstance(value, str) else upper_units(value)
            for key, value in limits.items()
        }
    return limits


def _oidc(oidc: Oidc) -> Document:
    needed = {
        "--oidc-auth-issuer-url": oidc.issuer,
        "--oidc-auth-app-url": oidc.app,
        "--oidc-auth-client-id": oidc.client,
        "--oidc-auth-client-secret-name": oidc.secret.name,
    }
    missing = [flag for flag, value in needed.items() if not value]
    if missing:
        raise WrongInput("OIDC needs more than is given", f"Give {', '.join(missing)}.")
    return {
        "issuerUrl": oidc.issuer,
        "appUrl": oidc.app,
        "callbackPath": oidc.callback,
        "clientId": oidc.client,
        "clientSecretRef": reference(oidc.secret),
        **({"scopes": oidc.scopes} if oidc.scopes else {}),
        **({"authEndpointQueryParams": _sorted(oidc.parameters)} if oidc.parameters else {}),
    }


def _keys(keys: Keys) -> Document:
    if not keys.labels and keys.secret is None:
        raise WrongInput(
            "API keys are nowhere", "Give --apikey-label-selector, or --apikey-secret-name and -namespace."
        )
    storage: dict[str, Any] = {}
    if keys.labels:
        storage["labelSelector"] = _sorted(keys.labels)
    if keys.secret is not None:
        storage["apiKeySecretRefs"] = [reference(keys.secret)]
    return {"k8sSecretApikeyStorage": storage}


def _sorted(values: Mapping[str, str]) -> dict[str, str]:
    return dict(sorted(values.items()))
