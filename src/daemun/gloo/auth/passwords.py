"""Passwords of basicAuth: as Gloo writes them, and as Envoy compares them where it can."""

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from daemun.api.gloo.auth_config import BasicAuth, BasicAuthUser, SaltedHashedPassword
from daemun.gloo.auth.finding import Following
from daemun.ir.auth.checks import BasicAuth as Check
from daemun.ir.auth.checks import Hash, Password

_SHA, _APR1 = "{SHA}", "$apr1$"
_SHA1_BYTES = 20
_APR1_HASH = re.compile(r"(\$apr1\$[^$]*\$)?[./0-9A-Za-z]{22}")
_MADE_BY: Mapping[Hash, str] = MappingProxyType(
    {"apr1": "openssl passwd -apr1 makes one.", "sha1": "htpasswd -nbs makes one."}
)
_FORBIDDEN = frozenset(":\r\n")


def basic_auth(spec: BasicAuth, where: str, follow: Following) -> Check:
    """The users and their passwords."""
    hashing: Hash = "apr1"
    written: Mapping[str, SaltedHashedPassword | BasicAuthUser] = {}
    at = f"{where}.apr.users"
    if spec.apr is not None:
        written = spec.apr.users
        if spec.encryption is not None or spec.user_list is not None:
            follow.wrong(where, "has apr beside encryption or userList", "Use one way only.")
    elif spec.encryption is None or spec.user_list is None:
        follow.wrong(where, "has neither apr, nor encryption with userList", "Say who the users are.")
    else:
        written, at = spec.user_list.users, f"{where}.userList.users"
        if spec.encryption.sha1 is not None:
            hashing = "sha1"
        elif spec.encryption.apr is None:
            follow.wrong(f"{where}.encryption", "names no algorithm", "Set apr or sha1.")
    if not written and not follow.errors:
        follow.wrong(at, "is empty, so that nobody could come in", "Name a user.")
    return Check(dict(_users(written, at, hashing, follow)), spec.realm)


def _users(
    written: Mapping[str, SaltedHashedPassword | BasicAuthUser], at: str, hashing: Hash, follow: Following
) -> Iterator[tuple[str, Password]]:
    for name, one in written.items():
        here = f"{at}.{name}"
        if not name or _FORBIDDEN & set(name):
            follow.wrong(here, "a name is not empty, and has no colon or line break in it")
        elif not one.hashed_password:
            follow.wrong(f"{here}.hashedPassword", "is empty", "Write the hash of a password.")
        elif hashing == "apr1" and not one.salt and not one.hashed_password.startswith(_APR1):
            follow.wrong(f"{here}.salt", "is empty", "APR1 needs the salt that the hash was made with.")
        else:
            if not _could_be(hashing, one):
                text = f"is not a hash by {'APR1' if hashing == 'apr1' else 'SHA-1'}, so that {name} cannot come in"
                follow.warn(f"{here}.hashedPassword", text, _MADE_BY[hashing])
            yield name, Password(hashing, one.hashed_password.removeprefix(_SHA), one.salt)


def _could_be(hashing: Hash, written: SaltedHashedPassword | BasicAuthUser) -> bool:
    """Whether some password could have this hash."""
    if hashing == "apr1":
        return _APR1_HASH.fullmatch(written.hashed_password) is not None
    return bool(_digest(written.hashed_password.removeprefix(_SHA)))


def htpasswd(check: Check) -> str | None:
    """The users as Envoy reads them; None if it cannot do the same: it knows SHA-1 without salt and no realm."""
    lines = list(_lines(check))
    return "\n".join(lines) if lines and len(lines) == len(check.users) and not check.realm else None


def _lines(check: Check) -> Iterator[str]:
    for name, one in sorted(check.users.items()):
        if one.hash == "sha1" and not one.salt and (digest := _digest(one.value)):
            yield f"{name}:{_SHA}{digest}"


def _digest(text: str) -> str:
    """A SHA-1 in base64, however it was written; empty if it is none."""
    try:
        raw = bytes.fromhex(text) if len(text) == 2 * _SHA1_BYTES else base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        return ""
    return base64.b64encode(raw).decode() if len(raw) == _SHA1_BYTES else ""
