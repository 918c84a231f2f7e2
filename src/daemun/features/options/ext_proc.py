"""extProc and disableExtProc: a gRPC service sees, and may change, requests and responses (Gloo, extproc.Settings)."""

import re
from collections.abc import Iterable
from typing import ClassVar

from envoy.extensions.filters.http.composite.v3 import composite_pb2 as composite_v3
from envoy.extensions.filters.http.ext_proc.v3 import ext_proc_pb2 as proc_v3
from envoy.extensions.filters.http.ext_proc.v3 import processing_mode_pb2 as mode_v3
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2 as hcm_v3
from google.protobuf import json_format

from daemun.api.gloo.common import ListStringMatcher, ResourceRef
from daemun.api.gloo.extproc import (
    ExtProcOverrides,
    ExtProcRouteSettings,
    ExtProcSettings,
    HeaderMutationRules,
    ProcessingMode,
)
from daemun.base.framing import REGEX
from daemun.features.composite import always, composite, nothing
from daemun.features.constraints import broken
from daemun.features.drafts import Configured, Draft, HostDraft, ManagerDraft
from daemun.features.feature import Fault, Feature, Scene, disabled_filter
from daemun.features.filter_stages import ACCEPTED, before
from daemun.features.grpc_services import grpc_service, service_faults
from daemun.features.lengths import without
from daemun.features.patterns import matcher, matcher_faults
from daemun.features.regexes import regex_faults
from daemun.features.times import duration_faults
from daemun.features.wrapped import put, put_all
from daemun.gloo.served.fields import Fields
from daemun.ir.route import Use

_FILTER = "envoy.filters.http.ext_proc"
_ALONE = "daemun.ext_proc"
"""The place of what routes and hosts say of a service of their own where the listener has none."""
_NOBODY = "no-backend"
"""A cluster that never exists: who asks there gets an error."""
_CODING = "transfer-encoding"
_ATTRIBUTE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*(\['[\w.-]+'\])?")
_RULES = ("allow_all_routing", "allow_envoy", "disallow_system", "disallow_all", "disallow_is_error")


class ExtProc(Feature[ExtProcSettings | ExtProcRouteSettings]):
    """Envoy's ext_proc: of a listener, whose hosts and routes have it otherwise or not at all.

    What hosts and routes say where the listener has none is done by a filter that they bring: it is no less a guard.
    """

    kind: ClassVar = "extProc"
    guards: ClassVar = True
    rare: ClassVar = "extProc"
    serves: ClassVar = (
        Fields(
            ExtProcOverrides,
            (
                *("processingMode", "requestAttributes", "responseAttributes", "grpcService"),
                *("metadataContextNamespaces", "typedMetadataContextNamespaces"),
            ),
            {"asyncMode": "Envoy has it for all requests of a listener or for none"},
        ),
    )

    def http_filter(self) -> hcm_v3.HttpFilter:
        """The place for those who bring all of it; a listener's filter is in its place."""
        return disabled_filter(_ALONE, composite(_ALONE))

    def moves(self, spec: ExtProcSettings | ExtProcRouteSettings) -> bool:
        """Where the service may have the route looked for again."""
        if isinstance(spec, ExtProcSettings):
            return not (spec.disable_clear_route_cache or spec.async_mode)
        return spec.overrides is not None

    def faults(self, spec: ExtProcSettings | ExtProcRouteSettings, where: str) -> Iterable[Fault]:
        """Without a service, and what Envoy would refuse."""
        if isinstance(spec, ExtProcSettings):
            yield from _settings_faults(spec, where)
        elif spec.overrides is not None:
            yield from _common_faults(spec.overrides, f"{where}.overrides")

    def upstreams(self, spec: ExtProcSettings | ExtProcRouteSettings) -> Iterable[tuple[str, ResourceRef]]:
        """The service."""
        said = spec if isinstance(spec, ExtProcSettings) else spec.overrides
        if said is not None and said.grpc_service is not None and said.grpc_service.ext_proc_server_ref is not None:
            within = "" if said is spec else "overrides."
            yield f"{within}grpcService.extProcServerRef", said.grpc_service.ext_proc_server_ref

    def does(self, spec: ExtProcSettings | ExtProcRouteSettings, use: Use, scene: Scene) -> str:
        """Who sees it, and what if not."""
        del scene
        if isinstance(spec, ExtProcSettings):
            lenient = "it goes on without" if spec.failure_mode_allow else "answers 500"
            return f"shows requests and responses to {_service(use)}, which may change them; if that fails {lenient}"
        if spec.disabled:
            return "shows nothing to an external processor"
        if use.backends:
            return f"shows requests and responses to {_service(use)} instead"
        return "shows an external processor other parts than the listener does"

    def on_manager(self, spec: ExtProcSettings | ExtProcRouteSettings, use: Use, draft: ManagerDraft) -> None:
        """For all requests of the listener."""
        if isinstance(spec, ExtProcSettings):
            config = _settings(spec, draft.cluster(use.backends[0]) if use.backends[0] else _NOBODY)
            place = before(spec.filter_stage or ACCEPTED)
            # On the way back filters are passed from the last to the first.
            around = (_UNSIZED_ANSWER, _UNSIZED_REQUEST) if _sized(config) and not config.observability_mode else ()
            for name, one in (*around[:1], (_FILTER, config), *around[1:]):
                draft.whole(self.kind, name, one, place)

    def on_host(self, spec: ExtProcSettings | ExtProcRouteSettings, use: Use, draft: HostDraft) -> None:
        """What a host has otherwise. What its listener has, where the port has a first one without."""
        if isinstance(spec, ExtProcRouteSettings):
            _put(spec, use, draft)
        elif use.backends[0] is not None:
            _bring(_settings(spec, draft.cluster(use.backends[0])), draft)
        elif not spec.failure_mode_allow:
            draft.close()

    def on_route(self, spec: ExtProcSettings | ExtProcRouteSettings, use: Use, draft: Draft) -> None:
        """What a route has otherwise."""
        if isinstance(spec, ExtProcRouteSettings):
            _put(spec, use, draft)


