"""The status of Upstreams, in Gloo's shape, and what is wrong with them for people."""

from collections.abc import Callable, Iterator

from daemun.api.gloo.status import GlooStatus
from daemun.api.status import Status
from daemun.base.names import Name, Ref
from daemun.flow import Reader
from daemun.gatewayapi.status.problems import Problems, Rejections, from_findings, rejected
from daemun.gatewayapi.status.unread import Unread
from daemun.gloo.upstreams.upstream import ResolvedUpstream


def status_rule(
    rejections: Rejections, unread: Unread
) -> Callable[[Reader, Name, ResolvedUpstream], Iterator[tuple[Ref, Status]]]:
    """The rule from an Upstream to its status. What a proxy rejected is wrong with it, whatever others took."""

    def status(reader: Reader, _: Name, upstream: ResolvedUpstream) -> Iterator[tuple[Ref, Status]]:
        errors = (*unread.said(reader, upstream.faults), *rejected(reader, rejections, upstream.ref))
        yield upstream.ref, GlooStatus.of(map(str, errors), map(str, unread.said(reader, upstream.notes)))

    return status


def problem_rule(
    rejections: Rejections,
) -> Callable[[Reader, Name, ResolvedUpstream], Iterator[tuple[Ref, Problems]]]:
    """The rule from an Upstream to what is wrong with it."""

    def problems(reader: Reader, _: Name, upstream: ResolvedUpstream) -> Iterator[tuple[Ref, Problems]]:
        found = from_findings(upstream.ref, [*upstream.faults, *rejected(reader, rejections, upstream.ref)])
        found += from_findings(upstream.ref, upstream.notes, warning=True)
        if found:
            yield upstream.ref, found

    return problems
