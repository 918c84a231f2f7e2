"""What a rule does with a request: read from the Envoy routes that are made of it, so that it cannot say otherwise."""

from collections.abc import Iterator

import msgspec
from envoy.config.route.v3 import route_components_pb2 as route_v3
from envoy.extensions.filters.http.cors.v3 import cors_pb2

from daemun.envoy.actions import NO_BACKEND
from daemun.explain.effects import Scene, effects, preflight_answer
from daemun.explain.endpoints import endpoints, spoken
from daemun.explain.further import MILLION, fitting, share_upto
from daemun.explain.normalise import Seen
from daemun.explain.order import Placed, asks_preflight
from daemun.explain.place import Place
from daemun.explain.result import Outcome, Share
from daemun.explain.rewriting import forwarded, redirected
from daemun.gatewayapi.egresses import KIND as EGRESS
from daemun.ir.route import Backend
from daemun.translate import Translation

CORS = "envoy.filters.http.cors"


class _Parted(msgspec.Struct, frozen=True):
    """An Envoy route and the backends behind it, with its share of the requests."""

    proto: route_v3.Route
    backends: tuple[Backend, ...]
    part: float


def outcome(translation: Translation, place: Place, entry: Placed, seen: Seen, scheme: str) -> Outcome:
    """What becomes of a request that the entry takes."""
    scene = Scene(seen, entry.match)
    shares = [
        share
        for parted in _parted(place, entry, seen)
        for share in _shares(translation, place, entry, parted, scene, scheme)
    ]
    shares.extend(_unused(entry, scene))
    return _whole(shares)


def _parted(place: Place, entry: Placed, seen: Seen) -> Iterator[_Parted]:
    """The Envoy routes of the match that take the request, each with its share and the backends behind it."""
    port, tls = place.frontend.listeners[0].port, place.frontend.tls
    backends = tuple(backend for backend in entry.rule.backends if backend.weight)
    found = fitting(entry.envoy_route, entry.rule, entry.match, port, tls, seen)
    if len(found) == 1:
        yield _Parted(found[0][0], backends, 1.0)
        return
    # Each backend has a route of its own, as `envoy.actions` says.
    total, sofar = sum(backend.weight for backend in backends), 0
    by_upto: dict[int, Backend] = {}
    for backend in backends:
        sofar += backend.weight
        by_upto.setdefault(round(sofar * MILLION / total), backend)
    for proto, part in found:
        yield _Parted(proto, (by_upto[share_upto(proto)],), part / MILLION)


def _shares(
    translation: Translation, place: Place, entry: Placed, parted: _Parted, scene: Scene, scheme: str
) -> Iterator[Share]:
    proto, percent = parted.proto, round(parted.part * 100, 4)
    forwards = proto.HasField("route")
    only = parted.backends[0] if len(parted.backends) == 1 else None
    where = only.where if only else ""
    uses = effects(entry.author, only.uses if only else (), msgspec.structs.replace(scene, forwarded=forwards))
    if proto.HasField("redirect"):
        status, location = redirected(proto, scene.seen, scheme)
        why = f"redirected with {status} to {location}"
        yield Share(percent, why, where, status=status, location=location, effects=uses)
    elif proto.HasField("direct_response"):
        for backend in parted.backends or (None,):
            share = percent * backend.weight / sum(one.weight for one in parted.backends) if backend else percent
            status = proto.direct_response.status
            why = f"answered with {status}: {_reason(entry, backend, status, scene.seen)}"
            at, weight = (backend.where, backend.weight) if backend else ("", 1)
            yield Share(round(share, 4), why, at, weight, status)
    elif CORS in proto.typed_per_filter_config and asks_preflight(scene.seen):
        policy = cors_pb2.CorsPolicy()
        proto.typed_per_filter_config[CORS].Unpack(policy)
        yield Share(percent, preflight_answer(policy, scene.seen), where, status=200, effects=uses)
    else:
        yield from _forwards(translation, place, entry, parted, scene)


