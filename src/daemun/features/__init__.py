"""What can be done to a request, one file a feature. The order of `FEATURES` is the order of Envoy's HTTP filters.

To add one: write its file with a `Feature`, put it in the tuple, add a golden case and a page under `docs/features/`.
"""

from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2 as hcm_v3

from daemun.base.digest import digest, version
from daemun.features.cors import Cors
from daemun.features.direct_response import DirectResponse
from daemun.features.drafts import Draft, Further
from daemun.features.egress import Egress
from daemun.features.external_auth import ExternalAuth
from daemun.features.feature import Fault, Feature, Scene
from daemun.features.fence import FAMILY as MOVES
from daemun.features.fence import Fence, GuardsFirst, GuardsNoted
from daemun.features.functions.aws_lambda import AwsLambda
from daemun.features.functions.azure_functions import AzureFunction
from daemun.features.functions.gcp_identity import GcpIdentity
from daemun.features.functions.rest_function import RestFunction
from daemun.features.headers import RequestHeaderModifier, ResponseHeaderModifier
from daemun.features.mirror import RequestMirror
from daemun.features.options.access_logs import AccessLogging, ListenerAccessLogging
from daemun.features.options.attempt_counts import RequestAttemptCount, ResponseAttemptCount
from daemun.features.options.buffer_per_route import Buffer, BufferPerRoute
from daemun.features.options.cors import CorsOption
from daemun.features.options.csrf import Csrf
from daemun.features.options.envoy_metadata import EnvoyMetadata
from daemun.features.options.ext_proc import DisableExtProc, ExtProc
from daemun.features.options.extauth import ExtAuth
from daemun.features.options.faults import Faults
from daemun.features.options.grpc_json import GrpcJsonTranscoder
from daemun.features.options.gzip import Gzip
from daemun.features.options.hcm import HttpConnectionManagerSettings
from daemun.features.options.header_manipulation import HeaderManipulation, HostHeaderSecrets
from daemun.features.options.health_check import HealthCheck
from daemun.features.options.host_rewrite import (
    AppendXForwardedHost,
    AutoHostRewrite,
    HostRewrite,
    HostRewriteHeader,
    HostRewritePathRegex,
)
from daemun.features.options.http_listener import GrpcWeb, HeaderValidation, LeftmostXffAddress, Router
from daemun.features.options.jwt import Jwt, JwtStaged
from daemun.features.options.lb_hash import LbHash
from daemun.features.options.linkerd import Linkerd
from daemun.features.options.listener_limits import (
    ConnectionLimit,
    HttpLocalRateLimit,
    LocalRateLimit,
    NetworkLocalRateLimit,
)
from daemun.features.options.path_rewrites import PrefixRewrite, RegexRewrite
from daemun.features.options.proxy_protocol import ProxyProtocol
from daemun.features.options.rate_limit import (
    RateLimit,
    RateLimitBasic,
    RateLimitConfigs,
    RateLimitEarly,
    RateLimitEarlyConfigs,
    RateLimitRegular,
    RateLimitRegularConfigs,
    RateLimitServer,
)
from daemun.features.options.rbac import Rbac
from daemun.features.options.retries import Retries
from daemun.features.options.shadowing import Shadowing
from daemun.features.options.sockets import ConnectionBalance, ConnectionBuffer, SocketOptions
from daemun.features.options.stateful_session import StatefulSession
from daemun.features.options.stats import Stats
from daemun.features.options.tcp_proxy import TcpProxySettings
from daemun.features.options.timeouts import IdleTimeout, MaxStreamDuration, Timeout
from daemun.features.options.tracing import Tracing
from daemun.features.options.transformations import OldTransformations, StagedTransformations
from daemun.features.options.upgrades import Upgrades
from daemun.features.options.wasm import Wasm
from daemun.features.policed import LocalByClaims, LocalByPolicies, RateLimitPolicies
from daemun.features.redirect import RequestRedirect
from daemun.features.redirect_action import RedirectAction
from daemun.features.retry import Retry
from daemun.features.rewrite import URLRewrite
from daemun.features.session import SessionPersistence
from daemun.features.timeouts import Timeouts
from daemun.features.transformations.places import (
    EarlyHeaders,
    EarlyTransformations,
    LastHeaders,
    LastTransformations,
    RegularHeaders,
    WhyOfResponses,
)
from daemun.ir.route import Rule, Use

