"""Delegation between routes, as far as Gateway API's own rules must know of it; what it means is `gloo.delegation`.

A rule of an HTTPRoute may name other HTTPRoutes where backends stand: their rules then take its requests.
"""

from collections.abc import Iterable, Iterator

import msgspec

from daemun.api.filters import HTTPHeaderFilter
from daemun.api.meta import BackendObjectReference, ParentReference
from daemun.api.routes import BackendRef
from daemun.base.names import GATEWAY, Name, Ref
from daemun.gatewayapi.findings import Finding
from daemun.gatewayapi.resolved import Delegation
from daemun.gatewayapi.routes.extensions import Level
from daemun.ir.route import Use

DELEGATION = "delegation.gateway.solo.io"
"""The API group of references to routes by a label, and what the names of annotations and of the label begin with."""
ROUTE = "HTTPRoute"
ANY = "*"
ALL_NAMESPACES = "all"
_TOGETHER = {"RequestHeaderModifier", "ResponseHeaderModifier", "RequestMirror", "URLRewrite", "timeouts"}
"""What two rules can ask for at once; the one that delegates has the last word, by fields and by headers."""


_ROUTES = frozenset({(GATEWAY, ROUTE), (DELEGATION, "label")})
"""The kinds by which a backendRef means routes."""


class Inherited(msgspec.Struct, frozen=True, gc=False):
    """What a rule has from the rules that delegate to it: what they do, their policies, and why they close it, if so.

    `order` says where those rules and their routes stand among others.
    """

    uses: tuple[Use, ...] = ()
    levels: tuple[Level, ...] = ()
    broken: str = ""
    order: tuple[str | int, ...] = ()


def is_open(parents: tuple[ParentReference, ...]) -> bool:
    """Whether a route with these parents lets any route delegate to it."""
    return not parents or any(ref.kind == ROUTE for ref in parents)


def delegates(ref: BackendObjectReference) -> bool:
    """Whether a backendRef means routes."""
    return (ref.group, ref.kind) in _ROUTES


def delegations(refs: tuple[BackendRef, ...], where: str, home: str) -> Iterator[Delegation]:
    """The references of a rule to routes, but for those without weight; `home` is the namespace of the rule's route."""
    for index, ref in enumerate(refs):
        if not delegates(ref) or not ref.weight:
            continue
        at, namespace = f"{where}.backendRefs[{index}]", ref.namespace or home
        if ref.kind == ROUTE:
            yield Delegation(at, namespace, ref.name)
        else:
            yield Delegation(at, namespace, label=ref.name)


def cycles(found: Iterable[Delegation], ref: Ref, through: tuple[Ref, ...]) -> Iterator[Finding]:
    """The references of a route to itself, or to those that delegate to it: they lead nowhere."""
    above = {one.key: one for one in (ref, *through)}
    for one in found:
        child = above.get(Name(one.namespace, one.name))
        if child is not None:
            yield cycle(one.where, ref, child)


def cycle(where: str, parent: Ref, child: Ref) -> Finding:
    """That a reference at this field leads back."""
    text = (
        f"cyclic reference detected while evaluating delegated routes for parent: {parent.key}; "
        f"child route {child.key} will be ignored"
    )
    return Finding("RefNotPermitted", where, text, "Break the cycle.")


def over(own: tuple[Use, ...], above: tuple[Use, ...]) -> tuple[Use, ...]:
    """What a rule asks for with what is asked for above it, which has the last word."""
    if not above:
        return own
    taken = {use.kind for use in above} - _TOGETHER
    kept = [use for use in own if use.kind not in taken]
    removed = {use.kind: {name.lower() for name in use.spec.remove} for use in above if _headers(use)}
    return (*(_without(use, removed.get(use.kind)) for use in kept), *above)


def allowed(own: tuple[Use, ...], above: tuple[Use, ...]) -> tuple[Use, ...]:
    """What is left of what one backend of a rule asks for, where the whole is asked for above the rule."""
    taken = {use.kind for use in above} - _TOGETHER
    return tuple(use for use in own if use.kind not in taken) if taken else own


def _headers(use: Use) -> bool:
    return isinstance(use.spec, HTTPHeaderFilter) and bool(use.spec.remove)


def _without(use: Use, removed: set[str] | None) -> Use:
    """Envoy removes headers before it sets others: so what is removed above is not even set."""
    if not removed:
        return use
    spec: HTTPHeaderFilter = use.spec
    kept = {
        name: tuple(one for one in getattr(spec, name) if one.name.lower() not in removed) for name in ("set", "add")
    }
    return msgspec.structs.replace(use, spec=msgspec.structs.replace(spec, **kept))
