"""Filters that see to it that no server says where a message ends (`base.framing`), where Envoy lets it say so."""

from envoy.config.core.v3 import base_pb2 as core_v3
from envoy.extensions.filters.http.header_mutation.v3 import header_mutation_pb2 as mutation_v3
from envoy.extensions.filters.http.header_to_metadata.v3 import header_to_metadata_pb2 as metadata_v3
from google.protobuf.message import Message

_LENGTH = "content-length"
_KEPT, _OF = "daemun.length", "was"
"""Where in a request's metadata the length of its answer is while a server may say headers."""

Named = tuple[str, Message]
"""A filter and its configuration."""


def without(of: str) -> Named:
    """What takes the length from messages: from those `of` request_mutations or response_mutations."""
    config = mutation_v3.HeaderMutation()
    getattr(config.mutations, of).add(remove=_LENGTH)
    return f"daemun.unsized.{of}", config


def around(server: Named) -> tuple[Named, ...]:
    """The filter of a server that may say headers of answers, such that their length stays what it was, or none.

    On the way back filters are passed from the last to the first.
    """
    kept, told = metadata_v3.Config(), mutation_v3.HeaderMutation()
    rule = kept.response_rules.add(header=_LENGTH)
    rule.on_header_present.metadata_namespace, rule.on_header_present.key = _KEPT, _OF
    told.mutations.response_mutations.add(remove=_LENGTH)
    told.mutations.response_mutations.add().append.header.CopyFrom(
        core_v3.HeaderValue(key=_LENGTH, value=f"%DYNAMIC_METADATA({_KEPT}:{_OF})%")
    )
    return ("daemun.length.told", told), server, ("daemun.length.kept", kept)
