"""What counts in place of a policy that cannot be read, while no version of it that could be is known.

It asks for something that cannot be done, so that what the policy is for is closed: nothing passes that it might have
stopped. Whom it is for is read as far as that can be, and rather for more than for less.
"""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, TypeVar

import msgspec

from daemun.api.auth_policy import AuthPolicy, AuthPolicySpec, AuthTargetReference
from daemun.api.gloo.common import (
    PolicyTargetReference,
    PolicyTargetReferenceWithSectionName,
    ResourceRef,
    StringMatcher,
)
from daemun.api.gloo.extauth import ExtAuthExtension
from daemun.api.gloo.extproc import ExtProcSettings
from daemun.api.gloo.jwt import JwtVhostExtension
from daemun.api.gloo.options import HttpListenerOptions, RouteOptions, VirtualHostOptions
from daemun.api.gloo.policies import (
    HttpListenerOption,
    HttpListenerOptionSpec,
    RouteOption,
    RouteOptionSpec,
    VirtualHostOption,
    VirtualHostOptionSpec,
)
from daemun.api.gloo.routing import CsrfPolicy
from daemun.api.gloo.waf import WafSettings
from daemun.api.meta import LocalObjectReference, ObjectMeta, Resource
from daemun.api.policy import BackendTLSPolicy, BackendTLSPolicySpec, BackendTLSPolicyValidation
from daemun.api.policy import PolicyTargetReference as BackendReference
from daemun.base.names import CORE, DAEMUN, GATEWAY, GLOO_GATEWAY, Ref

T = TypeVar("T")
Document = Mapping[str, Any]
UNREADABLE = ResourceRef(namespace="unreadable.invalid")
"""Names no AuthConfig, so nothing passes."""
GUARDS = frozenset(
    {
        *("csrf", "dlp", "extauth", "extproc", "jwt", "jwtstaged", "ratelimit", "ratelimitbasic", "ratelimitconfigs"),
        *("ratelimitearly", "ratelimitearlyconfigs", "ratelimitregular", "ratelimitregularconfigs", "rbac", "waf"),
    }
)
"""Options that guard, in lower case: a field that is written in another case may have been meant to."""
_PROCESSOR = {"ext_proc": ExtProcSettings(stat_prefix="unreadable")}
_FIREWALL = {"waf": WafSettings(custom_intervention_message="unreadable")}
LISTENER_GUARDS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "csrf": {"csrf": CsrfPolicy(additional_origins=(StringMatcher(),))},
        **dict.fromkeys(("dlp", "waf"), _FIREWALL),
        **dict.fromkeys(("extauth", "extproc"), _PROCESSOR),
    }
)
"""Those of a listener (`extauth` says which server is asked), and what cannot be done in the place of each."""


def stand_in(ref: Ref, document: Document) -> Resource | None:
    """A policy that closes what the one in the document is for. None if it guards nothing, or nobody knows what."""
    made = _KINDS.get((ref.group, ref.kind))
    spec = document.get("spec")
    if made is None or not isinstance(spec, dict) or not ref.name:
        return None
    return made(_metadata(ref, document.get("metadata")), spec)


def _auth_policy(metadata: ObjectMeta, spec: Document) -> Resource | None:
    targets = _targets(spec, AuthTargetReference)
    return AuthPolicy(metadata, AuthPolicySpec(targets)) if targets else None


def _route_option(metadata: ObjectMeta, spec: Document) -> Resource:
    """Also without targets: routes may name it."""
    options = RouteOptions(extauth=ExtAuthExtension(config_ref=UNREADABLE))
    return RouteOption(metadata, RouteOptionSpec(options, _targets(spec, PolicyTargetReference)))


def _host_option(metadata: ObjectMeta, spec: Document) -> Resource | None:
    """Also without targets: VirtualServices may name it."""
    options = spec.get("options")
    if not isinstance(options, dict) or not {str(name).lower() for name in options} & GUARDS:
        return None
    # A route that asks somebody else does not open what its host may have asked of tokens.
    closed = VirtualHostOptions(extauth=ExtAuthExtension(config_ref=UNREADABLE), jwt=JwtVhostExtension({}))
    return VirtualHostOption(
        metadata, VirtualHostOptionSpec(closed, _targets(spec, PolicyTargetReferenceWithSectionName))
    )


def _listener_option(metadata: ObjectMeta, spec: Document) -> Resource | None:
    """One with a guard closes the hosts of its listeners. One that limits does not: that is what a limit is against."""
    options = spec.get("options")
    names = {str(name).lower() for name in options} if isinstance(options, dict) else set()
    closed = {field: value for name in names & LISTENER_GUARDS.keys() for field, value in LISTENER_GUARDS[name].items()}
    targets = _targets(spec, PolicyTargetReferenceWithSectionName)
    if not closed or not targets:
        return None
    return HttpListenerOption(metadata, HttpListenerOptionSpec(HttpListenerOptions(**closed), targets))


def _backend_tls(metadata: ObjectMeta, spec: Document) -> Resource | None:
    """Nobody has signed the backend's certificate."""
    nobody = BackendTLSPolicyValidation("unreadable.invalid", (LocalObjectReference(CORE, "ConfigMap", ""),))
    targets = _targets(spec, BackendReference)
    return BackendTLSPolicy(metadata, BackendTLSPolicySpec(targets, nobody)) if targets else None


_KINDS: Mapping[tuple[str, str], Callable[[ObjectMeta, Document], Resource | None]] = MappingProxyType(
    {
        (DAEMUN, "AuthPolicy"): _auth_policy,
        (GLOO_GATEWAY, "RouteOption"): _route_option,
        (GLOO_GATEWAY, "VirtualHostOption"): _host_option,
        (GLOO_GATEWAY, "HttpListenerOption"): _listener_option,
        (GATEWAY, "BackendTLSPolicy"): _backend_tls,
    }
)


def _metadata(ref: Ref, said: object) -> ObjectMeta:
    try:
        found = msgspec.convert(said, ObjectMeta)
    except msgspec.ValidationError:
        found = ObjectMeta(ref.name)
    return msgspec.structs.replace(found, name=ref.name, namespace=ref.namespace)


def _targets(spec: Document, of: type[T]) -> tuple[T, ...]:
    """`targetRefs`, or the `targetRef` of older policies. A section that cannot be read is the whole."""
    said = spec.get("targetRefs", spec.get("targetRef"))
    refs = said if isinstance(said, list) else [said]
    return tuple(found for one in refs if isinstance(one, dict) for found in _target(one, of))


def _target(one: Document, of: type[T]) -> Iterator[T]:
    for fields in one, {name: one[name] for name in ("group", "kind", "name") if name in one}:
        try:
            yield msgspec.convert(fields, of)
        except msgspec.ValidationError:
            continue
        return