class DisableExtProc(Feature[bool]):
    """No external processing at a listener, whatever Settings say."""

    kind: ClassVar = "disableExtProc"

    def does(self, spec: bool, use: Use, scene: Scene) -> str:
        """That there is none."""
        del spec, use, scene
        return "shows nothing to the external processor of Settings"

    def on_manager(self, spec: bool, use: Use, draft: ManagerDraft) -> None:
        """Nothing: it stands where what Settings say would."""


def _service(use: Use) -> str:
    backend = use.backends[0]
    return backend.cluster if backend is not None else "a service that cannot be used"


def _put(spec: ExtProcRouteSettings, use: Use, draft: Configured) -> None:
    config = proc_v3.ExtProcPerRoute()
    if spec.disabled:
        config.disabled = True
        draft.per_route(_ALONE, nothing())
    elif spec.overrides is not None:
        cluster = ""
        if use.backends:
            if use.backends[0] is None:
                draft.close()
                return
            cluster = draft.cluster(use.backends[0])
        config.overrides.SetInParent()
        _overrides(spec.overrides, cluster, config.overrides)
        _bring(_alone(spec.overrides, cluster), draft)
    else:
        return
    draft.per_route(_FILTER, config)


def _bring(config: proc_v3.ExternalProcessor, draft: Configured) -> None:
    """A whole filter, which runs where the listener has none."""
    sized = _sized(config)
    _disallow(config, REGEX)
    action = composite_v3.ExecuteFilterAction()
    if sized:
        for name, one in (_UNSIZED_REQUEST, (_FILTER, config), _UNSIZED_ANSWER):
            action.filter_chain.typed_config.add(name=name).typed_config.Pack(one, deterministic=True)
    else:
        action.typed_config.name = _FILTER
        action.typed_config.typed_config.Pack(config, deterministic=True)
    draft.per_route(_ALONE, always(_ALONE, action))


_UNSIZED_REQUEST, _UNSIZED_ANSWER = without("request_mutations"), without("response_mutations")
"""A message that is kept until all of it is there goes on without a length, as a service may make another of it.

Envoy refuses a body of another length than was said before; and does not look when the body stays as it was.
"""


def _sized(config: proc_v3.ExternalProcessor) -> bool:
    """Whether a body may be kept until all of it is there: if it gets another length then, that has to be said."""
    of, mode = mode_v3.ProcessingMode, config.processing_mode
    return config.allow_mode_override or of.BUFFERED in (mode.request_body_mode, mode.response_body_mode)


def _disallow(config: proc_v3.ExternalProcessor, regex: str) -> None:
    """Keep a service from changing these headers, too."""
    rule = config.mutation_rules.disallow_expression
    rule.regex = "|".join(filter(None, (rule.regex, regex)))


def _settings(spec: ExtProcSettings, cluster: str) -> proc_v3.ExternalProcessor:
    config = proc_v3.ExternalProcessor()
    _common(spec, cluster, config)
    put_all(config, spec, ("failure_mode_allow", "message_timeout", "max_message_timeout", "stat_prefix"))
    put(config, "allow_mode_override", spec.allow_mode_override)
    put(config, "observability_mode", spec.async_mode)
    if spec.disable_clear_route_cache:
        config.route_cache_action = proc_v3.ExternalProcessor.RETAIN
    if spec.mutation_rules is not None:
        put_all(config.mutation_rules, spec.mutation_rules, _RULES)
        for name, regex in _expressions(spec.mutation_rules):
            getattr(config.mutation_rules, name).regex = regex
    _disallow(config, _CODING if _sized(config) else REGEX)
    if spec.forward_rules is not None:
        for name in ("allowed_headers", "disallowed_headers"):
            rules = getattr(spec.forward_rules, name)
            if rules is not None:
                getattr(config.forward_rules, name).patterns.extend(map(matcher, rules.patterns))
    if spec.filter_metadata is not None:
        json_format.ParseDict(spec.filter_metadata, config.filter_metadata)
    return config


