"""Passwords, hashed as htpasswd and crypt(3) hash them: APR1 (Apache's MD5), SHA-1, bcrypt, SHA-256 and SHA-512 crypt.

APR1 is FreeBSD's MD5 crypt with another name, https://httpd.apache.org/docs/2.4/misc/password_encryptions.html; SHA
crypt is https://www.akkadia.org/drepper/SHA-crypt.txt.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable

import bcrypt

from daemun.ir.auth.checks import Password

LONGEST = 1024
"""Bytes that a password may have: some hashes take the longer the longer it is."""
_BCRYPT_LONGEST = 72
_BCRYPT_MOST = 14
"""The highest cost of a hash that is computed, about a second: each one more doubles it, and others wait meanwhile."""
_ALPHABET = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ROUNDS, _FEWEST, _MOST = 5000, 1000, 1_000_000
_MD5_ORDER = ((0, 6, 12), (1, 7, 13), (2, 8, 14), (3, 9, 15), (4, 10, 5))
_SALT_MOST = 16
_Make = Callable[[bytes], "hashlib._Hash"]  # noqa: SLF001 - what typeshed calls it


def holds(password: bytes, known: Password) -> bool:
    """Whether this is the password. It takes as long for a wrong one."""
    found, wanted = _computed(password, known), _wanted(known)
    # Of what is no hash nothing can be computed: nothing is not like nothing.
    return hmac.compare_digest(found, wanted) and bool(wanted)


def cheap(known: Password) -> bool:
    """Whether this is a matter of microseconds."""
    return known.hash == "sha1"


def _wanted(known: Password) -> bytes:
    if known.hash == "apr1":
        return known.value.rpartition("$")[2].encode()
    if known.hash == "sha1":
        text = known.value.removeprefix("{SHA}")
        try:
            return bytes.fromhex(text) if len(text) == 40 else base64.b64decode(text, validate=True)
        except (ValueError, binascii.Error):
            return b""
    return known.value.encode()


def _computed(password: bytes, known: Password) -> bytes:
    match known.hash:
        case "apr1":
            return apr1(password, (known.salt or _salt_of(known.value)).encode()).encode()
        case "sha1":
            # Nobody says which comes first.
            found = hashlib.sha1(known.salt.encode() + password, usedforsecurity=False).digest()
            other = hashlib.sha1(password + known.salt.encode(), usedforsecurity=False).digest()
            return other if hmac.compare_digest(other, _wanted(known)) else found
        case "bcrypt":
            return _bcrypt(password, known.value.encode())
        case "sha256":
            return sha_crypt(password, known.value, hashlib.sha256, "$5$").encode()
        case "sha512":
            return sha_crypt(password, known.value, hashlib.sha512, "$6$").encode()


def _salt_of(value: str) -> str:
    parts = value.split("$")
    return parts[2] if len(parts) == 4 else ""


def _bcrypt(password: bytes, value: bytes) -> bytes:
    cost = value[4:6]
    if not cost.isdigit() or int(cost) > _BCRYPT_MOST:
        return b""
    try:
        # $2y$ is what htpasswd calls $2b$.
        found = bcrypt.hashpw(password[:_BCRYPT_LONGEST], value.replace(b"$2y$", b"$2b$", 1))
    except ValueError:
        return b""
    return found.replace(found[:4], value[:4], 1)


def apr1(password: bytes, salt: bytes) -> str:
    """The hash alone, without `$apr1$` and the salt."""
    salt = salt[:8]
    inner = hashlib.md5(password + salt + password, usedforsecurity=False).digest()
    start = password + b"$apr1$" + salt + _stretched(inner, len(password))
    bits = len(password)
    while bits:
        start += b"\0" if bits & 1 else password[:1]
        bits >>= 1
    found = hashlib.md5(start, usedforsecurity=False).digest()
    for number in range(1000):
        text = password if number & 1 else found
        text += salt if number % 3 else b""
        text += password if number % 7 else b""
        found = hashlib.md5(text + (found if number & 1 else password), usedforsecurity=False).digest()
    return "".join(_spelled(found[a] << 16 | found[b] << 8 | found[c], 4) for a, b, c in _MD5_ORDER) + _spelled(
        found[11], 2
    )


def sha_crypt(password: bytes, value: str, make: _Make, prefix: str) -> str:
    """The whole text, with the prefix, rounds and salt of `value`; empty if that has another prefix."""
    if not value.startswith(prefix):
        return ""
    rest = value.removeprefix(prefix)
    rounds, told = _ROUNDS, ""
    if rest.startswith("rounds="):
        number, _, rest = rest.removeprefix("rounds=").partition("$")
        if not number.isascii() or not number.isdigit() or len(number) > 9:
            return ""
        rounds = min(max(int(number), _FEWEST), _MOST)
        told = f"rounds={rounds}$"
    salt = rest.partition("$")[0].encode()[:_SALT_MOST]
    found = _sha_rounds(password, salt, rounds, make)
    return f"{prefix}{told}{salt.decode(errors='replace')}${_sha_spelled(found)}"


def _sha_rounds(password: bytes, salt: bytes, rounds: int, make: _Make) -> bytes:
    inner = make(password + salt + password).digest()
    start = password + salt + _stretched(inner, len(password))
    bits = len(password)
    while bits:
        start += inner if bits & 1 else password
        bits >>= 1
    found = make(start).digest()
    p = _stretched(make(password * len(password)).digest(), len(password))
    s = _stretched(make(salt * (16 + found[0])).digest(), len(salt))
    for number in range(rounds):
        text = p if number & 1 else found
        text += s if number % 3 else b""
        text += p if number % 7 else b""
        found = make(text + (found if number & 1 else p)).digest()
    return found


def _sha_spelled(found: bytes) -> str:
    """The three bytes that are spelled together change their places from one group to the next."""
    short = len(found) == 32
    step = len(found) // 3
    a, b, c = 0, step, 2 * step
    text = ""
    for _ in range(step):
        text += _spelled(found[a] << 16 | found[b] << 8 | found[c], 4)
        a, b, c = (c + 1, a + 1, b + 1) if short else (b + 1, c + 1, a + 1)
    return text + (_spelled(found[31] << 8 | found[30], 3) if short else _spelled(found[63], 2))


def _spelled(value: int, count: int) -> str:
    found = ""
    for _ in range(count):
        found += _ALPHABET[value & 0x3F]
        value >>= 6
    return found


def _stretched(data: bytes, length: int) -> bytes:
    return (data * (length // len(data) + 1))[:length]
