"""Kinds of Gloo's that are read and not served yet. Nobody is to think that they do anything."""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from daemun.api.gloo.status import GlooStatus
from daemun.api.meta import Resource
from daemun.api.status import Status
from daemun.base.names import Name, Ref
from daemun.flow import Reader
from daemun.gatewayapi.status.problems import Problems
from daemun.gloo.served.fields import NOT_SERVED
from daemun.ir.problem import Problem

UNSERVED_KINDS: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        ("graphql.gloo.solo.io", "GraphQLApi"): "stock Envoy has no GraphQL",
    }
)
"""(group, kind) to what that comes to."""


def status_rule(group: str, kind: str) -> Callable[[Reader, Name, Resource], Iterator[tuple[Ref, Status]]]:
    """The rule from an object of such a kind to its status."""

    def status(_: Reader, name: Name, resource: Resource) -> Iterator[tuple[Ref, Status]]:
        del resource
        yield Ref(group, kind, *name), GlooStatus.of(warnings=[_text(group, kind)])

    return status


def problem_rule(group: str, kind: str) -> Callable[[Reader, Name, Resource], Iterator[tuple[Ref, Problems]]]:
    """The rule from an object of such a kind to the warning about it."""

    def problems(_: Reader, name: Name, resource: Resource) -> Iterator[tuple[Ref, Problems]]:
        del resource
        ref = Ref(group, kind, *name)
        yield ref, (Problem(ref, NOT_SERVED, "", _text(group, kind), warning=True),)

    return problems


def _text(group: str, kind: str) -> str:
    return f"{kind} is not served yet: {UNSERVED_KINDS[group, kind]}"
