"""What of an AuthPolicy types cannot say (see `rules`)."""

from collections.abc import Iterator
from ipaddress import ip_network

from daemun.api.auth_policy import Authorization, AuthPolicySpec, Jwt, OidcSession

Broken = tuple[str, str]
_WAYS = ("basicAuth", "apiKey", "oidc", "ext", "authConfigRef")


def auth_policy(spec: AuthPolicySpec) -> Iterator[Broken]:
    """What is to be refused about an AuthPolicy."""
    ways = (spec.basic_auth, spec.api_key, spec.oidc, spec.ext, spec.auth_config_ref)
    given = [name for name, one in zip(_WAYS, ways, strict=True) if one is not None]
    if len(given) > 1:
        yield "spec", f"{' and '.join(given)} exclude each other: an AuthConfig can have several"
    if not given and spec.jwt is None and spec.authorization is None:
        yield "spec", f"asks for nothing: set jwt, authorization or one of {', '.join(_WAYS)}"
    if spec.authorization is not None:
        yield from _authorization(spec.authorization, spec.jwt)
    if spec.jwt is not None:
        yield from _providers(spec.jwt)
    if spec.api_key is not None and not spec.api_key.secret_refs and not spec.api_key.selector:
        yield "spec.apiKey", "names no Secret: set secretRefs or selector"
    if spec.oidc is not None and spec.oidc.session is not None:
        yield from _session(spec.oidc.session)
    if spec.auth_config_ref is not None:
        ref = spec.auth_config_ref
        if (ref.group, ref.kind) != ("enterprise.gloo.solo.io", "AuthConfig"):
            yield "spec.authConfigRef", "is for an AuthConfig of group enterprise.gloo.solo.io"
    if spec.ext is not None and (spec.ext.grpc if spec.ext.protocol == "HTTP" else spec.ext.http) is not None:
        yield "spec.ext", f"has what is not for protocol {spec.ext.protocol}"


def _authorization(spec: Authorization, jwt: Jwt | None) -> Iterator[Broken]:
    names = [one.name for one in jwt.providers] if jwt is not None else []
    for at, one in enumerate(spec.rules):
        where = f"spec.authorization.rules[{at}]"
        if one.claims and jwt is None:
            yield f"{where}.claims", "are of tokens, so it needs jwt in the same policy"
        if not (one.claims or one.ip_blocks or one.remote_ip_blocks):
            yield where, "would allow everybody: set claims, ipBlocks or remoteIpBlocks"
        if not one.claims and one.provider is not None:
            yield f"{where}.provider", "is whose claims count, and there are none"
        elif jwt is not None and one.provider is not None and one.provider not in names:
            yield f"{where}.provider", f"there is no {one.provider} in jwt.providers, which has {', '.join(names)}"
        for field, blocks in (("ipBlocks", one.ip_blocks), ("remoteIpBlocks", one.remote_ip_blocks)):
            for number, block in enumerate(blocks):
                if trouble := _block(block):
                    yield f"{where}.{field}[{number}]", trouble


def _block(text: str) -> str:
    """What is wrong with an address or a network."""
    try:
        ip_network(text)
    except ValueError as error:
        return f"{error}: write an address such as 192.0.2.7, or a network such as 192.0.2.0/24"
    return "" if "%" not in text else "has a zone, which says nothing beyond one machine"


def _providers(spec: Jwt) -> Iterator[Broken]:
    names = [one.name for one in spec.providers]
    if len(set(names)) < len(names):
        yield "spec.jwt.providers", "two of them have the same name"
    for at, one in enumerate(spec.providers):
        if (one.jwks.inline is None) == (one.jwks.remote is None):
            yield f"spec.jwt.providers[{at}].jwks", "set either inline or remote"


def _session(spec: OidcSession) -> Iterator[Broken]:
    if spec.cookie_name and spec.store != "Redis":
        yield "spec.oidc.session.cookieName", "is for sessions in Redis: those in cookies have names of their own"
    if spec.same_site == "None" and spec.insecure:
        yield "spec.oidc.session.sameSite", "browsers drop cookies that are None and insecure"
