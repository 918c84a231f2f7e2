"""Fields, of objects that are no Secrets, whose value lets somebody in. It is said nowhere, and given to nobody."""

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
