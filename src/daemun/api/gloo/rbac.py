"""Which claims of a token allow what."""

from typing import Literal, TypeAlias

from msgspec import field

from daemun.api.meta import Api, List

ClaimMatcher: TypeAlias = Literal["EXACT_STRING", "BOOLEAN", "LIST_CONTAINS"]
ClaimScalar: TypeAlias = str | bool | int | float
ClaimValue: TypeAlias = ClaimScalar | List[ClaimScalar]
"""In Gloo text only. Here what stands in a token may be written as it stands there."""


class JWTPrincipal(Api, frozen=True):
    """Claims that a token must have."""

    claims: dict[str, ClaimValue] = field(default_factory=dict)
    provider: str = ""
    matcher: ClaimMatcher = "EXACT_STRING"


class Principal(Api, frozen=True):
    """Who may do something."""

    jwt_principal: JWTPrincipal | None = None


class Permissions(Api, frozen=True):
    """What may be done."""

    path_prefix: str = ""
    methods: List[str] = ()


class RbacPolicy(Api, frozen=True):
    """Who may do what; one principal suffices."""

    principals: List[Principal] = ()
    permissions: Permissions | None = None
    nested_claim_delimiter: str = ""


class RbacExtensionSettings(Api, frozen=True):
    """The policies of a route, by name; one that allows a request suffices."""

    disable: bool = False
    policies: dict[str, RbacPolicy] = field(default_factory=dict)


class RbacSettings(Api, frozen=True):
    """Whether routes without policies are closed."""

    require_rbac: bool = False
