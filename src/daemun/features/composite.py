"""Envoy's composite filter: a place in the chain where a route runs filters of its own, of which it brings all."""

from envoy.extensions.common.matching.v3 import extension_matcher_pb2 as matching_v3
from envoy.extensions.filters.http.composite.v3 import composite_pb2 as composite_v3


def composite(name: str) -> matching_v3.ExtensionWithMatcher:
    """The place, where nothing runs unless a route, or a match that is added to it, says so."""
    frame = matching_v3.ExtensionWithMatcher()
    frame.extension_config.name = name
    frame.extension_config.typed_config.Pack(composite_v3.Composite(), deterministic=True)
    frame.xds_matcher.SetInParent()
    return frame


def nothing() -> matching_v3.ExtensionWithMatcherPerRoute:
    """What a route says there to have nothing done, whatever its host says."""
    told = matching_v3.ExtensionWithMatcherPerRoute()
    told.xds_matcher.SetInParent()
    return told


def always(name: str, action: composite_v3.ExecuteFilterAction) -> matching_v3.ExtensionWithMatcherPerRoute:
    """What a route says there: do this to every request."""
    told = matching_v3.ExtensionWithMatcherPerRoute()
    told.xds_matcher.on_no_match.action.name = name
    told.xds_matcher.on_no_match.action.typed_config.Pack(action, deterministic=True)
    return told
