"""GraphQLApi: a GraphQL schema and what its fields are resolved by."""

from typing import Any, ClassVar

from msgspec import field

from daemun.api.gloo.common import ResourceRef
from daemun.api.gloo.resource import GlooResource
from daemun.api.gloo.scalars import Duration, OneOf, UInt32
from daemun.api.meta import Api, List


class GraphQLRequestTemplate(Api, frozen=True):
    """A request that is made of the arguments of a field."""

    headers: dict[str, str] = field(default_factory=dict)
    query_params: dict[str, str] = field(default_factory=dict)
    body: Any = None


class GraphQLResponseTemplate(Api, frozen=True):
    """A value that is made of a response."""

    result_root: str = ""
    setters: dict[str, str] = field(default_factory=dict)


class GraphQLGrpcRequestTemplate(Api, frozen=True):
    """A gRPC call that is made of the arguments of a field."""

    outgoing_message_json: Any = None
    service_name: str = ""
    method_name: str = ""
    request_metadata: dict[str, str] = field(default_factory=dict)


class RESTResolver(Api, frozen=True):
    """A field that a REST service resolves."""

    upstream_ref: ResourceRef | None = None
    request: GraphQLRequestTemplate | None = None
    response: GraphQLResponseTemplate | None = None
    span_name: str = ""
    timeout: Duration | None = None


class ProtoRefs(Api, frozen=True):
    """Descriptor sets in ConfigMaps."""

    config_map_refs: List[ResourceRef] = ()


class GrpcDescriptorRegistry(Api, frozen=True):
    """The messages of gRPC services."""

    ONE_OF: ClassVar[OneOf] = (("proto_descriptor", "proto_descriptor_bin", "proto_refs_list"),)

    proto_descriptor: str | None = None
    proto_descriptor_bin: bytes | None = None
    proto_refs_list: ProtoRefs | None = None


class GrpcResolver(Api, frozen=True):
    """A field that a gRPC service resolves."""

    upstream_ref: ResourceRef | None = None
    request_transform: GraphQLGrpcRequestTemplate | None = None
    span_name: str = ""
    timeout: Duration | None = None


class TypeMergeConfig(Api, frozen=True):
    """How a type of several schemas becomes one."""

    selection_set: str = ""
    query_name: str = ""
    args: dict[str, str] = field(default_factory=dict)


class SubschemaConfig(Api, frozen=True):
    """One of several schemas."""

    name: str = ""
    namespace: str = ""
    type_merge: dict[str, TypeMergeConfig] = field(default_factory=dict)


class StitchedSchema(Api, frozen=True):
    """Several schemas as one."""

    subschemas: List[SubschemaConfig] = ()


class MockAsyncResponse(Api, frozen=True):
    """A value after a while."""

    response: Any = None
    delay: Duration | None = None


class MockResolver(Api, frozen=True):
    """A field that is always the same."""

    ONE_OF: ClassVar[OneOf] = (("sync_response", "async_response", "error_response"),)

    sync_response: Any = None
    async_response: MockAsyncResponse | None = None
    error_response: str | None = None


class Resolution(Api, frozen=True):
    """What resolves a field."""

    ONE_OF: ClassVar[OneOf] = (("rest_resolver", "grpc_resolver", "mock_resolver"),)

    rest_resolver: RESTResolver | None = None
    grpc_resolver: GrpcResolver | None = None
    mock_resolver: MockResolver | None = None
    stat_prefix: str | None = None


class GraphQLApiOptions(Api, frozen=True):
    """What is logged of requests."""

    log_sensitive_info: bool = False


class PersistedQueryCacheConfig(Api, frozen=True):
    """How many queries are kept."""

    cache_size: UInt32 = 0


class LocalExecutorOptions(Api, frozen=True):
    """How deep a query may be."""

    max_depth: UInt32 | None = None


class LocalExecutor(Api, frozen=True):
    """The proxy resolves fields, by asking Upstreams."""

    resolutions: dict[str, Resolution] = field(default_factory=dict)
    enable_introspection: bool = False
    options: LocalExecutorOptions | None = None


class RemoteExecutor(Api, frozen=True):
    """Another GraphQL server resolves."""

    upstream_ref: ResourceRef | None = None
    headers: dict[str, str] = field(default_factory=dict)
    query_params: dict[str, str] = field(default_factory=dict)
    span_name: str = ""


class Executor(Api, frozen=True):
    """Who resolves fields: the proxy, or a GraphQL server."""

    ONE_OF: ClassVar[OneOf] = (("local", "remote"),)

    local: LocalExecutor | None = None
    remote: RemoteExecutor | None = None


class ExecutableSchema(Api, frozen=True):
    """A schema, and who resolves it."""

    schema_definition: str = ""
    executor: Executor | None = None
    grpc_descriptor_registry: GrpcDescriptorRegistry | None = None


class GraphQLApiSpec(Api, frozen=True):
    """A schema with who resolves its fields, or one that is stitched together of others."""

    ONE_OF: ClassVar[OneOf] = (("executable_schema", "stitched_schema"),)

    executable_schema: ExecutableSchema | None = None
    stitched_schema: StitchedSchema | None = None
    stat_prefix: str | None = None
    persisted_query_cache_config: PersistedQueryCacheConfig | None = None
    allowed_query_hashes: List[str] = ()
    options: GraphQLApiOptions | None = None


class GraphQLApi(GlooResource, frozen=True):
    """A GraphQL API. Stock Envoy cannot serve it."""

    spec: GraphQLApiSpec = field(default_factory=GraphQLApiSpec)
