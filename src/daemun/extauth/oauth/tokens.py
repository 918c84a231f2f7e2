"""Tokens that are signed (JWT, RFC 7519), and the keys that they are signed with (JWK, RFC 7517).

Only signatures with private keys count: with a shared secret, whoever can check a token can make one.
"""

import hashlib
import math
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from daemun.extauth.oauth.sealing import data, text

Claims = dict[str, Any]
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
SKEW = 60.0
"""Seconds that two clocks may be apart."""
_MAX_KEYS = 1_000
_TRIED = 8
"""Keys that a token is tried with which does not say by which it is signed: others wait meanwhile."""
_MAX_LENGTH = 64 * 1024
_FAMILIES = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}
_CURVES = {"ES256": "secp256r1", "ES384": "secp384r1", "ES512": "secp521r1"}
_MEMBERS = {"RSA": ("n", "e"), "EC": ("crv", "x", "y"), "OKP": ("crv", "x")}
"""What a public key is made of. Nothing else is looked at: of what a private one is made of more would be computed."""
_SMALLEST_RSA, _LARGEST_RSA = 2048, 8192
_LARGEST_EXPONENT = 1 << 32
"""With one as long as the key itself, a signature takes as long to verify as to make: 16 ms, not 30 µs."""
_LONGEST_MEMBER = 2_000
"""Characters: no number that counts is longer."""
_jws = jwt.PyJWS(algorithms=list(ALGORITHMS))


class TokenError(Exception):
    """A token that counts for nothing. The text holds nothing of it."""


class UnknownKeyError(TokenError):
    """It is signed with a key that is not there; a newer set may have it."""


class Key(NamedTuple):
    """A public key, and what it is for."""

    kid: str
    kind: str
    algorithm: str
    public: Any


def parse_keys(body: bytes | str) -> tuple[Key, ...]:
    """The keys of a set with which tokens can be signed; others in it are left out. Raises ValueError for no set."""
    try:
        listed = msgspec.json.decode(body, type=_Set).keys
    except (msgspec.MsgspecError, RecursionError):
        raise ValueError("it is no set of keys") from None
    return tuple(key for one in listed[:_MAX_KEYS] if (key := _key(one)) is not None)


class _Set(msgspec.Struct):
    keys: tuple[dict[str, Any], ...]


def _key(written: dict[str, Any]) -> Key | None:
    kind = written.get("kty")
    members = _MEMBERS.get(kind) if isinstance(kind, str) else None
    if members is None or written.get("use", "sig") != "sig" or "d" in written:
        return None  # whoever publishes a private key ("d") has no secret
    public = {name: str(written.get(name, "")) for name in ("kty", *members)}
    if any(len(one) > _LONGEST_MEMBER for one in public.values()):
        return None
    try:
        key = jwt.PyJWK(public).key
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        return None
    if isinstance(key, rsa.RSAPublicKey) and not _bearable(key):
        return None
    return Key(str(written.get("kid", "")), public["kty"], str(written.get("alg", "")), key)


def _bearable(key: rsa.RSAPublicKey) -> bool:
    """Whether it is neither too small to hold nor too large to be used."""
    return _SMALLEST_RSA <= key.key_size <= _LARGEST_RSA and key.public_numbers().e < _LARGEST_EXPONENT


def verified(token: str, keys: Iterable[Key], algorithms: Iterable[str] = ALGORITHMS) -> Claims:
    """The claims of a token that one of the keys has signed. Their meaning is for the caller to check.

    Raises TokenError; UnknownKeyError where a newer set of keys may help.
    """
    header = _header(token)
    algorithm = header.get("alg")
    if algorithm not in ALGORITHMS or algorithm not in algorithms:
        raise TokenError("its algorithm is not allowed")
    kid = str(header.get("kid", ""))
    fitting = [one for one in keys if (not kid or one.kid == kid) and _fits(one, algorithm)]
    if not fitting:
        raise UnknownKeyError("it is signed with an unknown key")
    for one in fitting[:_TRIED]:
        try:
            payload = _jws.decode(token, one.public, algorithms=[algorithm])
        except (jwt.PyJWTError, ValueError, TypeError):
            continue
        return _claims(payload)
    raise TokenError("its signature is not right") if kid else UnknownKeyError("no key has signed it")


