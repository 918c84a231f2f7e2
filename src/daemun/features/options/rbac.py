"""rbac: which claims of a token allow what (Gloo, RbacExtensionSettings), and which addresses (AuthPolicy)."""

from collections.abc import Iterable, Iterator
from ipaddress import ip_network
from math import isfinite
from typing import ClassVar

from envoy.config.core.v3 import address_pb2
from envoy.config.rbac.v3 import rbac_pb2 as rules_v3
from envoy.extensions.common.matching.v3 import extension_matcher_pb2 as matching_v3
from envoy.extensions.filters.http.composite.v3 import composite_pb2 as composite_v3
from envoy.extensions.filters.http.rbac.v3 import rbac_pb2 as rbac_v3
from envoy.type.matcher.v3 import metadata_pb2, value_pb2

from daemun.api.auth_policy import AddressedPrincipal, ElementPermissions
from daemun.api.gloo.rbac import (
    ClaimMatcher,
    ClaimScalar,
    ClaimValue,
    JWTPrincipal,
    Permissions,
    Principal,
    RbacExtensionSettings,
)
from daemun.features.composite import always, composite, nothing
from daemun.features.feature import Fault, PerRoute, Scene
from daemun.features.tokens import CLAIMS, TOKENS
from daemun.ir.route import Use

_BOOLEANS = {"true": True, "false": False}
_EXACT = 2**53
"""JSON's numbers are doubles: up to here whole ones are themselves."""


class Rbac(PerRoute[RbacExtensionSettings]):
    """Envoy's RBAC on claims that its jwt_authn has found. What no policy allows is answered with 403.

    Envoy has no RBAC filter that allows everything. So each route or host brings its own, in a composite filter.
    """

    kind: ClassVar = "rbac"
    rare: ClassVar = "rbac"
    filter: ClassVar = "daemun.rbac"
    guards: ClassVar = True

    def faults(self, spec: RbacExtensionSettings, where: str) -> Iterable[Fault]:
        """Policies that allow nobody, or whom nobody could be."""
        for name, policy in spec.policies.items():
            at = f"{where}.policies.{name}.principals"
            if not policy.principals:
                yield at, "is empty, so that it allows nobody", "Say which claims are wanted."
            for index, principal in enumerate(policy.principals):
                claims = principal.jwt_principal.claims if principal.jwt_principal is not None else {}
                if not claims and not isinstance(principal, AddressedPrincipal):
                    yield f"{at}[{index}].jwtPrincipal.claims", "is empty", "Say which claims are wanted."
                elif principal.jwt_principal is not None:
                    for claim, value in claims.items():
                        place = f"{at}[{index}].jwtPrincipal.claims.{claim}"
                        yield from _value_faults(value, principal.jwt_principal.matcher, place)

    def does(self, spec: RbacExtensionSettings, use: Use, scene: Scene) -> str:
        """Which policies."""
        del use, scene
        if spec.disable:
            return "asks for no claims here"
        return f"lets pass what policies {', '.join(spec.policies) or '(none)'} allow; answers others with 403"

    def idle(self) -> matching_v3.ExtensionWithMatcher:
        """A place for policies."""
        return composite(self.filter)

    def config(self, spec: RbacExtensionSettings) -> matching_v3.ExtensionWithMatcherPerRoute:
        """The policies, or none in place of the host's."""
        if spec.disable:
            return nothing()
        config = rbac_v3.RBAC()
        config.rules.action = rules_v3.RBAC.ALLOW
        for name, policy in spec.policies.items():
            proto = config.rules.policies[name]
            proto.permissions.append(_permission(policy.permissions))
            for principal in policy.principals:
                wanted = [*_from(principal), *_with(principal.jwt_principal, policy.nested_claim_delimiter)]
                if wanted:
                    proto.principals.append(rules_v3.Principal(and_ids={"ids": wanted}))
        action = composite_v3.ExecuteFilterAction()
        action.typed_config.name = "envoy.filters.http.rbac"
        action.typed_config.typed_config.Pack(config, deterministic=True)
        return always(self.filter, action)


