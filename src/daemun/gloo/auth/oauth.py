"""OAuth 2 and OpenID Connect of an AuthConfig, with what it refers to."""

import re
from typing import Annotated, Any

import msgspec
import re2

from daemun.api.gloo.common import ResourceRef
from daemun.api.gloo.oauth import (
    AccessTokenValidation,
    OAuth,
    OAuth2,
    OidcAccessToken,
    OidcAuthorizationCode,
    OidcIdentityToken,
    PlainOAuth2,
)
from daemun.gloo import secrets
from daemun.gloo.auth.azure import azure
from daemun.gloo.auth.finding import Following, seconds, unserved
from daemun.gloo.auth.sessions import session
from daemun.ir.auth import oauth as ir

Check = ir.AuthorizationCode | ir.PlainOAuth | ir.Introspection | ir.SignedToken
_DISCOVERY_SECONDS, _CACHE_SECONDS, _REFRESH_SECONDS, _KEY_SECONDS = 1800.0, 600.0, 300.0, 5.0
_URL = re.compile(r"https?://[^/?#\s]+[^\s]*")
_QUIET = re2.Options()
_QUIET.log_errors = False


def oauth(spec: OAuth2, where: str, follow: Following) -> Check | None:
    """One of the three ways; None if there is none of them."""
    if spec.oidc_authorization_code is not None:
        return code(spec.oidc_authorization_code, f"{where}.oidcAuthorizationCode", follow)
    if spec.access_token_validation is not None:
        return _token(spec.access_token_validation, f"{where}.accessTokenValidation", follow)
    if spec.oauth2 is not None:
        return _plain(spec.oauth2, f"{where}.oauth2", follow)
    follow.wrong(where, "names none of its ways", "Set oidcAuthorizationCode, oauth2 or accessTokenValidation.")
    return None


def old_oauth(spec: OAuth, where: str, follow: Following) -> Check:
    """The old way to write an authorization code."""
    said = OidcAuthorizationCode(
        client_id=spec.client_id,
        client_secret_ref=spec.client_secret_ref,
        issuer_url=spec.issuer_url,
        auth_endpoint_query_params=spec.auth_endpoint_query_params,
        app_url=spec.app_url,
        callback_path=spec.callback_path,
        scopes=spec.scopes,
    )
    return code(said, where, follow)


def code(spec: OidcAuthorizationCode, where: str, follow: Following) -> ir.AuthorizationCode:
    """Logging in with OpenID Connect."""
    override, headers = spec.discovery_override, spec.headers
    _urls(follow, where, issuerUrl=spec.issuer_url, appUrl=spec.app_url)
    if override is not None:
        known = (
            ("scopes", override.scopes),
            ("responseTypes", override.response_types),
            ("subjects", override.subjects),
            ("claims", override.claims),
        )
        unserved(follow, f"{where}.discoveryOverride", known, "nobody asks what of these a provider has")
    provider = ir.Provider(
        issuer=spec.issuer_url,
        auth_endpoint=override.auth_endpoint if override else "",
        token_endpoint=override.token_endpoint if override else "",
        jwks_uri=override.jwks_uri if override else "",
        revocation_endpoint=override.revocation_endpoint if override else "",
        end_session_endpoint=override.end_session_endpoint if override else "",
        algorithms=override.id_token_algs if override else (),
        auth_methods=override.auth_methods if override else (),
        poll_interval=seconds(spec.discovery_poll_interval, _DISCOVERY_SECONDS),
    )
    app = ir.App(
        client_id=_client_id(spec.client_id, where, follow),
        url=spec.app_url,
        callback=_callback(spec.callback_path, where, follow, regex=spec.parse_callback_path_as_regex),
        client=_client(spec, where, follow),
        logout=spec.logout_path,
        after_logout=spec.after_logout_url,
        scopes=spec.scopes,
        auth_params=dict(spec.auth_endpoint_query_params),
        token_params=dict(spec.token_endpoint_query_params),
        session=_session_of(spec, where, follow),
        callback_regex=spec.parse_callback_path_as_regex,
    )
    end, mapped = spec.end_session_properties, spec.auto_map_from_metadata
    return ir.AuthorizationCode(
        provider,
        app,
        id_token_header=follow.header(f"{where}.headers.idTokenHeader", headers.id_token_header) if headers else "",
        access_token_header=follow.header(f"{where}.headers.accessTokenHeader", headers.access_token_header)
        if headers
        else "",
        bearer=bool(headers and headers.use_bearer_schema_for_authorization),
        access_claims=_claims(spec.access_token, f"{where}.accessToken", follow),
        id_claims=_claims(spec.identity_token, f"{where}.identityToken", follow),
        metadata=dict(spec.dynamic_metadata_from_claims),
        jwks_refreshes=_refreshes(spec),
        end_session_by_post=bool(end and end.method_type == "PostMethod"),
        map_metadata=(mapped.namespace or "solo_authconfig_oidc") if mapped else "",
        azure=azure(spec.azure, spec.issuer_url, f"{where}.azure", follow) if spec.azure else None,
    )