def peeked(token: str) -> Claims:
    """What a token says of itself, unchecked; nothing if it is no JWT. For tokens that the provider gave us."""
    parts = token.split(".")
    try:
        return _claims(data(parts[1])) if len(parts) == 3 else {}
    except TokenError:
        return {}


def check_times(claims: Mapping[str, Any], now: float, *, must_expire: bool = True) -> None:
    """Raises TokenError for a token of another time (exp, nbf, iat)."""
    expires, begins, issued = (_time(claims, name) for name in ("exp", "nbf", "iat"))
    if expires is None and must_expire:
        raise TokenError("it never expires")
    if expires is not None and now >= expires + SKEW:
        raise TokenError("it has expired")
    if begins is not None and now < begins - SKEW:
        raise TokenError("it is not valid yet")
    if issued is not None and now < issued - SKEW:
        raise TokenError("it is from the future")


def audience(claims: Mapping[str, Any]) -> tuple[str, ...]:
    """For whom a token is."""
    said = claims.get("aud", ())
    return (said,) if isinstance(said, str) else tuple(map(str, said)) if isinstance(said, list) else ()


def check_id_token(claims: Mapping[str, Any], issuer: str, client_id: str, nonce: str | None, now: float) -> None:
    """Raises TokenError for an ID token that is not the answer to our question (OpenID Connect Core, 3.1.3.7)."""
    if claims.get("iss") != issuer:
        raise TokenError("it is from another issuer")
    audiences = audience(claims)
    if client_id not in audiences:
        raise TokenError("it is for another client")
    if claims.get("azp", client_id) != client_id or (len(audiences) > 1 and "azp" not in claims):
        raise TokenError("it was given to another client")
    if not isinstance(claims.get("sub"), str) or not claims["sub"]:
        raise TokenError("it names nobody")
    if "iat" not in claims:
        raise TokenError("it does not say when it was issued")
    check_times(claims, now)
    if nonce is not None and claims.get("nonce") != nonce:
        raise TokenError("it answers another login")


def check_access_token(id_token: str, claims: Mapping[str, Any], access_token: str) -> None:
    """Raises TokenError for an access token that an ID token does not belong to (3.1.3.8)."""
    if "at_hash" in claims and claims["at_hash"] != _half_hash(access_token, str(_header(id_token).get("alg", ""))):
        raise TokenError("it belongs to another access token")


def _half_hash(access_token: str, alg: str) -> str:
    name = {"256": "sha256", "384": "sha384", "512": "sha512"}.get(alg[-3:], "sha512")
    digest = hashlib.new(name, access_token.encode()).digest()
    return text(digest[: len(digest) // 2])


def _header(token: str) -> Claims:
    if len(token) > _MAX_LENGTH or token.count(".") != 2:
        raise TokenError("it is no signed token")
    header = _claims(data(token.partition(".")[0]))
    if "crit" in header:
        raise TokenError("it asks for what is not known")
    return header


def _claims(payload: bytes) -> Claims:
    try:
        return msgspec.json.decode(payload, type=Claims)
    except (msgspec.MsgspecError, RecursionError):
        raise TokenError("it cannot be read") from None


def _fits(key: Key, algorithm: str) -> bool:
    if key.kind != _FAMILIES[algorithm[:2]] or key.algorithm not in ("", algorithm, "Ed25519"):
        return False
    curve = _CURVES.get(algorithm)
    return curve is None or (isinstance(key.public, ec.EllipticCurvePublicKey) and key.public.curve.name == curve)


def _time(claims: Mapping[str, Any], name: str) -> float | None:
    said = claims.get(name)
    if said is None:
        return None
    if isinstance(said, bool) or not isinstance(said, int | float) or not math.isfinite(said):
        raise TokenError(f"its {name} is no time")
    return float(said)
