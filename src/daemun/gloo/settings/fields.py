"""Gloo's Settings: which of their fields count, and what is told of the others.

One object counts, `default` where Gloo is installed (`scope`). What its fields do is in the files that serve
them; here it is said of each of them whether there is such a file.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from daemun.api.gloo.rbac import RbacSettings
from daemun.api.gloo.settings import (
    AWSOptions,
    ConsulConfiguration,
    ConsulServiceDiscoveryOptions,
    ConsulUpstreamDiscoveryConfiguration,
    Directory,
    DiscoveryOptions,
    GatewayOptions,
    GlooOptions,
    InvalidConfigPolicy,
    IstioOptions,
    SecretOptions,
    SecretSource,
    ServiceAccountCredentials,
    Settings,
    SettingsSpec,
    UdsOptions,
    UpstreamOptions,
    ValidationOptions,
    VaultAwsAuth,
    VaultSecrets,
    VaultTlsConfig,
    VirtualServiceOptions,
)
from daemun.api.gloo.status import GlooStatus
from daemun.api.status import Status
from daemun.base.names import GLOO, Name, Ref
from daemun.flow import Collection, Reader
from daemun.gatewayapi.findings import Finding
from daemun.gatewayapi.status.problems import Problems, from_findings
from daemun.gatewayapi.status.unread import Unread
from daemun.gloo.auth.servers import Found
from daemun.gloo.limits.servers import Found as FoundLimits
from daemun.gloo.secrets import places
from daemun.gloo.served.fields import Fields, Served
from daemun.gloo.served.unserved import UNSERVED
from daemun.gloo.settings import meshes
from daemun.gloo.settings.listener_defaults import ListenerDefaults, listener_defaults
from daemun.gloo.settings.scope import LONGEST_BODY, SETTINGS, body_fits
from daemun.gloo.upstreams.services import global_faults
from daemun.ir.identity import Credential, Identity
from daemun.ir.registries import CONSUL, Trouble

_SOURCES = "objects are read from where Daemun runs: the cluster, or a folder"
_SIDECAR = "it is for a sidecar of Istio's that takes the gateway's own traffic, which is left out of the mesh here"
_NO_GRAPHQL = "stock Envoy has no GraphQL"
# What follows is about processes of Gloo's that Daemun does not have.
_MOOT = (
    *("devMode", "kubernetesConfigSource", "kubernetesArtifactSource"),
    *("kubernetes", "observabilityOptions", "consoleOptions"),
)
_MOOT_OF_GLOO = (
    *("xdsBindAddr", "validationBindAddr", "restXdsBindAddr", "proxyDebugBindAddr", "endpointsWarmingTimeout"),
    *("disableProxyGarbageCollection", "enableRestEds", "removeUnusedFilters", "failoverUpstreamDnsPollingInterval"),
    *("regexMaxProgramSize", "disableGrpcWeb"),
    # It saves Gloo the Upstreams that it would make in memory, of each Service one. Here there are none to save.
    "disableKubernetesDestinations",
)
_MOOT_OF_GATEWAY = (
    *("validationServerAddr", "compressedProxySpec", "persistProxySpec", "enableGatewayController"),
    "translateEmptyGateways",
)
_MOOT_OF_VALIDATION = (
    *("proxyValidationServerAddr", "validationWebhookTlsCert", "validationWebhookTlsKey", "serverEnabled"),
    *("ignoreGlooValidationFailure", "validationServerGrpcMaxSizeBytes", "disableTransformationValidation"),
)
SERVED = Served(
    (
        Fields(
            SettingsSpec,
            (
                *(
                    "discoveryNamespace",
                    "discovery",
                    "consulDiscovery",
                    "watchNamespaces",
                    "watchNamespaceSelectors",
                    "gloo",
                    "gateway",
                    "upstreamOptions",
                    "refreshRate",
                    "linkerd",
                    "discovery",
                ),
                *("kubernetesSecretSource", "directorySecretSource", "vaultSecretSource", "secretOptions"),
                *("consul", "extProc", "extauth", "namedExtauth", "ratelimit", "ratelimitServer", "rbac"),
            ),
            {
                **dict.fromkeys(("directoryConfigSource", "consulKvSource"), _SOURCES),
                **dict.fromkeys(("directoryArtifactSource", "consulKvArtifactSource"), _SOURCES),
                "extensions": "it is for servers that Daemun does not have",
                "cachingServer": UNSERVED["caching"].why,
                "knative": "Knative has a way of its own to Gateway API",
                "graphqlOptions": _NO_GRAPHQL,
            },
            _MOOT,
        ),
        Fields(
            GlooOptions,
            (
                *("circuitBreakers", "invalidConfigPolicy", "transformationEscapeCharacters"),
                *("awsOptions", "istioOptions"),
            ),
            {
                "logTransformationRequestResponseInfo": "say it of those transformations that are meant",
            },
            _MOOT_OF_GLOO,
        ),
        # Upstreams are not made, of Services or of anything else, so that there is nothing to say about them.
        Fields(DiscoveryOptions, ("fdsMode",), moot=("udsOptions", "fdsOptions")),
        Fields(
            AWSOptions,
            (
                *("enableCredentialsDiscovey", "serviceAccountCredentials"),
                *("propagateOriginalRouting", "fallbackToFirstFunction"),
            ),
            moot=("credentialRefreshDelay",),  # Envoy asks for new ones before the old ones end
        ),
        # Envoy knows itself where AWS's tokens are exchanged.
        Fields(ServiceAccountCredentials, moot=("cluster", "uri", "timeout", "region")),
        Fields(
            IstioOptions,
            ("enableAutoMtls",),
            {"appendXForwardedHost": _SIDECAR},
            moot=("enableIntegration",),  # proxies have no sidecar that it would switch on
        ),
        Fields(
            InvalidConfigPolicy,
            ("replaceInvalidRoutes", "invalidRouteResponseCode", "invalidRouteResponseBody"),
        ),
        Fields(
            GatewayOptions,
            (
                *("validation", "readGatewaysFromAllNamespaces", "virtualServiceOptions"),
                *("isolateVirtualHostsBySslConfig", "alwaysSortRouteTableRoutes"),
            ),
            moot=_MOOT_OF_GATEWAY,
        ),
        Fields(VirtualServiceOptions, ("oneWayTls",)),
        Fields(
            ValidationOptions,
            ("alwaysAccept", "allowWarnings", "warnMissingTlsSecret", "warnRouteShortCircuiting"),
            moot=_MOOT_OF_VALIDATION,
        ),
        Fields(SecretOptions, ("sources",)),
        Fields(SecretSource, ("kubernetes", "vault", "directory")),
        Fields(Directory, ("directory",)),
        Fields(
            VaultSecrets,
            (
                *("token", "address", "rootKey", "pathPrefix", "tlsConfig", "accessToken", "aws"),
                *("caCert", "caPath", "clientCert", "clientKey", "tlsServerName", "insecure"),
            ),
        ),
        Fields(VaultTlsConfig, ("caCert", "caPath", "clientCert", "clientKey", "tlsServerName", "insecure")),
        Fields(
            VaultAwsAuth,
            (
                *("vaultRole", "region", "iamServerIdHeader", "mountPath"),
                *("accessKeyId", "secretAccessKey", "sessionToken", "leaseIncrement"),
            ),
        ),
        Fields(UpstreamOptions, ("sslParameters", "globalAnnotations")),
        Fields(
            ConsulConfiguration,
            (
                *("address", "httpAddress", "datacenter", "username", "password", "token", "waitTime"),
                *("caFile", "caPath", "certFile", "keyFile", "insecureSkipVerify", "serviceDiscovery"),
                *("dnsAddress", "dnsPollingInterval"),
            ),
        ),
        Fields(ConsulServiceDiscoveryOptions, ("dataCenters",)),
        Fields(
            ConsulUpstreamDiscoveryConfiguration,
            (
                *("useTlsTagging", "tlsTagName", "rootCa", "splitTlsServices"),
                *("consistencyMode", "queryOptions", "serviceTagsAllowlist"),
            ),
            moot=("edsBlockingQueries",),  # there are no others
        ),
        # What is said of kinds of functions is said of GraphQL alone, which nobody serves.
        Fields(DiscoveryOptions, ("udsOptions", "fdsMode"), moot=("fdsOptions",)),
        Fields(UdsOptions, ("enabled", "watchLabels")),
        Fields(RbacSettings, ("requireRbac",)),
    )
)


Troubles = Collection[str, Finding]
"""What the places for Secrets do not give, as those say who ask them. (Of registries: in `upstreams.registries`.)"""


class Notes(NamedTuple):
    """What is told of Settings that others know: of their places for Secrets, of what they say of all listeners, and of
    their servers of authorization and of rate limits, of the authorities of their meshes.
    """

    troubles: Troubles
    registries: Collection[Trouble, Finding]
    identities: Collection[Identity, Credential]
    of_all: ListenerDefaults
    servers: Collection[Name, Found]
    limits: Collection[Name, FoundLimits]
    unread: Unread

    def found(self, reader: Reader, name: Name, settings: Settings) -> tuple[list[Finding], list[Finding]]:
        """What is wrong, and what has no effect, or not the one that was meant."""
        if name != SETTINGS:
            return [], [Finding("NotRead", "", f"only the Settings {SETTINGS} count", "Put it there, or remove it.")]
        policies = listener_defaults(reader, self.of_all)
        errors = [error for policy in policies for error in policy.errors]
        servers = reader.get(self.servers, name)
        errors += servers.errors if servers is not None else ()
        limits = reader.get(self.limits, name)
        errors += limits.errors if limits is not None else ()
        errors += meshes.faults(settings)
        of_upstreams = settings.spec.upstream_options
        errors += global_faults(of_upstreams.global_annotations) if of_upstreams else ()
        policy = settings.spec.gloo.invalid_config_policy if settings.spec.gloo else None
        if policy is not None and not body_fits(policy.invalid_route_response_body):
            where = "spec.gloo.invalidConfigPolicy.invalidRouteResponseBody"
            errors.append(Finding("Invalid", where, f"is longer than {LONGEST_BODY} bytes", "So none is sent."))
        notes = [*SERVED.unserved(settings.spec, "spec"), *places.notes(settings.spec)]
        notes += limits.warnings if limits is not None else ()
        notes += [warning for policy in policies for warning in policy.warnings]
        notes += meshes.troubles(reader.all(self.identities))
        consul = reader.get(self.registries, Trouble(CONSUL))
        return errors, [*notes, *sorted(reader.all(self.troubles).values()), *((consul,) if consul else ())]


def status_rule(of: Notes) -> Callable[[Reader, Name, Settings], Iterator[tuple[Ref, Status]]]:
    """The rule from Settings to their status."""

    def status(reader: Reader, name: Name, settings: Settings) -> Iterator[tuple[Ref, Status]]:
        errors, notes = (of.unread.said(reader, each) for each in of.found(reader, name, settings))
        yield _ref(name), GlooStatus.of(map(str, errors), map(str, notes))

    return status


def problem_rule(of: Notes) -> Callable[[Reader, Name, Settings], Iterator[tuple[Ref, Problems]]]:
    """The rule from Settings to what of them is wrong, or has not the effect that was meant."""

    def problem(reader: Reader, name: Name, settings: Settings) -> Iterator[tuple[Ref, Problems]]:
        errors, notes = of.found(reader, name, settings)
        if errors or notes:
            ref = _ref(name)
            yield ref, (*from_findings(ref, errors), *from_findings(ref, notes, warning=True))

    return problem


def _ref(name: Name) -> Ref:
    return Ref(GLOO, "Settings", *name)