def _session_of(spec: OidcAuthorizationCode, where: str, follow: Following) -> ir.Session:
    """`sessionIdHeaderName` is the old word for `session.redis.headerName`."""
    made = session(spec.session, f"{where}.session", follow)
    old = follow.header(f"{where}.sessionIdHeaderName", spec.session_id_header_name)
    if old and made.redis is None:
        follow.undone(f"{where}.sessionIdHeaderName", "is not served: sessions in cookies have no id")
    elif old and not made.header:
        return msgspec.structs.replace(made, header=old)
    return made


def _refreshes(spec: OidcAuthorizationCode) -> int | None:
    """How often keys are fetched anew in a poll interval for a token that none has signed: as often as that is not too
    often, unless something else is said. A provider that turns its keys would lock everybody out.
    """
    policy = spec.jwks_cache_refresh_policy
    if policy is None or policy.always is not None:
        return None
    return 0 if policy.never is not None else policy.max_idp_req_per_polling_interval or 0


def _client(spec: OidcAuthorizationCode, where: str, follow: Following) -> ir.ClientAuth:
    said = spec.client_authentication
    if said is not None and said.private_key_jwt is not None:
        at = f"{where}.clientAuthentication.privateKeyJwt"
        key = follow.secret(f"{at}.signingKeyRef", said.private_key_jwt.signing_key_ref, secrets.OAuth)
        valid = seconds(said.private_key_jwt.valid_for, _KEY_SECONDS)
        return ir.ClientAuth(signing_key=key.client_secret if key else "", valid_for=valid)
    if said is not None and said.client_secret is not None:
        inner = said.client_secret
        at = f"{where}.clientAuthentication.clientSecret"
        return _secret(inner.client_secret_ref, at, follow, none=bool(inner.disable_client_secret))
    return _secret(spec.client_secret_ref, where, follow, none=bool(spec.disable_client_secret))


def _secret(ref: ResourceRef | None, where: str, follow: Following, *, none: bool) -> ir.ClientAuth:
    if none:
        return ir.ClientAuth()
    found = follow.secret(f"{where}.clientSecretRef", ref, secrets.OAuth)
    return ir.ClientAuth(secret=found.client_secret if found else "")


def _plain(spec: PlainOAuth2, where: str, follow: Following) -> ir.PlainOAuth:
    _urls(follow, where, appUrl=spec.app_url, authEndpoint=spec.auth_endpoint, tokenEndpoint=spec.token_endpoint)
    provider = ir.Provider(
        auth_endpoint=spec.auth_endpoint,
        token_endpoint=spec.token_endpoint,
        revocation_endpoint=spec.revocation_endpoint,
    )
    app = ir.App(
        client_id=_client_id(spec.client_id, where, follow),
        url=spec.app_url,
        callback=_callback(spec.callback_path, where, follow),
        client=_secret(spec.client_secret_ref, where, follow, none=bool(spec.disable_client_secret)),
        logout=spec.logout_path,
        after_logout=spec.after_logout_url,
        scopes=spec.scopes,
        auth_params=dict(spec.auth_endpoint_query_params),
        token_params=dict(spec.token_endpoint_query_params),
        session=session(spec.session, f"{where}.session", follow),
    )
    return ir.PlainOAuth(provider, app)


