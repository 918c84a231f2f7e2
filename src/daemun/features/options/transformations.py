"""stagedTransformations, and transformations, the old way to write it: templates for headers and bodies (Gloo).

Envoy has no filter for them. It has Lua, and one script that takes a route's templates as data (`daemun.inja`). The
script stands at three places: before CORS and everything that guards (`early`), behind what guards (`regular`), and
behind the router (`postRouting`). What headers are only joined from Envoy's header mutation does at the same places.
"""

from collections.abc import Iterable, Iterator
from typing import ClassVar

from envoy.config.route.v3 import route_components_pb2 as route_v3
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2 as hcm_v3

from daemun.api.gloo.transformation import (
    RequestMatch,
    RequestResponseTransformations,
    ResponseMatch,
    Transformation,
    Transformations,
    TransformationStages,
)
from daemun.features.drafts import Draft, HostDraft
from daemun.features.feature import Fault, Feature, Scene
from daemun.features.transformations.places import (
    REGULAR_SCRIPT,
    families,
    has_any,
    put_on_host,
    put_on_route,
    put_on_share,
    script_filter,
)
from daemun.features.transformations.stages import EARLY, POST_ROUTING, REGULAR, stage_programs, waits
from daemun.ir.route import Use

_BODY_BYTES = 1024 * 1024
"""How long a body may be that a template needs as a whole: Envoy's own default, which Gloo has too."""


class StagedTransformations(Feature[TransformationStages]):
    """Transformations by stages. Those of a route are in place of its host's, as a whole."""

    kind: ClassVar = "stagedTransformations"
    rare: ClassVar = REGULAR_SCRIPT
    heavy: ClassVar = True

    def http_filter(self) -> hcm_v3.HttpFilter:
        """The script, behind what guards."""
        return script_filter(REGULAR_SCRIPT)

    def families(self, spec: TransformationStages, alone: bool) -> Iterable[str]:
        """The places that have something to do."""
        return families(stage_programs(spec)[0], alone)

    def moves(self, spec: TransformationStages) -> bool:
        """Where the route is looked for again."""
        return any(
            one.clear_route_cache for held in (spec.early, spec.regular) if held for one in held.request_transforms
        )

    def faults(self, spec: TransformationStages, where: str) -> Iterable[Fault]:
        """Templates and expressions that cannot be read, and what they may not do."""
        return stage_programs(spec, where)[1]

    def omits(self, spec: TransformationStages, where: str) -> Iterable[Fault]:
        """What comes too late."""
        for index, late in enumerate(spec.post_routing.request_transforms if spec.post_routing else ()):
            if late.clear_route_cache:
                at = f"{where}.{POST_ROUTING}.requestTransforms[{index}].clearRouteCache"
                yield at, "does nothing: the request is on its way by then", ""

    def does(self, spec: TransformationStages, use: Use, scene: Scene) -> str:
        """Which parts of a message change, and when."""
        del use, scene
        return "; ".join(_told(at, one) for at, one in _each(spec)) or "transforms nothing"

    def on_route(self, spec: TransformationStages, use: Use, draft: Draft) -> None:
        """On all of a route's requests."""
        del use
        programs, _ = stage_programs(spec)
        natively = not any(map(has_any, draft.proto.route.weighted_clusters.clusters))
        put_on_route(draft.proto, programs, alone=not spec.inherit_transformation, natively=natively)
        if waits(programs):
            draft.proto.request_body_buffer_limit.value = _BODY_BYTES

    def on_backend(self, spec: TransformationStages, backend: route_v3.WeightedCluster.ClusterWeight) -> bool:
        """On one backend's share."""
        put_on_share(backend, stage_programs(spec)[0], alone=not spec.inherit_transformation)
        return True

    def on_host(self, spec: TransformationStages, use: Use, draft: HostDraft) -> None:
        """On all requests of a host."""
        del use
        programs, _ = stage_programs(spec)
        put_on_host(draft.proto, programs)
        if waits(programs):
            draft.proto.request_body_buffer_limit.value = _BODY_BYTES


class OldTransformations(Feature[Transformations]):
    """The old way to write `stagedTransformations.regular`. It counts where that is not set."""

    kind: ClassVar = "transformations"
    rare: ClassVar = REGULAR_SCRIPT
    heavy: ClassVar = True

    def __init__(self) -> None:
        self._new = StagedTransformations()

    def moves(self, spec: Transformations) -> bool:
        """Where the route is looked for again."""
        return spec.clear_route_cache

    def faults(self, spec: Transformations, where: str) -> Iterable[Fault]:
        """Templates and expressions that cannot be read, and what they may not do."""
        inner = f"{where}.{REGULAR}.requestTransforms[0]"
        for at, text, mend in self._new.faults(_staged(spec), where):
            yield at.replace(inner, where, 1), text, mend

    def does(self, spec: Transformations, use: Use, scene: Scene) -> str:
        """Which parts of a message change."""
        return self._new.does(_staged(spec), use, scene)

    def families(self, spec: Transformations, alone: bool) -> Iterable[str]:
        """The places that have something to do."""
        return self._new.families(_staged(spec), alone)

    def on_route(self, spec: Transformations, use: Use, draft: Draft) -> None:
        """On all of a route's requests."""
        self._new.on_route(_staged(spec), use, draft)

    def on_backend(self, spec: Transformations, backend: route_v3.WeightedCluster.ClusterWeight) -> bool:
        """On one backend's share."""
        return self._new.on_backend(_staged(spec), backend)

    def on_host(self, spec: Transformations, use: Use, draft: HostDraft) -> None:
        """On all requests of a host."""
        self._new.on_host(_staged(spec), use, draft)


def _staged(spec: Transformations) -> TransformationStages:
    match = RequestMatch(
        clear_route_cache=spec.clear_route_cache,
        request_transformation=spec.request_transformation,
        response_transformation=spec.response_transformation,
    )
    return TransformationStages(regular=RequestResponseTransformations(request_transforms=(match,)))


def _each(spec: TransformationStages) -> Iterator[tuple[str, Transformation]]:
    """Every transformation, and where it is."""
    for stage, held in ((EARLY, spec.early), (REGULAR, spec.regular), (POST_ROUTING, spec.post_routing)):
        for index, one in enumerate(held.request_transforms if held else ()):
            yield from _parts(one, f"{stage}.requestTransforms[{index}]")
        for index, answer in enumerate(held.response_transforms if held else ()):
            yield from _parts(answer, f"{stage}.responseTransforms[{index}]")


def _parts(one: RequestMatch | ResponseMatch, where: str) -> Iterator[tuple[str, Transformation]]:
    if isinstance(one, RequestMatch) and one.request_transformation is not None:
        yield f"{where}.requestTransformation", one.request_transformation
    if one.response_transformation is not None:
        yield f"{where}.responseTransformation", one.response_transformation


def _told(where: str, one: Transformation) -> str:
    stage, _, rest = where.partition(".")
    of = "response" if rest.endswith("responseTransformation") else "request"
    template = one.transformation_template
    if template is None:
        return f"{stage}: makes one JSON body of a matching {of}"
    told = [f"sets header {name.lower()}" for name in template.headers]
    told += [f"adds header {one.key.lower()}" for one in template.headers_to_append]
    told += [f"removes header {name.lower()}" for name in template.headers_to_remove]
    told += ["makes a new body"] * (template.body is not None or template.merge_extractors_to_body is not None)
    told += [f"tells {one.key} to the filters that come after" for one in template.dynamic_metadata_values]
    told += ["names its span"] * (template.span_transformer is not None)
    return f"{stage}: of a matching {of} {', '.join(told) or 'changes nothing'}"
