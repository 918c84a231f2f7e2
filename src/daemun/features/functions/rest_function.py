"""Calls of functions of REST services: a transformation at a place of its own, behind those that routes have.

The script is that of all transformations (`daemun.inja`). It stands before the router, so that a pattern for the path
is one for that which the client has sent, or a transformation of the route has made.
"""

from collections.abc import Iterable
from typing import ClassVar

from envoy.config.route.v3 import route_components_pb2 as route_v3
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2 as hcm_v3

from daemun.api.gloo.transformation import (
    RequestMatch,
    RequestResponseTransformations,
    Transformation,
    TransformationStages,
    TransformationTemplate,
)
from daemun.features.drafts import Draft
from daemun.features.feature import Fault, Feature, Scene
from daemun.features.transformations.places import call, script_filter
from daemun.features.transformations.stages import REGULAR, stage_programs, waits
from daemun.features.transformations.templates import Program
from daemun.gloo.functions.rest import REST_FUNCTION, RestCall
from daemun.ir.route import Use

FILTER = "daemun.functions"
_BODY_BYTES = 1024 * 1024
"""How long a body may be that the function makes another one of."""
_WRITTEN = f".{REGULAR}.requestTransforms[0]"


class RestFunction(Feature[RestCall]):
    """`destinationSpec.rest` and `.grpc`, and filters of the kind Parameter that name such a function."""

    kind: ClassVar = REST_FUNCTION
    rare: ClassVar = FILTER
    heavy: ClassVar = True

    def http_filter(self) -> hcm_v3.HttpFilter:
        """The script, disabled."""
        return script_filter(FILTER)

    def faults(self, spec: RestCall, where: str) -> Iterable[Fault]:
        """Templates that cannot be read: those of the Upstream, or that of the response."""
        for at, text, mend in stage_programs(_stages(spec))[1]:
            part = at.removeprefix(_WRITTEN).removeprefix(".")
            yield where, f"the function {spec.name!r} cannot be called: {part} {text}", mend

    def does(self, spec: RestCall, use: Use, scene: Scene) -> str:
        """Which function is called."""
        del use, scene
        return f"calls the function {spec.name}"

    def on_route(self, spec: RestCall, use: Use, draft: Draft) -> None:
        """On all of a route's requests."""
        del use
        program = _program(spec)
        draft.per_route(FILTER, call(program))
        if waits({REGULAR: program}):
            draft.proto.request_body_buffer_limit.value = _BODY_BYTES

    def on_backend(self, spec: RestCall, backend: route_v3.WeightedCluster.ClusterWeight) -> bool:
        """On one backend's share."""
        backend.typed_per_filter_config[FILTER].Pack(call(_program(spec)), deterministic=True)
        return True


def _program(spec: RestCall) -> Program:
    program = stage_programs(_stages(spec))[0][REGULAR]
    # Its own name, by which the response finds what was done to the request.
    program["stage"] = "call"
    request: Program = program["requests"][0].setdefault("request", {})
    request["call"] = "parts" if spec.quoted else "whole"
    return program


def _stages(spec: RestCall) -> TransformationStages:
    response = _whole(spec.response) if spec.response is not None else None
    match = RequestMatch(request_transformation=_whole(spec.request), response_transformation=response)
    return TransformationStages(regular=RequestResponseTransformations(request_transforms=(match,)))


def _whole(template: TransformationTemplate) -> Transformation:
    return Transformation(transformation_template=template)
