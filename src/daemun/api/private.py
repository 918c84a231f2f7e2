"""Fields, of objects that are no Secrets, whose value lets somebody in. It is said nowhere, and given to nobody."""

import functools
import re
from typing import Any, get_args

import msgspec

PRIVATE = frozenset(
    {
        "token",
        "accessToken",
        "password",
        "accessKeyId",
        "secretAccessKey",
        "sessionToken",
        "hashedPassword",
        "salt",
    }
)
"""By the names that they have in JSON (`VaultSecrets`, `ConsulConfiguration`, `BasicAuthUser` …)."""
WITH_PASSWORD = re.compile(r"(://[^/\s@]*:)[^/\s@]*@")
"""The beginning of a URL (of a Redis, say) that has a password in it; what is before the password is a group."""


@functools.cache
def may_let_in(kind: Any) -> bool:
    """Whether there are such fields in a type, or in what is in it."""
    seen: set[object] = set()

    def look(one: object) -> bool:
        if one in seen:
            return False
        seen.add(one)
        if isinstance(one, type) and issubclass(one, msgspec.Struct):
            return any(each.encode_name in PRIVATE or look(each.type) for each in msgspec.structs.fields(one))
        return any(map(look, get_args(one)))

    return look(kind)