FEATURES: tuple[Feature[Any], ...] = (
    HealthCheck(),
    Gzip(),
    Faults(),
    GuardsFirst(),
    EarlyHeaders(),
    EarlyTransformations(),
    GuardsNoted(),
    Cors(),
    CorsOption(),
    HttpLocalRateLimit(),
    RateLimit(),
    RateLimitEarly(),
    RateLimitEarlyConfigs(),
    LocalByPolicies(),
    JwtStaged(),
    ExternalAuth(),
    ExtAuth(),
    Jwt(),
    Rbac(),
    RateLimitRegular(),
    RateLimitRegularConfigs(),
    RateLimitConfigs(),
    RateLimitBasic(),
    RateLimitServer(),
    LocalByClaims(),
    RateLimitPolicies(),
    ExtProc(),
    DisableExtProc(),
    Wasm(),
    GrpcWeb(),
    RegularHeaders(),
    OldTransformations(),
    StagedTransformations(),
    SessionPersistence(),
    StatefulSession(),
    GcpIdentity(),
    RestFunction(),
    GrpcJsonTranscoder(),
    BufferPerRoute(),
    Buffer(),
    Csrf(),
    RequestHeaderModifier(),
    ResponseHeaderModifier(),
    HeaderManipulation(),
    HostHeaderSecrets(),
    RequestMirror(),
    Shadowing(),
    PrefixRewrite(),
    RegexRewrite(),
    HostRewrite(),
    AutoHostRewrite(),
    HostRewritePathRegex(),
    HostRewriteHeader(),
    AppendXForwardedHost(),
    URLRewrite(),
    Timeouts(),
    Timeout(),
    IdleTimeout(),
    MaxStreamDuration(),
    Retry(),
    Retries(),
    LbHash(),
    Upgrades(),
    Tracing(),
    EnvoyMetadata(),
    AwsLambda(),
    AzureFunction(),
    Stats(),
    HttpConnectionManagerSettings(),
    LeftmostXffAddress(),
    HeaderValidation(),
    Router(),
    Linkerd(),
    ConnectionLimit(),
    NetworkLocalRateLimit(),
    LocalRateLimit(),
    TcpProxySettings(),
    AccessLogging(),
    ListenerAccessLogging(),
    ProxyProtocol(),
    ConnectionBuffer(),
    SocketOptions(),
    ConnectionBalance(),
    RequestAttemptCount(),
    ResponseAttemptCount(),
    RequestRedirect(),
    RedirectAction(),
    DirectResponse(),
    Fence(),
    WhyOfResponses(),
    LastHeaders(),
    LastTransformations(),
    # Answers in the place of the route that all the others have made.
    Egress(),
)
BY_KIND: Mapping[str, Feature[Any]] = MappingProxyType({feature.kind: feature for feature in FEATURES})
FAMILIES = frozenset(feature.rare for feature in FEATURES if feature.rare and feature.upstream_filter() is None)
"""The families of features with HTTP filters before the router, be it that listeners have them."""
HEAVY: Mapping[str, hcm_v3.HttpFilter] = MappingProxyType(
    {one.name: one for feature in FEATURES if feature.heavy for one in feature.filters()}
)
"""The filters that cost memory wherever they are, by their names; each is a family."""
_EACH = 1000
"""Places for the further filters before each feature's own."""
_PLACES: Mapping[str, int] = MappingProxyType({feature.kind: place for place, feature in enumerate(FEATURES)})


def rule_faults(rule: Rule) -> Iterable[Fault]:
    """What the features in use find wrong with a rule; policies are judged by themselves."""
    for use in rule.every_use():
        if use.by is None:
            yield from BY_KIND[use.kind].faults(use.spec, use.where)


def ordered(uses: Iterable[Use]) -> list[Use]:
    """Uses in the order of their features."""
    return sorted(uses, key=lambda use: _PLACES[use.kind])


def in_force(uses: Iterable[Use]) -> list[Use]:
    """Uses in the order of their features, without those that others replace."""
    found = ordered(uses)
    gone = {kind for use in found for kind in BY_KIND[use.kind].replaces}
    return [use for use in found if use.kind not in gone] if gone else found


def rare_of(uses: Iterable[Use], alone: bool = False) -> set[str]:
    """The families of features among those in use.

    `alone`: they are those of a route that is not divided among backends.
    """
    found: set[str] = set()
    for use in uses:
        feature = BY_KIND[use.kind]
        if feature.rare:
            found.update(feature.families(use.spec, alone))
        if feature.moves(use.spec):
            found.add(MOVES)
    return found


def moves(uses: Iterable[Use]) -> bool:
    """Whether a request that these are done to may then be for another route."""
    return any(BY_KIND[use.kind].moves(use.spec) for use in uses)


def guards_of(uses: Iterable[Use], owner: str) -> tuple[str, bool]:
    """What guards a route of an owner, by where it is asked for; and whether some is in the place of its host's."""
    guards = [use for use in uses if BY_KIND[use.kind].guards]
    names = (f"{use.kind} {use.by or owner} {use.where}" for use in guards)
    own = any(BY_KIND[use.kind].works("on_host") and not BY_KIND[use.kind].adds_up for use in guards)
    return version(digest(*(name.encode() for name in sorted(names)))) if guards else "", own


class Placed(NamedTuple):
    """An HTTP filter where it stands among all: by its place, which no other one changes.

    It does something for the features of a family, or `always`.
    """

    place: int
    family: str
    always: bool
    filter: hcm_v3.HttpFilter


def placed(further: Collection[Further]) -> list[Placed]:
    """The HTTP filters of all features in their order, each once and disabled; the further ones where they stand."""
    found: dict[str, Placed] = {}
    replaced = {one.kind for one in further}
    for place, feature in enumerate(FEATURES):
        for index, more in enumerate(one for one in further if one.place == feature.kind):
            family = more.family or BY_KIND[more.kind].rare
            found[f"{feature.kind} {index}"] = Placed(place * _EACH + index, family, bool(more.kind), more.filter)
        one = feature.http_filter() if feature.kind not in replaced else None
        if one is not None:
            found.setdefault(one.name, Placed((place + 1) * _EACH - 1, feature.rare, False, one))
    return list(found.values())


def http_filters(further: Collection[Further] = ()) -> list[hcm_v3.HttpFilter]:
    """The same, as a connection manager has them."""
    return [one.filter for one in placed(further)]


def upstream_filters() -> list[hcm_v3.HttpFilter]:
    """The filters that requests pass on their way to the endpoint, each disabled."""
    return [one for feature in FEATURES if (one := feature.upstream_filter()) is not None]


__all__ = [
    "BY_KIND",
    "FAMILIES",
    "FEATURES",
    "HEAVY",
    "MOVES",
    "Draft",
    "Fault",
    "Feature",
    "Placed",
    "Scene",
    "guards_of",
    "http_filters",
    "in_force",
    "moves",
    "ordered",
    "placed",
    "rare_of",
    "rule_faults",
    "upstream_filters",
]
