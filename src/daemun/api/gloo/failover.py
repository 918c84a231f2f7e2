"""Endpoints for when an Upstream's own are not well."""

from msgspec import field

from daemun.api.gloo.scalars import Struct, UInt32
from daemun.api.gloo.ssl import UpstreamSslConfig
from daemun.api.meta import Api, List


class Locality(Api, frozen=True):
    """Where endpoints are."""

    region: str = ""
    zone: str = ""
    sub_zone: str = ""


class LbHealthCheckConfig(Api, frozen=True):
    """How one endpoint is asked whether it is well."""

    port_value: UInt32 = 0
    hostname: str = ""
    path: str = ""
    method: str = ""


class LbEndpoint(Api, frozen=True):
    """One endpoint."""

    address: str = ""
    port: UInt32 = 0
    health_check_config: LbHealthCheckConfig | None = None
    upstream_ssl_config: UpstreamSslConfig | None = None
    load_balancing_weight: UInt32 | None = None
    metadata: dict[str, Struct] = field(default_factory=dict)


class LocalityLbEndpoints(Api, frozen=True):
    """Endpoints in a place."""

    locality: Locality | None = None
    lb_endpoints: List[LbEndpoint] = ()
    load_balancing_weight: UInt32 | None = None


class PrioritizedLocality(Api, frozen=True):
    """Endpoints of one priority."""

    locality_endpoints: List[LocalityLbEndpoints] = ()


class FailoverPolicy(Api, frozen=True):
    """When the next priority takes over."""

    overprovisioning_factor: UInt32 | None = None


class Failover(Api, frozen=True):
    """Endpoints by priority."""

    prioritized_localities: List[PrioritizedLocality] = ()
    policy: FailoverPolicy | None = None
