"""The ways of an AuthPolicy that end in a chain, as those of an AuthConfig do: basicAuth, apiKey and oidc."""

import re
from collections.abc import Callable, Iterator, Mapping

from daemun.api.auth_policy import ApiKeys, AuthPolicy, BasicAuth, Oidc, OidcSession
from daemun.api.gloo.auth_config import ApiKeyAuth
from daemun.api.gloo.common import ResourceRef
from daemun.api.gloo.oauth import (
    CookieOptions,
    InternalSession,
    OidcAuthorizationCode,
    RedisSession,
    SameSite,
    UserSession,
)
from daemun.api.meta import SecretObjectReference
from daemun.base.durations import nanoseconds
from daemun.base.names import CORE, DAEMUN, Name, Ref
from daemun.flow import Collection, Reader
from daemun.gloo.auth import oauth
from daemun.gloo.auth.configs import ConfigKey, ResolvedConfig, resolved
from daemun.gloo.auth.finding import Following, Inputs
from daemun.gloo.auth.keys import api_keys
from daemun.gloo.auth.passwords import htpasswd
from daemun.gloo.auth.servers import Found, servers_of
from daemun.ir.auth import AnyCheck, Chain, Step
from daemun.ir.auth.asked import Keys, Users
from daemun.ir.auth.checks import BasicAuth as Check
from daemun.ir.auth.checks import Hash, Password

KIND = "AuthPolicy"
_HTPASSWD = ".htpasswd"
# Each one more of bcrypt's cost doubles its time: 14 is a second, 31 are days.
_HASHES: tuple[tuple[re.Pattern[str], Hash], ...] = (
    (re.compile(r"\{SHA\}[A-Za-z0-9+/]{27}="), "sha1"),
    (re.compile(r"\$apr1\$[^$]{1,8}\$[./A-Za-z0-9]{22}"), "apr1"),
    (re.compile(r"\$2[aby]\$(?:0[4-9]|1[0-4])\$[./A-Za-z0-9]{53}"), "bcrypt"),
)
_MOST_USERS = 10_000
_SECOND = 10**9
_SAME_SITE: Mapping[str, SameSite] = {"Lax": "LaxMode", "Strict": "StrictMode", "None": "NoneMode"}


def key_of(name: Name) -> ConfigKey:
    """Under what the chain of a policy is known: no AuthConfig can have such a name."""
    return ConfigKey(Name(name.namespace, f"authpolicy:{name.name}"), classic=False)


def way_rule(
    of: Inputs, servers: Collection[Name, Found], *, own: bool
) -> Callable[[Reader, Name, AuthPolicy], Iterator[tuple[ConfigKey, ResolvedConfig]]]:
    """The rule from a policy to the chain of its own, if it has one."""

    def resolve(reader: Reader, name: Name, policy: AuthPolicy) -> Iterator[tuple[ConfigKey, ResolvedConfig]]:
        follow = Following(reader, of, Ref(DAEMUN, KIND, *name))
        found = _check(policy, follow)
        if found is not None:
            key, (check, native) = key_of(name), found
            header = servers_of(reader, servers, own=own).own.user_header
            whole = Chain(key.chain, (Step("policy", check),), user_header=header)
            yield key, resolved(key, whole, native, follow, own=own)

    return resolve


def secret_of(ref: SecretObjectReference, where: str, follow: Following) -> ResourceRef:
    """A reference to a Secret; to anything else it is wrong."""
    if (ref.group, ref.kind) != (CORE, "Secret"):
        follow.wrong(where, f"{ref.kind} of group {ref.group!r} is not a Secret")
    return ResourceRef(name=ref.name, namespace=ref.namespace or "")


def _check(policy: AuthPolicy, follow: Following) -> tuple[AnyCheck, Users | Keys | None] | None:
    spec = policy.spec
    if spec.basic_auth is not None:
        return _passwords(spec.basic_auth, follow)
    if spec.api_key is not None:
        return _keys(spec.api_key, follow)
    return (_oidc(spec.oidc, follow), None) if spec.oidc is not None else None


def _passwords(spec: BasicAuth, follow: Following) -> tuple[Check, Users | None]:
    where = "spec.basicAuth.secretRef"
    text = follow.content(where, secret_of(spec.secret_ref, where, follow), _HTPASSWD)
    users: dict[str, Password] = {}
    lines = [line.strip() for line in text.splitlines()]
    entries = [line for line in lines if line and not line.startswith("#")]
    if len(entries) > _MOST_USERS:
        follow.wrong(where, f"has more than {_MOST_USERS} users")
    for at, line in enumerate(entries[:_MOST_USERS], 1):
        name, _, value = line.partition(":")
        hashing = next((hashing for pattern, hashing in _HASHES if pattern.fullmatch(value)), None)
        if not name or hashing is None:
            follow.wrong(where, f"entry {at} is not a name with a password in SHA-1, APR1 or bcrypt of a cost up to 14")
        else:
            users[name] = Password(hashing, value.removeprefix("{SHA}"))
    if not users and not follow.errors:
        follow.wrong(where, "has no users, so that nobody could come in")
    check = Check(users, spec.realm)
    found = htpasswd(check)
    return check, Users(found) if found is not None else None


def _keys(spec: ApiKeys, follow: Following) -> tuple[AnyCheck, Keys]:
    where = "spec.apiKey"
    refs = tuple(secret_of(ref, f"{where}.secretRefs[{at}]", follow) for at, ref in enumerate(spec.secret_refs))
    said = ApiKeyAuth(api_key_secret_refs=refs, label_selector=spec.selector, header_name=spec.header or "")
    return api_keys(said, where, follow, refs_field="secretRefs", query=spec.query_param or "")


def _oidc(spec: Oidc, follow: Following) -> AnyCheck:
    where = "spec.oidc"
    ref = spec.client_secret_ref
    said = OidcAuthorizationCode(
        client_id=spec.client_id,
        client_secret_ref=secret_of(ref, f"{where}.clientSecretRef", follow) if ref is not None else None,
        disable_client_secret=ref is None,
        issuer_url=spec.issuer_url,
        app_url=spec.app_url,
        callback_path=spec.callback_path,
        scopes=spec.scopes,
        logout_path=spec.logout_path,
        after_logout_url=spec.after_logout_url,
        session=_session(spec.session) if spec.session is not None else None,
    )
    return oauth.code(said, where, follow)


def _session(spec: OidcSession) -> UserSession:
    """The same session in Gloo's words."""
    cookies = CookieOptions(
        max_age=nanoseconds(spec.max_age) // _SECOND if spec.max_age is not None else None,
        not_secure=spec.insecure,
        same_site=_SAME_SITE[spec.same_site],
        domain=spec.domain,
    )
    if spec.store == "Redis":
        stored = RedisSession(cookie_name=spec.cookie_name, allow_refreshing=spec.refresh)
        return UserSession(cookie_options=cookies, redis=stored)
    return UserSession(cookie_options=cookies, cookie=InternalSession(allow_refreshing=spec.refresh))
