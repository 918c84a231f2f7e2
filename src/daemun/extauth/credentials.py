"""What an Authorization header bears, and how it is asked for."""

import base64
import binascii

from daemun.extauth.crypt import LONGEST

_MOST = 4096
"""Characters of a header that are looked at: a name and the longest password, in base64, with some to spare."""


def basic(header: str) -> tuple[str, bytes] | None:
    """The name and the password of Basic auth; None for anything else, also if either is empty or too long."""
    scheme, _, text = header.partition(" ")
    if scheme.lower() != "basic" or len(text) > _MOST:
        return None
    try:
        name, colon, password = base64.b64decode(text.strip(), validate=True).partition(b":")
        user = name.decode()
    except (ValueError, binascii.Error):
        return None
    # Directories ignore spaces about a name: it would be the same user by another name.
    if user != user.strip():
        return None
    # A directory takes a name without a password for nobody in particular, and says yes (RFC 4513, 5.1.2).
    if not colon or not user or not password or len(password) > LONGEST or not user.isprintable():
        return None
    return user, password


def challenge(realm: str) -> tuple[str, str]:
    """The header that asks for a name and a password."""
    quoted = "".join(f"\\{one}" if one in '"\\' else one for one in realm if one.isprintable())
    return "www-authenticate", f'Basic realm="{quoted}", charset="UTF-8"'
