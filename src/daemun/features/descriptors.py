"""Descriptors of requests, as Envoy's rate limits make them."""

from envoy.config.route.v3 import route_components_pb2 as route_v3
from envoy.extensions.rate_limit_descriptors.expr.v3 import expr_pb2
from envoy.type.metadata.v3 import metadata_pb2

from daemun.api.gloo.ratelimit import MetadataKey, RateLimitAction, RateLimitHeaderMatcher
from daemun.gloo.limits.limited import Computed, Rate


def descriptor(rate: Rate, stage: int = 0) -> route_v3.RateLimit:
    """What Envoy makes of a request: nothing, if an entry is not there that must be."""
    proto = route_v3.RateLimit()
    if stage:
        proto.stage.value = stage
    for one in rate.entries:
        _put(one, rate.loose, proto.actions.add())
    if rate.limit is not None:
        proto.limit.dynamic_metadata.metadata_key.CopyFrom(_key(rate.limit))
    return proto


def _put(one: RateLimitAction | Computed, loose: bool, proto: route_v3.RateLimit.Action) -> None:
    if isinstance(one, Computed):
        proto.extension.name = "envoy.rate_limit_descriptors.expr"
        config = expr_pb2.Descriptor(descriptor_key=one.key, text=one.text)
        proto.extension.typed_config.Pack(config, deterministic=True)
    elif one.request_headers is not None:
        said = one.request_headers
        proto.request_headers.header_name, proto.request_headers.descriptor_key = said.header_name, said.descriptor_key
        proto.request_headers.skip_if_absent = loose
    elif one.generic_key is not None:
        proto.generic_key.descriptor_value = one.generic_key.descriptor_value
    elif one.header_value_match is not None:
        match = proto.header_value_match
        match.descriptor_value = one.header_value_match.descriptor_value
        if one.header_value_match.expect_match is not None:
            match.expect_match.value = one.header_value_match.expect_match
        for header in one.header_value_match.headers:
            _match(header, match.headers.add())
    elif one.metadata is not None and one.metadata.metadata_key is not None:
        proto.metadata.descriptor_key = one.metadata.descriptor_key
        proto.metadata.metadata_key.CopyFrom(_key(one.metadata.metadata_key))
        proto.metadata.default_value = one.metadata.default_value
        proto.metadata.source = route_v3.RateLimit.Action.MetaData.Source.Value(one.metadata.source)
        proto.metadata.skip_if_absent = loose
    elif one.source_cluster is not None:
        proto.source_cluster.SetInParent()
    elif one.destination_cluster is not None:
        proto.destination_cluster.SetInParent()
    else:
        proto.remote_address.SetInParent()


def _key(key: MetadataKey) -> metadata_pb2.MetadataKey:
    return metadata_pb2.MetadataKey(key=key.key, path=[{"key": one.key} for one in key.path])


def _match(one: RateLimitHeaderMatcher, proto: route_v3.HeaderMatcher) -> None:
    proto.name, proto.invert_match = one.name, one.invert_match
    if one.exact_match is not None:
        proto.string_match.exact = one.exact_match
    elif one.regex_match is not None:
        proto.string_match.safe_regex.regex = one.regex_match
    elif one.range_match is not None:
        proto.range_match.start, proto.range_match.end = int(one.range_match.start), int(one.range_match.end)
    elif one.prefix_match is not None:
        proto.string_match.prefix = one.prefix_match
    elif one.suffix_match is not None:
        proto.string_match.suffix = one.suffix_match
    else:
        proto.present_match = True if one.present_match is None else one.present_match
