"""Fields, of objects that are no Secrets, whose value lets somebody in. It is said nowhere, and given to nobody."""

import re

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