def _forwards(translation: Translation, place: Place, entry: Placed, parted: _Parted, scene: Scene) -> Iterator[Share]:
    clusters = parted.proto.route.weighted_clusters.clusters
    total = sum(backend.weight for backend in parted.backends)
    for at, backend in enumerate(parted.backends):
        percent = round(parted.part * 100 * backend.weight / total, 4)
        cluster = clusters[at].name if clusters else parted.proto.route.cluster
        path, host = forwarded(parted.proto, scene.seen, clusters[at].host_rewrite_literal if clusters else "")
        uses = effects(entry.author, backend.uses, scene)
        if backend.key is None or cluster == NO_BACKEND:
            error = entry.rule.error
            why = f"answered with {error}: {_reason(entry, backend, error, scene.seen)}"
            yield Share(percent, why, backend.where, backend.weight, error, effects=uses)
            continue
        outside = backend.key.kind == "egress"
        ready = (host,) if outside else endpoints(translation, place.key.proxy, cluster)
        count = f"{len(ready)} endpoint{'' if len(ready) == 1 else 's'} ready"
        ref = backend.key.ref
        port = f" port {backend.key.port}" if backend.key.port else ""
        target = f"{ref}{port}{' by TLS' if backend.key.tls else ''}"
        none = f"answered with 503: {target} has no endpoint that is ready"
        yield Share(
            percent=percent,
            why=f"forwarded to {target} ({count}) as {path}" if ready else none,
            where=backend.where,
            weight=backend.weight,
            status=0 if ready else 503,
            cluster=cluster,
            backend=ref,
            port=backend.key.port,
            protocol=spoken(translation, place.key.proxy, backend.key),
            endpoints=ready,
            path=path,
            host=host,
            effects=uses,
        )


def _unused(entry: Placed, scene: Scene) -> Iterator[Share]:
    """Backends that get nothing."""
    for backend in entry.rule.backends:
        if not backend.weight and not entry.rule.broken:
            uses = effects(entry.author, backend.uses, scene)
            yield Share(0.0, "gets no requests: its weight is 0", backend.where, 0, effects=uses)


def _reason(entry: Placed, backend: Backend | None, status: int, seen: Seen) -> str:
    """Why nothing can be done for this share."""
    if entry.rule.broken:
        return entry.rule.broken
    outside = next((use for use in backend.uses if use.kind == EGRESS), None) if backend else None
    if status == 403 and outside is not None:
        return f"{outside.spec.by} does not allow the host that it would go to"
    answer = next((use for use in entry.rule.uses if use.kind == "DirectResponse"), None)
    if answer is not None:
        return f"{answer.by or entry.resolved.ref} says so"
    if status == 403 and asks_preflight(seen):
        return f"it is a CORS preflight, and origin {seen.values('origin')[0]} is not allowed"
    within = backend.where if backend else entry.rule.where
    findings = (*entry.resolved.not_resolved, *entry.resolved.dropped)
    told = next((str(one) for one in findings if one.where == within or one.where.startswith(f"{within}.")), None)
    if told is None:
        # The finding of a filter of the rule, such as the service that ExternalAuth would ask.
        told = next((str(one) for one in findings if one.where.startswith(f"{entry.rule.where}.")), None)
    if told is not None:
        return told
    return f"{entry.rule.where} has no backend with a weight" if entry.rule.backends else "the rule has no backends"


def _whole(shares: list[Share]) -> Outcome:
    """The outcome of all shares: that of the largest."""
    first = max(shares, key=lambda share: share.percent)
    why = first.why
    if first.percent < 100:
        why = f"{first.percent:g} % of the requests are {why}" if first.percent else why
    if first.location:
        return Outcome("redirected", why, first.status, first.location, tuple(shares))
    if first.cluster:
        return Outcome("forwarded", why, first.status, "", tuple(shares))
    return Outcome("answered", why, first.status, "", tuple(shares))