def _token(spec: AccessTokenValidation, where: str, follow: Following) -> ir.Introspection | ir.SignedToken | None:
    scopes = spec.required_scopes.scope if spec.required_scopes else ()
    cache, metadata = seconds(spec.cache_timeout, _CACHE_SECONDS), dict(spec.dynamic_metadata_from_claims)
    if spec.userinfo_url:
        _urls(follow, where, userinfoUrl=spec.userinfo_url)
    if spec.introspection_url is not None:
        _urls(follow, where, introspectionUrl=spec.introspection_url)
        return ir.Introspection(
            spec.introspection_url, userinfo_url=spec.userinfo_url, cache=cache, scopes=scopes, metadata=metadata
        )
    if spec.introspection is not None:
        one, at = spec.introspection, f"{where}.introspection"
        _urls(follow, at, introspectionUrl=one.introspection_url)
        secret = ""
        if one.client_secret_ref is not None or (one.client_id and not one.disable_client_secret):
            secret = _secret(one.client_secret_ref, at, follow, none=False).secret
            _client_id(one.client_id, at, follow)
        return ir.Introspection(
            one.introspection_url,
            one.client_id,
            secret,
            one.user_id_attribute_name,
            spec.userinfo_url,
            cache,
            scopes,
            metadata,
        )
    if spec.jwt is not None:
        remote, local = spec.jwt.remote_jwks, spec.jwt.local_jwks
        if remote is not None:
            _urls(follow, f"{where}.jwt.remoteJwks", url=remote.url)
        elif local is None or not local.inline_string:
            follow.wrong(f"{where}.jwt", "says of no keys where they are", "Set remoteJwks.url or localJwks.")
        elif not _is_jwks(local.inline_string):
            follow.wrong(f"{where}.jwt.localJwks.inlineString", "is not a JWKS", 'Write one: {"keys": [...]}.')
        return ir.SignedToken(
            jwks_url=remote.url if remote else "",
            jwks=local.inline_string if local else "",
            refresh=seconds(remote.refresh_interval, _REFRESH_SECONDS) if remote else _REFRESH_SECONDS,
            issuer=spec.jwt.issuer,
            userinfo_url=spec.userinfo_url,
            cache=cache,
            scopes=scopes,
            metadata=metadata,
        )
    follow.wrong(where, "says of nobody how tokens are checked", "Set jwt or introspection.")
    return None


class _Jwks(msgspec.Struct):
    keys: Annotated[list[dict[str, Any]], msgspec.Meta(min_length=1)]


def _is_jwks(text: str) -> bool:
    try:
        msgspec.json.decode(text, type=_Jwks)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        return False
    return True


def _claims(
    spec: OidcAccessToken | OidcIdentityToken | None, where: str, follow: Following
) -> tuple[ir.ClaimHeader, ...]:
    found = []
    for index, one in enumerate(spec.claims_to_headers if spec else ()):
        at = f"{where}.claimsToHeaders[{index}]"
        if not one.claim or not one.header:
            follow.wrong(at, "says not both which claim goes on, and in which header", "Set claim and header.")
        found.append(ir.ClaimHeader(one.claim, follow.header(f"{at}.header", one.header), one.append))
    return tuple(found)


def _client_id(value: str, where: str, follow: Following) -> str:
    if not value:
        follow.wrong(f"{where}.clientId", "is empty", "Write the client's id at the provider.")
    return value


def _callback(path: str, where: str, follow: Following, *, regex: bool = False) -> str:
    if not path:
        follow.wrong(f"{where}.callbackPath", "is empty", "Name a path that the application does not use.")
    elif regex:
        try:
            re2.compile(path, _QUIET)
        except (re2.error, UnicodeError, ValueError):
            follow.wrong(f"{where}.callbackPath", "is not an RE2 expression", "Mend it.")
    return path


def _urls(follow: Following, where: str, **urls: str) -> None:
    for field, url in urls.items():
        if not is_url(url):
            follow.wrong(f"{where}.{field}", "is not a URL of http or https" if url else "is empty", "Write one.")


def is_url(text: str) -> bool:
    """Whether it is a URL that something can be fetched from."""
    return _URL.fullmatch(text) is not None
