"""The filters that do transformations, and what a route, a share or a host puts on them.

Each stage has two places next to each other: Envoy's header mutation, for programs that it can do, and Lua with the
script. Of Lua Envoy takes the configuration that is nearest; but it does the header mutations of a host, its route and
its share all together. So hosts and shares have the script, and a route whose shares have programs too.
"""

import json
from collections.abc import Iterator
from typing import Any, ClassVar

from envoy.config.core.v3 import base_pb2 as core_v3
from envoy.config.route.v3 import route_components_pb2 as route_v3
from envoy.extensions.filters.http.header_mutation.v3 import header_mutation_pb2 as mutation_v3
from envoy.extensions.filters.http.lua.v3 import lua_pb2
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2 as hcm_v3

from daemun.features.feature import Feature, Scene, disabled_filter
from daemun.features.transformations.native import native
from daemun.features.transformations.stages import EARLY, POST_ROUTING, REGULAR, Programs, answers, asks_why
from daemun.features.transformations.templates import Program
from daemun.inja.script import REQUESTS, SCRIPT
from daemun.ir.route import Use

EARLY_SCRIPT, EARLY_HEADERS = "daemun.transformations.early", "daemun.transformations.early.headers"
REGULAR_SCRIPT, REGULAR_HEADERS = "daemun.transformations", "daemun.transformations.headers"
WHY = "daemun.transformations.why"
LAST_SCRIPT, LAST_HEADERS = "daemun.transformations.last", "daemun.transformations.last.headers"
_PLACES = (
    (EARLY_SCRIPT, EARLY_HEADERS, EARLY),
    (REGULAR_SCRIPT, REGULAR_HEADERS, REGULAR),
    (LAST_SCRIPT, LAST_HEADERS, POST_ROUTING),
)
_WHY_HEADER = "x-daemun-details"
_NOTHING = lua_pb2.LuaPerRoute(disabled=True)
_OFF = route_v3.FilterConfig(disabled=True)
_PROGRAM, _ALONE = "program", "alone"
_SCRIPT, _REQUESTS = "inja", "inja.requests"


def put_on_route(route: route_v3.Route, programs: Programs, *, alone: bool, natively: bool) -> None:
    """Put the stages' programs on a route.

    `alone`: no stages of its host come through. `natively`: no share of it has programs, for Envoy's header mutation
    would then do both.
    """
    configs = route.typed_per_filter_config
    for script, headers, stage in _PLACES:
        if stage in programs:
            # What the old field has put there.
            configs.pop(headers, None)
            changes = native(programs[stage]) if natively else None
            if changes is None:
                configs[script].Pack(_of_script(programs[stage]), deterministic=True)
            else:
                configs[headers].Pack(changes, deterministic=True)
                _switch_off(route, script)
        elif alone and script not in configs:
            _switch_off(route, script)
    _ask_why(route, programs)


def put_on_share(share: route_v3.WeightedCluster.ClusterWeight, programs: Programs, *, alone: bool) -> None:
    """Put the stages' programs on a share. `alone`: no stages of its route or host come through."""
    for script, _, stage in _PLACES:
        if stage in programs:
            share.typed_per_filter_config[script].Pack(_of_script(programs[stage]), deterministic=True)
        elif alone and script not in share.typed_per_filter_config:
            # It has no metadata that scripts see, so the filter has to be told.
            share.typed_per_filter_config[script].Pack(_NOTHING)
    _ask_why(share, programs)


def put_on_host(host: route_v3.VirtualHost, programs: Programs) -> None:
    """Put the stages' programs on a host, and let its routes read them: those that inherit do them after their own."""
    for script, _, stage in _PLACES:
        if stage in programs:
            config = _of_script(programs[stage] | {"yields": True})
            host.typed_per_filter_config[script].Pack(config, deterministic=True)
            host.metadata.filter_metadata[script].update({_PROGRAM: _text(programs[stage])})
    _ask_why(host, programs)


def _switch_off(route: route_v3.Route, script: str) -> None:
    route.typed_per_filter_config[script].Pack(_OFF)
    if script != LAST_SCRIPT:
        # There filters are chosen when the last word about the route is spoken.
        route.metadata.filter_metadata[script].update({_ALONE: True})


