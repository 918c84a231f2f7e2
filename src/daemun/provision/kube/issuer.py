"""Who issues the tokens of ServiceAccounts, so that one can be told from a forged one while the API server is away.

The signature, the issuer, the audience and the times of a token are checked, as the API server does. What only that
one knows is whether the pod a token was made for is still there: a token is then good until it expires.
"""

import base64
import binascii

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from daemun.base.names import Name
from daemun.kube.client import KubeClient
from daemun.provision.kube.settings import AUDIENCE

_DISCOVERY = "/.well-known/openid-configuration"
_KEYS = "/openid/v1/jwks"
_ANY = "*/*"  # what it is called differs
_ACCOUNT = "system:serviceaccount:"
_SKEW = 30.0
"""Seconds by which clocks of two machines may differ."""


class _Discovery(msgspec.Struct, frozen=True):
    issuer: str = ""


class _Key(msgspec.Struct, frozen=True, omit_defaults=True):
    """A public key (RFC 7517)."""

    kty: str = ""
    kid: str = ""
    n: str = ""
    e: str = ""
    crv: str = ""
    x: str = ""
    y: str = ""


class _Keys(msgspec.Struct, frozen=True):
    keys: tuple[_Key, ...] = ()


class Known(msgspec.Struct, frozen=True):
    """An issuer and its public keys."""

    issuer: str
    keys: tuple[_Key, ...]


class _Header(msgspec.Struct, frozen=True):
    alg: str = ""
    kid: str = ""


class _Claims(msgspec.Struct, frozen=True):
    iss: str = ""
    sub: str = ""
    aud: str | tuple[str, ...] = ()
    exp: float = 0.0
    nbf: float = 0.0


async def fetch(client: KubeClient) -> Known:
    """What the API server says of itself as an issuer. Raises KubeError, msgspec.MsgspecError."""
    issuer = msgspec.json.decode(await client.get(_DISCOVERY), type=_Discovery).issuer
    return Known(issuer, msgspec.json.decode(await client.get(_KEYS, accept=_ANY), type=_Keys).keys)


def account(known: Known, token: str, now: float) -> Name | None:
    """The ServiceAccount whose token it is; None if it is nobody's, is not meant for us, or is over."""
    try:
        head, body, tail = token.split(".")
        header = msgspec.json.decode(_bytes(head), type=_Header)
        signed, signature = f"{head}.{body}".encode(), _bytes(tail)
        keys = [one for one in known.keys if one.kid == header.kid]
        if not any(_signs(key, header.alg, signed, signature) for key in keys):
            return None
        claims = msgspec.json.decode(_bytes(body), type=_Claims)
    except (ValueError, binascii.Error, UnsupportedAlgorithm, msgspec.MsgspecError):
        return None
    audiences = (claims.aud,) if isinstance(claims.aud, str) else claims.aud
    if not known.issuer or claims.iss != known.issuer or AUDIENCE not in audiences:
        return None
    if not claims.nbf - _SKEW <= now < claims.exp or not claims.sub.startswith(_ACCOUNT):
        return None
    namespace, _, name = claims.sub.removeprefix(_ACCOUNT).partition(":")
    return Name(namespace, name) if namespace and name else None


def _signs(key: _Key, algorithm: str, signed: bytes, signature: bytes) -> bool:
    """Whether the key made this signature. The kind of key says how, not the token."""
    try:
        match key.kty, algorithm:
            case "RSA", "RS256":
                public = rsa.RSAPublicNumbers(_number(key.e), _number(key.n)).public_key()
                public.verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())
            case "EC", "ES256" if key.crv == "P-256" and len(signature) == 64:
                point = ec.EllipticCurvePublicNumbers(_number(key.x), _number(key.y), ec.SECP256R1()).public_key()
                pair = (int.from_bytes(signature[:32]), int.from_bytes(signature[32:]))
                point.verify(encode_dss_signature(*pair), signed, ec.ECDSA(hashes.SHA256()))
            case _:
                return False
    except InvalidSignature:
        return False
    return True


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _number(text: str) -> int:
    return int.from_bytes(_bytes(text))


def encode(known: Known) -> bytes:
    """As it is kept."""
    return msgspec.json.encode(known)


def decode(data: bytes) -> Known:
    """What was kept. Raises msgspec.MsgspecError."""
    return msgspec.json.decode(data, type=Known)
