"""Envoy's filter_chain filter: a chain of HTTP filters in the place of one.

Its messages are not in xds-protos 1.85 (they are younger), so they are described here, as far as they are used. Source:
envoy.extensions.filters.http.filter_chain.v3 of Envoy 1.40. To be dropped when the package has them.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from envoy.config.core.v3 import extension_pb2
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2 as hcm_v3
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_PACKAGE = "envoy.extensions.filters.http.filter_chain.v3"
_MESSAGE = descriptor_pb2.FieldDescriptorProto.TYPE_MESSAGE
_ONE = descriptor_pb2.FieldDescriptorProto.LABEL_OPTIONAL
_MANY = descriptor_pb2.FieldDescriptorProto.LABEL_REPEATED


def _described() -> Any:
    file = descriptor_pb2.FileDescriptorProto(
        name="envoy/extensions/filters/http/filter_chain/v3/filter_chain.proto", package=_PACKAGE, syntax="proto3"
    )
    file.dependency.append(extension_pb2.DESCRIPTOR.name)
    chain = file.message_type.add(name="FilterChain")
    extension = f".{extension_pb2.TypedExtensionConfig.DESCRIPTOR.full_name}"
    chain.field.add(name="filters", number=1, type=_MESSAGE, label=_MANY, type_name=extension)
    config = file.message_type.add(name="FilterChainConfig")
    own = f".{_PACKAGE}.FilterChain"
    config.field.add(name="default_filter_chain", number=1, type=_MESSAGE, label=_ONE, type_name=own)
    found = descriptor_pool.Default().AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(found.message_types_by_name["FilterChainConfig"])


_Config = _described()


def filters_of(one: hcm_v3.HttpFilter) -> Iterator[hcm_v3.HttpFilter]:
    """The filters in a chain, which cannot be within another; any other filter itself."""
    if not one.typed_config.Is(_Config.DESCRIPTOR):
        yield one
        return
    config = _Config()
    one.typed_config.Unpack(config)
    for inner in config.default_filter_chain.filters:
        yield hcm_v3.HttpFilter(name=inner.name, typed_config=inner.typed_config)


def filter_chain(name: str, filters: Iterable[hcm_v3.HttpFilter]) -> hcm_v3.HttpFilter:
    """The filters as one, each under its own name but none of them disabled."""
    config = _Config()
    for one in filters:
        config.default_filter_chain.filters.add(name=one.name, typed_config=one.typed_config)
    chain = hcm_v3.HttpFilter(name=name)
    chain.typed_config.Pack(config, deterministic=True)
    return chain
