"""Upstreams in clouds: Lambda, EC2, Azure, Google, Consul."""

from typing import ClassVar, Literal, TypeAlias

from daemun.api.gloo.common import ResourceRef
from daemun.api.gloo.scalars import OneOf, UInt32
from daemun.api.gloo.service_spec import ServiceSpec
from daemun.api.meta import Api, List

InvocationStyle: TypeAlias = Literal["SYNC", "ASYNC"]
AuthLevel: TypeAlias = Literal["Anonymous", "Function", "Admin"]
ConsulConsistencyModes: TypeAlias = Literal["DefaultMode", "StaleMode", "ConsistentMode"]


class LambdaFunctionSpec(Api, frozen=True):
    """A function of AWS Lambda, under a name."""

    logical_name: str = ""
    lambda_function_name: str = ""
    qualifier: str = ""


class AwsDestinationSpec(Api, frozen=True):
    """A function of AWS Lambda, and how it is called."""

    logical_name: str = ""
    invocation_style: InvocationStyle = "SYNC"
    request_transformation: bool = False
    response_transformation: bool = False
    unwrap_as_alb: bool = False
    unwrap_as_api_gateway: bool = False
    wrap_as_api_gateway: bool = False


class AwsUpstreamSpec(Api, frozen=True):
    """AWS Lambda in a region."""

    region: str = ""
    secret_ref: ResourceRef | None = None
    lambda_functions: List[LambdaFunctionSpec] = ()
    role_arn: str = ""
    aws_account_id: str = ""
    disable_role_chaining: bool = False
    destination_overrides: AwsDestinationSpec | None = None


class Ec2KvPair(Api, frozen=True):
    """A tag with its value."""

    key: str = ""
    value: str = ""


class Ec2TagFilter(Api, frozen=True):
    """A condition on an instance's tags."""

    ONE_OF: ClassVar[OneOf] = (("key", "kv_pair"),)

    key: str | None = None
    kv_pair: Ec2KvPair | None = None


class Ec2UpstreamSpec(Api, frozen=True):
    """EC2 instances by their tags."""

    region: str = ""
    secret_ref: ResourceRef | None = None
    role_arn: str = ""
    filters: List[Ec2TagFilter] = ()
    public_ip: bool = False
    port: UInt32 = 0


class AzureFunctionSpec(Api, frozen=True):
    """A function of Azure."""

    function_name: str = ""
    auth_level: AuthLevel = "Anonymous"


class AzureUpstreamSpec(Api, frozen=True):
    """An app of Azure Functions."""

    function_app_name: str = ""
    secret_ref: ResourceRef | None = None
    functions: List[AzureFunctionSpec] = ()


class AzureDestinationSpec(Api, frozen=True):
    """A function of Azure."""

    function_name: str = ""


class GcpUpstreamSpec(Api, frozen=True):
    """A service of Google Cloud, with an identity token."""

    host: str = ""
    audience: str = ""


class ConsulQueryOptions(Api, frozen=True):
    """How Consul is asked."""

    use_cache: bool | None = None


class ConsulUpstreamSpec(Api, frozen=True):
    """A service in Consul."""

    service_name: str = ""
    service_tags: List[str] = ()
    subset_tags: List[str] = ()
    instance_tags: List[str] = ()
    instance_blacklist_tags: List[str] = ()
    service_spec: ServiceSpec | None = None
    consistency_mode: ConsulConsistencyModes = "DefaultMode"
    query_options: ConsulQueryOptions | None = None
    connect_enabled: bool = False
    data_centers: List[str] = ()
