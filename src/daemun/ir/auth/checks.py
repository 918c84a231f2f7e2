"""Checks of what a request bears: passwords, keys, signatures, and what other servers say of it."""

from typing import Any, Literal

import msgspec

Hash = Literal["apr1", "sha1", "bcrypt", "sha256", "sha512"]
"""How a password is hashed; each with the salt that it needs."""


class _Check(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, tag_field="kind"):
    pass


class Password(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A password, hashed. `salt` is empty where the hash has none, or holds it itself (bcrypt)."""

    hash: Hash
    value: str
    salt: str = ""


class BasicAuth(_Check, frozen=True, tag="basic-auth"):
    """A name and a password (RFC 7617), of one of the `users`."""

    users: dict[str, Password]
    realm: str = ""


class ApiKey(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Whose key it is, and what else is known of them. `value` is the SHA-256 of the key, in hex."""

    value: str
    user: str
    metadata: dict[str, str] = {}


class ApiKeyAuth(_Check, frozen=True, tag="api-key"):
    """One of the `keys`, in a header or a query parameter.

    `headers` says in which header which of a key's metadata goes on. A key without metadata that is `required` is none.
    """

    keys: tuple[ApiKey, ...]
    header: str = "api-key"
    query: str = ""
    headers: dict[str, str] = {}
    required: tuple[str, ...] = ()


class HmacAuth(_Check, frozen=True, tag="hmac"):
    """A request that is signed (draft-cavage-http-signatures, HMAC) with the secret of one of the `users`."""

    users: dict[str, str]


class Verified(_Check, frozen=True, tag="jwt"):
    """A token that Envoy has verified before."""


class LdapGroups(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """The account that looks up groups, where users may not look them up themselves."""

    user: str = ""
    password: str = ""
    always: bool = False


class LdapAuth(_Check, frozen=True, tag="ldap"):
    """A name and a password that a directory knows (a bind, RFC 4513), of a member of one of the `allowed` groups.

    `user_dn` is a template with one `%s`, the name. Without `allowed` groups every user will do.
    """

    address: str
    user_dn: str
    membership: str = "memberOf"
    allowed: tuple[str, ...] = ()
    search_filter: str = "(uid=*)"
    check_groups: bool = True
    groups: LdapGroups = LdapGroups()
    pool: int = 5


class OpaServer(_Check, frozen=True, tag="opa-server"):
    """A rule of a package that a server of Open Policy Agent evaluates. `reason`: its reason goes to the client."""

    address: str
    package: str
    rule: str = "allow"
    fast: bool = False
    reason: bool = False


class OpaModules(_Check, frozen=True, tag="opa"):
    """A `query` over `modules` in Rego, by name, which a server of Open Policy Agent beside ours evaluates."""

    modules: dict[str, str]
    query: str
    fast: bool = False
    reason: bool = False


class PassThroughGrpc(_Check, frozen=True, tag="grpc"):
    """Another server of Envoy's ext_authz, asked over gRPC. `timeout` and back-offs are in seconds."""

    address: str
    timeout: float = 5.0
    tls: bool = False
    retries: int = 0
    backoff: tuple[float, float] = (0.025, 0.25)
    config: dict[str, Any] = {}
    allow_on_failure: bool = False


class PassThroughHttp(_Check, frozen=True, tag="http"):
    """An HTTP server that lets a request pass by answering 200. Headers are allowed by name, in lower case."""

    url: str
    timeout: float = 5.0
    request_headers: tuple[str, ...] = ()
    added_headers: dict[str, str] = {}
    pass_state: bool = False
    pass_metadata: bool = False
    pass_body: bool = False
    upstream_headers: tuple[str, ...] = ()
    overwritten_headers: tuple[str, ...] = ()
    denied_headers: tuple[str, ...] = ()
    read_state: bool = False
    config: dict[str, Any] = {}
    allow_on_failure: bool = False


class PluginAuth(_Check, frozen=True, tag="plugin"):
    """A plug-in of the server's, by the name of its entry point."""

    plugin: str
    config: dict[str, Any] = {}


class Broken(_Check, frozen=True, tag="broken"):
    """A check that cannot be made. It never holds, negated or not; `why` is for the log, not for the client."""

    why: str


Check = (
    BasicAuth
    | ApiKeyAuth
    | HmacAuth
    | Verified
    | LdapAuth
    | OpaServer
    | OpaModules
    | PassThroughGrpc
    | PassThroughHttp
    | PluginAuth
    | Broken
)
