"""The kinds of Gloo's Secrets (Secret, `kind`). None of them shows what it holds."""

import msgspec


class _Hidden(msgspec.Struct, frozen=True, gc=False):
    """What may stand in a traceback or a log without saying anything."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def __rich_repr__(self) -> list[tuple[str, str]]:
        return []


class Tls(_Hidden, frozen=True):
    """A certificate with its key, and the authorities to trust; either may be alone. All in PEM but the staple."""

    chain: bytes = b""
    key: bytes = b""
    authorities: bytes = b""
    staple: bytes = b""


class Aws(_Hidden, frozen=True):
    """Credentials of AWS; with a `session_token` they are temporary."""

    access_key: str
    secret_key: str
    session_token: str = ""


class Azure(_Hidden, frozen=True):
    """Keys of Azure Functions, by their names."""

    api_keys: dict[str, str]


class Headers(_Hidden, frozen=True):
    """Headers and their values."""

    headers: dict[str, str]


class ApiKey(_Hidden, frozen=True):
    """An API key, and what is known of whom it belongs to."""

    key: str
    metadata: dict[str, str]


class OAuth(_Hidden, frozen=True):
    """What an OAuth client proves itself with."""

    client_secret: str


class Credentials(_Hidden, frozen=True):
    """The account of a service, as an LDAP directory knows it."""

    username: str
    password: str


class EncryptionKey(_Hidden, frozen=True):
    """The key that sessions are sealed with: 32 bytes."""

    key: bytes


GlooSecret = Tls | Aws | Azure | Headers | ApiKey | OAuth | Credentials | EncryptionKey
