"""Sessions of those who have logged in (Gloo, UserSession)."""

from collections.abc import Mapping

from daemun.api.gloo.oauth import CookieOptions, RedisOptions, UserSession
from daemun.gloo import secrets
from daemun.gloo.auth.finding import Following, seconds
from daemun.ir.auth.oauth import Cookie, Redis, SameSite, Session

_SAME_SITE: Mapping[str, SameSite] = {"StrictMode": "Strict", "NoneMode": "None"}
_POOL = 10
_BEFORE_EXPIRY = 2.0


def session(spec: UserSession | None, where: str, follow: Following) -> Session:
    """Where sessions are kept: in cookies unless something else is said."""
    if spec is None:
        return Session(refresh=False)
    key = b""
    if spec.cipher_config is not None:
        found = follow.secret(f"{where}.cipherConfig.keyRef", spec.cipher_config.key_ref, secrets.EncryptionKey)
        key = found.key if found is not None else b""
    cookie = _cookie(spec.cookie_options, f"{where}.cookieOptions", follow)
    if spec.redis is None:
        inner = spec.cookie
        return Session(
            cookie=cookie,
            key=key,
            prefix=inner.key_prefix if inner else "",
            refresh=bool(inner and inner.allow_refreshing),
            target_domain=inner.target_domain if inner else "",
            fail_on_fetch_failure=spec.fail_on_fetch_failure,
        )
    return Session(
        redis=redis(spec.redis.options, f"{where}.redis.options", follow),
        cookie=cookie,
        cookie_name=spec.redis.cookie_name,
        prefix=spec.redis.key_prefix,
        header=follow.header(f"{where}.redis.headerName", spec.redis.header_name),
        key=key,
        refresh=spec.redis.allow_refreshing is not False,
        before_expiry=seconds(spec.redis.pre_expiry_buffer, _BEFORE_EXPIRY),
        target_domain=spec.redis.target_domain,
        fail_on_fetch_failure=spec.fail_on_fetch_failure,
    )


def redis(spec: RedisOptions | None, where: str, follow: Following) -> Redis:
    """A Redis that a policy names; without a host it is the server's own."""
    if spec is None:
        return Redis()
    if spec.tls_cert_mount_path:
        follow.undone(f"{where}.tlsCertMountPath", "is not served", "The system's authorities are trusted.")
    return Redis(spec.host, spec.db, spec.pool_size or _POOL, spec.socket_type == "TLS")


def _cookie(spec: CookieOptions | None, where: str, follow: Following) -> Cookie:
    if spec is None:
        return Cookie()
    if spec.same_site == "NoneMode" and spec.not_secure:
        follow.wrong(f"{where}.sameSite", "browsers drop cookies that are NoneMode and notSecure", "Use LaxMode.")
    return Cookie(
        max_age=spec.max_age,
        secure=not spec.not_secure,
        http_only=spec.http_only is not False,
        path="/" if spec.path is None else spec.path,
        same_site=_SAME_SITE.get(spec.same_site, "Lax"),
        domain=spec.domain,
    )
