"""Groups of Entra ID that a token has no room for (Gloo, OidcAuthorizationCode.Azure)."""

import re
from collections.abc import Mapping

from daemun.api.gloo.oauth import OidcAzure
from daemun.gloo import secrets
from daemun.gloo.auth.finding import Following
from daemun.gloo.auth.sessions import redis
from daemun.ir.auth import oauth as ir

_HOST = re.compile(r"https?://([^/:?#]*)")
_TENANT = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.\-]*[A-Za-z0-9])?")
_GRAPHS: Mapping[str, str] = {
    "login.microsoftonline.com": "graph.microsoft.com",
    "login.microsoftonline.us": "graph.microsoft.us",
    "login.partner.microsoftonline.cn": "microsoftgraph.chinacloudapi.cn",
    "login.chinacloudapi.cn": "microsoftgraph.chinacloudapi.cn",
}
"""Where groups are asked for, by where people log in: each of Microsoft's clouds has its own."""
_WORLD = "login.microsoftonline.com"


def azure(spec: OidcAzure, issuer: str, where: str, follow: Following) -> ir.Azure:
    """The application that asks for groups, in the cloud of the issuer."""
    if not _TENANT.fullmatch(spec.tenant_id):
        follow.wrong(f"{where}.tenantId", "is no id or domain of a tenant", "Write the one of the application.")
    if not spec.client_id:
        follow.wrong(f"{where}.clientId", "is empty", "Write the id of the application that may read groups.")
    secret = follow.secret(f"{where}.clientSecret", spec.client_secret, secrets.OAuth)
    found = _HOST.match(issuer.lower())
    login = found[1] if found and found[1] in _GRAPHS else _WORLD
    cache = spec.claims_caching_options
    return ir.Azure(
        spec.tenant_id,
        spec.client_id,
        secret.client_secret if secret else "",
        f"https://{login}",
        f"https://{_GRAPHS[login]}",
        redis(cache, f"{where}.claimsCachingOptions", follow) if cache else None,
    )
