"""Keys that tokens are signed with, as Envoy reads them: a JWKS (RFC 7517), or one made of a public key in PEM."""

import base64

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key

_CURVES = {"secp256r1": ("P-256", 32), "secp384r1": ("P-384", 48), "secp521r1": ("P-521", 66)}
_ALGORITHMS = {
    "RSA": tuple(f"{kind}{size}" for kind in ("RS", "PS") for size in (256, 384, 512)),
    "EC": ("ES256", "ES384", "ES512"),
    "oct": ("HS256", "HS384", "HS512"),
    "OKP": ("EdDSA",),
}
"""What Envoy verifies, by the kind of key."""


_USUAL, _BITS = 2048, 6
"""Bits of a usual key of RSA, and of a character of base64."""
MOST = 1_000
"""Verifications by such a key that one token may take, 30 ms: it is tried with every key if it does not say by which it
is signed, and whoever else has the same worker of Envoy waits. With twice as many bits one takes four times as long."""


class _Keys(msgspec.Struct):
    keys: list[dict[str, object]]


def jwks(text: str) -> str | None:
    """The keys as a JWKS; None for what is neither that, nor a JWK, nor a public key of RSA or a NIST curve in PEM."""
    if text.lstrip().startswith("-----BEGIN"):
        return _of_pem(text)
    try:
        found = msgspec.json.decode(text, type=dict[str, object])
        return _set(msgspec.convert(found, _Keys).keys if "keys" in found else [found])
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeError):
        return None


def cost(written: str) -> float:
    """How many usual verifications a token may take, of what `jwks` has made."""
    return sum(_cost(key) for key in msgspec.json.decode(written, type=_Keys).keys)


def _cost(key: dict[str, object]) -> float:
    modulus = key.get("n")
    return max(1.0, len(modulus) * _BITS / _USUAL) ** 2 if isinstance(modulus, str) else 2.0


def _of_pem(text: str) -> str | None:
    try:
        key = load_pem_public_key(text.encode())
    except (ValueError, TypeError, UnicodeError):
        return None
    if isinstance(key, rsa.RSAPublicKey):
        rsa_numbers = key.public_numbers()
        return _set([{"kty": "RSA", "n": _number(rsa_numbers.n), "e": _number(rsa_numbers.e)}])
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _CURVES:
        curve, size = _CURVES[key.curve.name]
        point = key.public_numbers()
        return _set([{"kty": "EC", "crv": curve, "x": _number(point.x, size), "y": _number(point.y, size)}])
    return None


def _set(keys: list[dict[str, object]]) -> str | None:
    """Envoy passes over keys that it cannot use, and without one that it can, no token is good."""
    good = all(isinstance(key.get("kty"), str) for key in keys) and any(map(_usable, keys))
    return msgspec.json.encode({"keys": keys}, order="sorted").decode() if good else None


def _usable(key: dict[str, object]) -> bool:
    algorithm = key.get("alg")
    kinds = _ALGORITHMS.get(str(key["kty"]), ())
    return algorithm in kinds if isinstance(algorithm, str) else bool(kinds)


def _number(value: int, size: int = 0) -> str:
    """A number as base64url, with as many bytes as it has, or as are wanted."""
    data = value.to_bytes(size or (value.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
