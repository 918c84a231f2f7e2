"""What kind of service an Upstream is."""

from typing import ClassVar, Literal, TypeAlias

from msgspec import field

from daemun.api.gloo.listener_filters import GrpcJsonTranscoder
from daemun.api.gloo.scalars import OneOf
from daemun.api.gloo.transformation import Parameters, TransformationTemplate
from daemun.api.meta import Api, List

FallbackPolicy: TypeAlias = Literal["ANY_ENDPOINT", "DEFAULT_SUBSET", "NO_FALLBACK"]


class SwaggerInfo(Api, frozen=True):
    """A Swagger document, or where it is."""

    ONE_OF: ClassVar[OneOf] = (("url", "inline"),)

    url: str | None = None
    inline: str | None = None


class RestServiceSpec(Api, frozen=True):
    """Functions of a REST service, each a transformation."""

    transformations: dict[str, TransformationTemplate] = field(default_factory=dict)
    swagger_info: SwaggerInfo | None = None


class RestDestinationSpec(Api, frozen=True):
    """A function of a REST service."""

    function_name: str = ""
    parameters: Parameters | None = None
    response_transformation: TransformationTemplate | None = None


class GrpcServiceFunctions(Api, frozen=True):
    """The functions of a gRPC service."""

    package_name: str = ""
    service_name: str = ""
    function_names: List[str] = ()


class GrpcServiceSpec(Api, frozen=True):
    """A gRPC service that is served as JSON: the old way to write `grpcJsonTranscoder`."""

    descriptors: bytes = b""
    grpc_services: List[GrpcServiceFunctions] = ()


class GrpcDestinationSpec(Api, frozen=True):
    """A function of a gRPC service."""

    package: str = ""
    service: str = ""
    function: str = ""
    parameters: Parameters | None = None


class GraphQLEndpoint(Api, frozen=True):
    """Where GraphQL is served."""

    url: str = ""


class GraphQLServiceSpec(Api, frozen=True):
    """A GraphQL service."""

    endpoint: GraphQLEndpoint | None = None


class ServiceSpec(Api, frozen=True):
    """What kind of service an Upstream is."""

    ONE_OF: ClassVar[OneOf] = (("rest", "grpc", "grpc_json_transcoder", "graphql"),)

    rest: RestServiceSpec | None = None
    grpc: GrpcServiceSpec | None = None
    grpc_json_transcoder: GrpcJsonTranscoder | None = None
    graphql: GraphQLServiceSpec | None = None


class SubsetSelector(Api, frozen=True):
    """Labels by which endpoints are told apart."""

    keys: List[str] = ()
    single_host_per_subset: bool = False


class Subset(Api, frozen=True):
    """Endpoints that have these labels."""

    values: dict[str, str] = field(default_factory=dict)


class SubsetSpec(Api, frozen=True):
    """How endpoints are told apart, so that routes can choose of them."""

    selectors: List[SubsetSelector] = ()
    fallback_policy: FallbackPolicy = "ANY_ENDPOINT"
    default_subset: Subset | None = None
