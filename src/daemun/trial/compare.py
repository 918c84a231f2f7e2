"""What would become of requests before and after a change: the differences, in words."""

from collections.abc import Iterable, Iterator

import msgspec

from daemun.base.names import Ref
from daemun.explain import Explanation, Share, explain
from daemun.translate import Translation
from daemun.trial.sample import Sample


class Change(msgspec.Struct, frozen=True):
    """Something about a request that is another: what it was and what it is, empty for nothing."""

    what: str
    before: str
    after: str


class Difference(msgspec.Struct, frozen=True):
    """A request that would be treated in another way."""

    sample: Sample
    changes: tuple[Change, ...]


class Objects(msgspec.Struct, frozen=True):
    """The objects that are not the same before and after."""

    added: tuple[Ref, ...] = ()
    removed: tuple[Ref, ...] = ()
    changed: tuple[Ref, ...] = ()


def objects(before: Translation, after: Translation) -> Objects:
    """What was added, removed and changed."""
    old, new = _written(before), _written(after)
    return Objects(
        added=tuple(sorted(new.keys() - old.keys())),
        removed=tuple(sorted(old.keys() - new.keys())),
        changed=tuple(sorted(ref for ref in old.keys() & new.keys() if old[ref] != new[ref])),
    )


def _written(translation: Translation) -> dict[Ref, object]:
    return {Ref(*kind, *name): value for kind, source in translation.sources.items() for name, value in source.items()}


def compare(before: Translation, after: Translation, samples: Iterable[Sample]) -> Iterator[Difference]:
    """Those requests that would be treated in another way."""
    for sample in samples:
        first, then = (explain(one, sample.request, sample.gateway) for one in (before, after))
        changes = tuple(_changes(first, then))
        if changes:
            yield Difference(sample, changes)


def _changes(before: Explanation, after: Explanation) -> Iterator[Change]:
    yield from _change("outcome", outcome(before), outcome(after))
    yield from _change("route", _route(before), _route(after))
    old, new = _filters(before), _filters(after)
    for kind in dict.fromkeys((*old, *new)):
        yield from _change(kind, old.get(kind, ""), new.get(kind, ""))


def _change(what: str, before: str, after: str) -> Iterator[Change]:
    if before != after:
        yield Change(what, before, after)


def outcome(found: Explanation) -> str:
    """What becomes of a request, in words that are the same as long as that is."""
    one = found.outcome
    if one.kind != "forwarded":
        return one.why
    shares = [share for share in one.shares if share.percent]
    alone = len(shares) == 1
    return ", ".join(f"{'' if alone else f'{share.percent:g} % '}{_share(found, share)}" for share in shares)


def _share(found: Explanation, share: Share) -> str:
    if not share.cluster:
        return share.why
    port = f" port {share.port}" if share.port else ""
    request = found.request
    path = f" as {share.path}" if share.path != request.target else ""
    host = f" for host {share.host}" if share.host != request.host else ""
    none = "" if share.endpoints else ", which has no endpoint: 503"
    return f"to {share.backend}{port} ({share.protocol}){path}{host}{none}"


def _route(found: Explanation) -> str:
    winner = found.winner
    return f"{winner.route} {winner.rule}" if winner is not None else "none"


def _filters(found: Explanation) -> dict[str, str]:
    """What each feature does; several of one kind are told together."""
    told: dict[str, list[str]] = {}
    for effect in found.effects:
        told.setdefault(effect.kind, []).append(effect.does)
    for share in found.outcome.shares:
        for effect in share.effects if share.percent else ():
            told.setdefault(f"{effect.kind} for {share.backend or share.where}", []).append(effect.does)
    return {kind: "; ".join(does) for kind, does in told.items()}