def _permission(spec: Permissions | None) -> rules_v3.Permission:
    """What is allowed: anything, unless a path or methods are given."""
    wanted: list[rules_v3.Permission] = []
    if spec is not None and spec.path_prefix:
        wanted.append(_below(spec.path_prefix, elements=isinstance(spec, ElementPermissions)))
    if spec is not None and spec.methods:
        methods = [
            rules_v3.Permission(header={"name": ":method", "string_match": {"exact": one}}) for one in spec.methods
        ]
        wanted.append(rules_v3.Permission(or_rules={"rules": methods}))
    return rules_v3.Permission(and_rules={"rules": wanted}) if wanted else rules_v3.Permission(any=True)


def _below(prefix: str, *, elements: bool) -> rules_v3.Permission:
    """Paths that begin so. Gloo's is of characters."""
    whole = prefix.rstrip("/")
    if not elements or not whole:
        return rules_v3.Permission(url_path={"path": {"prefix": prefix}})
    rules = [{"url_path": {"path": {"exact": whole}}}, {"url_path": {"path": {"prefix": f"{whole}/"}}}]
    return rules_v3.Permission(or_rules={"rules": rules})


def _from(spec: Principal) -> Iterator[rules_v3.Principal]:
    """Who is allowed: who holds the connection, and for whom it is held."""
    if isinstance(spec, AddressedPrincipal):
        for field, blocks in (("direct_remote_ip", spec.ip_blocks), ("remote_ip", spec.remote_ip_blocks)):
            if blocks:
                ids = [rules_v3.Principal(**{field: _range(one)}) for one in blocks]
                yield rules_v3.Principal(or_ids={"ids": ids})


def _range(block: str) -> address_pb2.CidrRange:
    network = ip_network(block)
    return address_pb2.CidrRange(address_prefix=str(network.network_address), prefix_len={"value": network.prefixlen})


def _with(spec: JWTPrincipal | None, delimiter: str) -> Iterator[rules_v3.Principal]:
    """Who is allowed: whose token has all these claims, and is of the provider that is named, if one is."""
    if spec is None:
        return
    if spec.provider:
        there = value_pb2.ValueMatcher(present_match=True)
        yield _of(_metadata((spec.provider,), there))
    for claim, value in spec.claims.items():
        path = (CLAIMS, *(claim.split(delimiter) if delimiter else [claim]))
        if isinstance(value, tuple):
            yield from (_of(_metadata(path, _contains(_scalar(one, "EXACT_STRING")))) for one in value)
        elif spec.matcher == "LIST_CONTAINS":
            yield _of(_metadata(path, _contains(_scalar(value, spec.matcher))))
        else:
            yield _of(_metadata(path, _scalar(value, spec.matcher)))


def _value_faults(value: ClaimValue, matcher: ClaimMatcher, where: str) -> Iterator[Fault]:
    """Values that no claim could have, or of which it could not be told whether one has."""
    if matcher == "BOOLEAN" and not (isinstance(value, bool) or value in _BOOLEANS):
        yield where, f"{value!r} is not a boolean", "Write true or false."
    if value == ():
        yield where, "is an empty list, which asks for nothing", "Say what the claim's list must have."
    for one in value if isinstance(value, tuple) else (value,):
        if isinstance(one, int | float) and not (isfinite(one) and abs(one) <= _EXACT):
            yield where, f"{one} is beyond what is told apart of a number in JSON", "Have it as text in tokens."


def _of(metadata: metadata_pb2.MetadataMatcher) -> rules_v3.Principal:
    """Whoever's request has this dynamic metadata."""
    return rules_v3.Principal(sourced_metadata={"metadata_matcher": metadata})


def _metadata(path: tuple[str, ...], value: value_pb2.ValueMatcher) -> metadata_pb2.MetadataMatcher:
    return metadata_pb2.MetadataMatcher(filter=TOKENS, path=[{"key": key} for key in path], value=value)


def _contains(value: value_pb2.ValueMatcher) -> value_pb2.ValueMatcher:
    """A list that has this among others."""
    return value_pb2.ValueMatcher(list_match={"one_of": value})


def _scalar(value: ClaimScalar, matcher: ClaimMatcher) -> value_pb2.ValueMatcher:
    """A value of this type, in the token too: 1 is neither true nor "1"."""
    if isinstance(value, bool):
        return value_pb2.ValueMatcher(bool_match=value)
    if isinstance(value, int | float):
        return value_pb2.ValueMatcher(double_match={"exact": value})
    if matcher == "BOOLEAN":
        return value_pb2.ValueMatcher(bool_match=_BOOLEANS[value])
    return value_pb2.ValueMatcher(string_match={"exact": value})