def _alone(spec: ExtProcOverrides, cluster: str) -> proc_v3.ExternalProcessor:
    config = proc_v3.ExternalProcessor()
    _common(spec, cluster or _NOBODY, config)
    return config


def _overrides(spec: ExtProcOverrides, cluster: str, config: proc_v3.ExtProcOverrides) -> None:
    _common(spec, cluster, config)
    # What is sent at the start of a call is said next to the service here, not in it.
    config.grpc_initial_metadata.extend(config.grpc_service.initial_metadata)
    config.grpc_service.ClearField("initial_metadata")
    if not cluster:
        config.ClearField("grpc_service")


def _common(
    spec: ExtProcSettings | ExtProcOverrides,
    cluster: str,
    config: proc_v3.ExternalProcessor | proc_v3.ExtProcOverrides,
) -> None:
    if spec.grpc_service is not None:
        config.grpc_service.CopyFrom(grpc_service(spec.grpc_service, cluster))
    else:
        config.grpc_service.envoy_grpc.cluster_name = cluster
    if spec.processing_mode is not None:
        config.processing_mode.CopyFrom(_mode(spec.processing_mode))
    config.request_attributes.extend(spec.request_attributes)
    config.response_attributes.extend(spec.response_attributes)
    if spec.metadata_context_namespaces or spec.typed_metadata_context_namespaces:
        forwarded = config.metadata_options.forwarding_namespaces
        forwarded.untyped.extend(spec.metadata_context_namespaces)
        forwarded.typed.extend(spec.typed_metadata_context_namespaces)


def _mode(spec: ProcessingMode) -> mode_v3.ProcessingMode:
    of = mode_v3.ProcessingMode
    made = of()
    for name in spec.__struct_fields__:
        kind = of.BodySendMode if name.endswith("body_mode") else of.HeaderSendMode
        setattr(made, name, kind.Value(getattr(spec, name)))
    return made


def _expressions(spec: HeaderMutationRules) -> Iterable[tuple[str, str]]:
    for name in ("allow_expression", "disallow_expression"):
        regex = getattr(spec, name)
        if regex is not None:
            yield name, regex.regex


def _settings_faults(spec: ExtProcSettings, where: str) -> Iterable[Fault]:
    if spec.grpc_service is None or spec.grpc_service.ext_proc_server_ref is None:
        yield f"{where}.grpcService.extProcServerRef", "is missing", "Name the Upstream of the service."
    found = [*_common_faults(spec, where)]
    for name, text in (("messageTimeout", spec.message_timeout), ("maxMessageTimeout", spec.max_message_timeout)):
        found += duration_faults(text, f"{where}.{name}")
    if spec.mutation_rules is not None:
        for name, regex in _expressions(spec.mutation_rules):
            field = "allowExpression" if name == "allow_expression" else "disallowExpression"
            found += regex_faults(regex, f"{where}.mutationRules.{field}.regex")
    if spec.forward_rules is not None:
        found += _matcher_faults(spec.forward_rules.allowed_headers, f"{where}.forwardRules.allowedHeaders")
        found += _matcher_faults(spec.forward_rules.disallowed_headers, f"{where}.forwardRules.disallowedHeaders")
    yield from found
    if not found:
        for path, text in broken(_settings(spec, _NOBODY)):
            yield f"{where}.{path}", text, ""


def _common_faults(spec: ExtProcSettings | ExtProcOverrides, where: str) -> Iterable[Fault]:
    if spec.grpc_service is not None:
        yield from service_faults(spec.grpc_service, f"{where}.grpcService")
        if spec.grpc_service.ext_proc_server_ref is None and isinstance(spec, ExtProcOverrides):
            yield f"{where}.grpcService.extProcServerRef", "is missing", "Name the Upstream of the service."
    for name, attributes in (
        ("requestAttributes", spec.request_attributes),
        ("responseAttributes", spec.response_attributes),
    ):
        for index, one in enumerate(attributes):
            if not _ATTRIBUTE.fullmatch(one):
                yield f"{where}.{name}[{index}]", f"{one!r} is not the name of an attribute", "As in request.path."


def _matcher_faults(spec: ListStringMatcher | None, where: str) -> Iterable[Fault]:
    if spec is not None and not spec.patterns:
        yield f"{where}.patterns", "is empty", "Name headers."
    for index, one in enumerate(spec.patterns if spec is not None else ()):
        yield from matcher_faults(one, f"{where}.patterns[{index}]")
