"""Gloo's Settings: which of their fields count, and what is told of the others.

One object counts, `default` where Gloo is installed (`classic.scope`). What its fields do is in the files that serve
them; here it is said of each of them whether there is such a file.
"""

from collections.abc import Callable, Iterator

from daemun.api.gloo.settings import (
    Directory,
    GatewayOptions,
    GlooOptions,
    InvalidConfigPolicy,
    SecretOptions,
    SecretSource,
    Settings,
    SettingsSpec,
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
from daemun.gatewayapi.problems import Problems, from_findings
from daemun.gloo.classic.scope import SETTINGS
from daemun.gloo.secrets import places
from daemun.gloo.served import Fields, Served

_SOURCES = "objects are read from where Daemun runs: the cluster, or a folder"
_SERVERS = "servers of authorization, rate limits and caches come later"
_MESHES = "meshes come later"
_REGISTRIES = "other registries come later"
_NO_GRAPHQL = "stock Envoy has no GraphQL"
# What follows is about processes of Gloo's that Daemun does not have.
_MOOT = (
    *("devMode", "kubernetesConfigSource", "kubernetesArtifactSource"),
    *("kubernetes", "discovery", "observabilityOptions", "consoleOptions"),
)
_MOOT_OF_GLOO = (
    *("xdsBindAddr", "validationBindAddr", "restXdsBindAddr", "proxyDebugBindAddr", "endpointsWarmingTimeout"),
    *("disableProxyGarbageCollection", "enableRestEds", "removeUnusedFilters", "failoverUpstreamDnsPollingInterval"),
    *("regexMaxProgramSize", "disableGrpcWeb", "logTransformationRequestResponseInfo"),
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
                *("discoveryNamespace", "watchNamespaces", "gloo", "gateway", "upstreamOptions", "refreshRate"),
                *("kubernetesSecretSource", "directorySecretSource", "vaultSecretSource", "secretOptions"),
            ),
            {
                **dict.fromkeys(("directoryConfigSource", "consulKvSource"), _SOURCES),
                **dict.fromkeys(("directoryArtifactSource", "consulKvArtifactSource"), _SOURCES),
                **dict.fromkeys(("extauth", "namedExtauth", "ratelimit", "ratelimitServer"), _SERVERS),
                **dict.fromkeys(("rbac", "cachingServer", "extProc", "extensions"), _SERVERS),
                **dict.fromkeys(("consul", "consulDiscovery", "knative"), _REGISTRIES),
                "linkerd": _MESHES,
                "graphqlOptions": _NO_GRAPHQL,
                "watchNamespaceSelectors": "namespaces are named by watchNamespaces",
            },
            _MOOT,
        ),
        Fields(
            GlooOptions,
            ("circuitBreakers", "invalidConfigPolicy"),
            {
                "awsOptions": "functions come later",
                "istioOptions": _MESHES,
                "disableKubernetesDestinations": "Services are always backends",
                "transformationEscapeCharacters": "each transformation says it itself",
            },
            _MOOT_OF_GLOO,
        ),
        Fields(
            InvalidConfigPolicy,
            ("replaceInvalidRoutes", "invalidRouteResponseCode"),
            {"invalidRouteResponseBody": "such an answer has no body"},
        ),
        Fields(
            GatewayOptions,
            (
                *("validation", "readGatewaysFromAllNamespaces", "virtualServiceOptions"),
                "isolateVirtualHostsBySslConfig",
            ),
            {"alwaysSortRouteTableRoutes": "routes stay in their written order"},
            _MOOT_OF_GATEWAY,
        ),
        Fields(VirtualServiceOptions, ("oneWayTls",)),
        Fields(
            ValidationOptions,
            ("alwaysAccept", "allowWarnings", "warnMissingTlsSecret"),
            {"warnRouteShortCircuiting": "routes that others hide are not told yet"},
            _MOOT_OF_VALIDATION,
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
        Fields(UpstreamOptions, ("sslParameters",), {"globalAnnotations": "each Service says it itself"}),
    )
)


Troubles = Collection[str, Finding]
"""What the places for Secrets do not give, as those say who ask them."""


def status_rule(troubles: Troubles) -> Callable[[Reader, Name, Settings], Iterator[tuple[Ref, Status]]]:
    """The rule from Settings to their status."""

    def status(reader: Reader, name: Name, settings: Settings) -> Iterator[tuple[Ref, Status]]:
        yield _ref(name), GlooStatus.of(warnings=map(str, _notes(reader, troubles, name, settings)))

    return status


def problem_rule(troubles: Troubles) -> Callable[[Reader, Name, Settings], Iterator[tuple[Ref, Problems]]]:
    """The rule from Settings to what of them has no effect, or not the one that was meant."""

    def problem(reader: Reader, name: Name, settings: Settings) -> Iterator[tuple[Ref, Problems]]:
        notes = _notes(reader, troubles, name, settings)
        if notes:
            yield _ref(name), from_findings(_ref(name), notes, warning=True)

    return problem


def _notes(reader: Reader, troubles: Troubles, name: Name, settings: Settings) -> list[Finding]:
    if name != SETTINGS:
        return [Finding("NotRead", "", f"only the Settings {SETTINGS} count", "Put it there, or remove it.")]
    found = [*SERVED.unserved(settings.spec, "spec"), *places.notes(settings.spec)]
    return [*found, *sorted(reader.all(troubles).values())]


def _ref(name: Name) -> Ref:
    return Ref(GLOO, "Settings", *name)