def _ask_why(proto: Any, programs: Programs) -> None:
    if asks_why(programs):
        header = core_v3.HeaderValue(key=_WHY_HEADER, value="%RESPONSE_CODE_DETAILS%")
        told = mutation_v3.HeaderMutationPerRoute()
        told.mutations.response_mutations.add().append.CopyFrom(
            core_v3.HeaderValueOption(header=header, append_action=core_v3.HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD)
        )
        proto.typed_per_filter_config[WHY].Pack(told, deterministic=True)


def call(program: Program) -> lua_pb2.LuaPerRoute:
    """The script with a program for a call of a function, whatever else is done at other places."""
    return _of_script(program)


def has_any(proto: Any) -> bool:
    """Whether a share has programs of its own."""
    return any(script in proto.typed_per_filter_config for script, _, _ in _PLACES)


def families(programs: Programs, alone: bool) -> Iterator[str]:
    """The filters that have to work for these programs; what keeps others out needs none.

    `alone`: they are on a route that is not divided into shares, so nothing keeps them from being done natively.
    """
    for script, headers, stage in _PLACES:
        if stage in programs:
            natively = native(programs[stage]) is not None
            yield from {headers} if natively and alone else {script, headers} if natively else {script}
    if asks_why(programs):
        yield WHY


def _of_script(program: Program) -> lua_pb2.LuaPerRoute:
    # What is inherited is not known here.
    config = lua_pb2.LuaPerRoute(name=_SCRIPT if answers(program) or "inherit" in program else _REQUESTS)
    # One entry: the order of several would be another in each process, and so the version of the resource.
    config.filter_context.update({_PROGRAM: _text(program)})
    return config


def _text(program: Program) -> str:
    return json.dumps(program, ensure_ascii=False, separators=(",", ":"))


def script_filter(name: str) -> hcm_v3.HttpFilter:
    """Lua with the script, disabled.

    Without a default it does nothing where no script is named; and routes stay as they were found, unless a
    transformation says otherwise (`clearRouteCache`).
    """
    config = lua_pb2.Lua()
    config.source_codes[_SCRIPT].inline_string = SCRIPT
    config.source_codes[_REQUESTS].inline_string = REQUESTS
    config.clear_route_cache.value = False
    return disabled_filter(name, config)


class _Place(Feature[None]):
    """A filter at a place of its own. No field has its kind."""

    def does(self, spec: None, use: Use, scene: Scene) -> str:
        """Nothing by itself."""
        del spec, use, scene
        return "does nothing: it is a place for transformations"


class _Headers(_Place):
    """Envoy's header mutation."""

    def http_filter(self) -> hcm_v3.HttpFilter:
        """The filter, disabled."""
        return disabled_filter(self.rare, mutation_v3.HeaderMutation())


class EarlyHeaders(_Headers):
    """Before what guards."""

    kind: ClassVar = "stagedTransformations.early.headers"
    rare: ClassVar = EARLY_HEADERS


class RegularHeaders(_Headers):
    """Behind what guards."""

    kind: ClassVar = "stagedTransformations.regular.headers"
    rare: ClassVar = REGULAR_HEADERS


class EarlyTransformations(_Place):
    """The script, before what guards."""

    kind: ClassVar = "stagedTransformations.early"
    rare: ClassVar = EARLY_SCRIPT
    heavy: ClassVar = True

    def http_filter(self) -> hcm_v3.HttpFilter:
        """The script, before what guards."""
        return script_filter(EARLY_SCRIPT)


class LastHeaders(_Place):
    """Once it is known which endpoint a request goes to: in Envoy's chain of upstream filters."""

    kind: ClassVar = "stagedTransformations.postRouting.headers"
    rare: ClassVar = LAST_HEADERS

    def upstream_filter(self) -> hcm_v3.HttpFilter:
        """The filter, disabled."""
        return disabled_filter(self.rare, mutation_v3.HeaderMutation())


class LastTransformations(_Place):
    """The script at the same place."""

    kind: ClassVar = "stagedTransformations.postRouting"
    rare: ClassVar = LAST_SCRIPT
    heavy: ClassVar = True

    def upstream_filter(self) -> hcm_v3.HttpFilter:
        """The script, disabled."""
        return script_filter(LAST_SCRIPT)


class WhyOfResponses(_Headers):
    """Next to the router, so that it sees responses before the others do, and can say why they came."""

    kind: ClassVar = "stagedTransformations.why"
    rare: ClassVar = WHY
