"""What each feature does to a request, as the features themselves tell it, in the order of `features.FEATURES`."""

from collections.abc import Iterable

import msgspec
from envoy.extensions.filters.http.cors.v3 import cors_pb2

from daemun import features
from daemun.base.names import Ref
from daemun.explain.normalise import Seen
from daemun.explain.result import Effect
from daemun.features import BY_KIND, in_force
from daemun.features.cors import allows
from daemun.ir.route import Match, Use
from daemun.ir.uses import ListenerUses


class Scene(msgspec.Struct, frozen=True):
    """The request, the match that takes it, and whether it is forwarded."""

    seen: Seen
    match: Match
    forwarded: bool = True


def effects(route: Ref, uses: Iterable[Use], scene: Scene) -> tuple[Effect, ...]:
    """The features in use, in the order in which Envoy applies them."""
    origins = scene.seen.values("origin")
    view = features.Scene(scene.match, origins[0] if origins else "", scene.forwarded)
    return tuple(
        Effect(use.kind, use.by or route, use.where, BY_KIND[use.kind].does(use.spec, use, view))
        for use in in_force(uses)
    )


def host_effects(route: Ref, of_host: ListenerUses, of_rule: Iterable[Use], scene: Scene) -> tuple[Effect, ...]:
    """What policies do on the request's virtual host, but for that of which its rule has the last word."""
    rules = {use.kind for use in of_rule if not BY_KIND[use.kind].adds_up}
    here = (use for use in of_host.on_hosts() if BY_KIND[use.kind].works("on_host") and use.kind not in rules)
    return effects(route, here, scene)


def port_effects(route: Ref, of_port: ListenerUses, scene: Scene) -> tuple[Effect, ...]:
    """What policies do for all requests of the port: on its listener and connection manager."""
    here = (use for use in of_port.port if BY_KIND[use.kind].works("on_listener", "on_chain", "on_manager"))
    return effects(route, here, scene)


def preflight_answer(policy: cors_pb2.CorsPolicy, seen: Seen) -> str:
    """What the gateway answers to a preflight."""
    origin = seen.values("origin")[0]
    verdict = "is allowed" if allows(policy, origin) else "is not allowed, so without the headers that would allow it"
    return f"answered with 200 by the gateway itself, since it is a CORS preflight; origin {origin} {verdict}"
