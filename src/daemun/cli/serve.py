"""`daemun serve`: the control plane of a Kubernetes cluster."""

from typing import Annotated

import typer

from daemun.cli import signals
from daemun.cli.options import (
    ISTIO_AUTHORITY,
    ISTIO_TOKEN,
    Allowed,
    Image,
    ImagePullPolicy,
    IstioAuthority,
    Istiod,
    IstioToken,
    KubeContext,
    LogLevel,
    ServiceType,
    WatchNamespaces,
)


def serve(
    namespace: Annotated[
        str, typer.Option(envvar="POD_NAMESPACE", help="Daemun's own namespace, for its lease and certificates.")
    ] = "",
    name: Annotated[
        str, typer.Option(envvar="DAEMUN_NAME", help="The name of this installation: of its Service and its lease.")
    ] = "daemun",
    identity: Annotated[
        str, typer.Option(envvar="POD_NAME", help="What this replica is called in the lease.", show_default="the host")
    ] = "",
    image: Image = "daemun:latest",
    image_pull_policy: ImagePullPolicy = "IfNotPresent",
    service_type: Annotated[
        ServiceType, typer.Option(envvar="DAEMUN_SERVICE_TYPE", help="Of the proxies' Services, if no parameter says.")
    ] = ServiceType.load_balancer,
    watch_namespace: WatchNamespaces = None,
    leader_election: Annotated[
        bool, typer.Option(envvar="DAEMUN_LEADER_ELECTION", help="Off: this replica always writes; run only one.")
    ] = True,
    xds_port: Annotated[int, typer.Option(help="Where proxies ask for their configuration.")] = 9977,
    health_port: Annotated[int, typer.Option(help="Where /healthz, /readyz and /metrics answer.")] = 9091,
    access_log: Annotated[
        bool, typer.Option("--access-log", envvar="DAEMUN_ACCESS_LOG", help="Proxies print a line for each request.")
    ] = False,
    state_dir: Annotated[
        str,
        typer.Option(envvar="DAEMUN_STATE_DIR", help="Where what is served is kept, for a start without API server."),
    ] = "",
    state_key: Annotated[
        str,
        typer.Option(envvar="DAEMUN_STATE_KEY", help="The file with the key that seals it; made if missing."),
    ] = "",
    extauth: Annotated[
        bool,
        typer.Option("--extauth", envvar="DAEMUN_EXTAUTH", help="`daemun extauth` is there too, as NAME-extauth."),
    ] = False,
    classic: Annotated[
        bool, typer.Option(envvar="DAEMUN_CLASSIC", help="Serve Gloo's classic Gateways and VirtualServices too.")
    ] = True,
    ratelimit: Annotated[
        bool,
        typer.Option("--ratelimit", envvar="DAEMUN_RATELIMIT", help="So is `daemun ratelimit`, as NAME-ratelimit."),
    ] = False,
    discovery: Annotated[
        bool,
        typer.Option("--discovery", envvar="DAEMUN_DISCOVERY", help="Make Upstreams of Services and registries."),
    ] = False,
    mesh: Annotated[
        bool, typer.Option("--mesh", envvar="DAEMUN_MESH", help="`daemun inject` puts proxies beside pods.")
    ] = False,
    allow_address: Allowed = None,
    istiod: Istiod = "",
    istio_token: IstioToken = ISTIO_TOKEN,
    istio_authority: IstioAuthority = ISTIO_AUTHORITY,
    log_level: LogLevel = "info",
    kube_context: KubeContext = None,
) -> None:
    """Serve a cluster: watch it, give every Gateway its proxies, write every status.

    It is what the chart runs. SIGTERM hands over to another replica; the proxies go on serving.

    Examples:

      helm install daemun deploy/chart -n daemun-system --create-namespace

      daemun serve --namespace daemun-system --kube-context kind-lab
    """
    signals.end_when_told()

    import socket

    from daemun.cli import program
    from daemun.cli.output import fail
    from daemun.programs.cluster import ClusterApp
    from daemun.programs.installation import Installation
    from daemun.sources.identities import istio

    if bool(state_dir) != bool(state_key):
        fail("--state-dir and --state-key belong together", "What is kept has keys in it, and is sealed.")
    program.log_at(log_level)
    client = program.connect(kube_context)
    installation = Installation(
        namespace=namespace or client.namespace,
        name=name,
        identity=identity or socket.gethostname(),
        image=image,
        image_pull_policy=image_pull_policy,
        service_type=service_type,
        xds_port=xds_port,
        health_port=health_port,
        namespaces=tuple(watch_namespace or ()),
        leader_election=leader_election,
        state_dir=state_dir,
        state_key=state_key,
        access_log=access_log,
        allowed=tuple(allow_address or ()),
        extauth=extauth,
        ratelimit=ratelimit,
        classic=classic,
        istiod=istio.Istiod(istiod, istio_token, istio_authority) if istiod else None,
        discovery=discovery,
        mesh=mesh,
    )
    program.run(client, lambda: ClusterApp(client, installation).run())
