"""`daemun inject`: puts the proxies of a mesh into pods."""

from typing import Annotated

import typer

from daemun.cli import signals
from daemun.cli.options import Image, ImagePullPolicy, KubeContext, LogLevel


def inject(
    namespace: Annotated[
        str, typer.Option(envvar="POD_NAMESPACE", help="Daemun's own namespace, for its certificates.")
    ] = "",
    name: Annotated[str, typer.Option(envvar="DAEMUN_NAME", help="The name of this installation.")] = "daemun",
    configuration: Annotated[
        str, typer.Option(help="The MutatingWebhookConfiguration that is told whom to trust.")
    ] = "daemun-mesh",
    image: Image = "daemun:latest",
    image_pull_policy: ImagePullPolicy = "IfNotPresent",
    port: Annotated[int, typer.Option(help="Where API servers ask, over HTTPS.")] = 8444,
    log_level: LogLevel = "info",
    kube_context: KubeContext = None,
) -> None:
    """Put a proxy beside the containers of each pod in a namespace of the mesh, when an API server makes it.

    It is what the chart runs with mesh.enabled=true. Which pods it is asked about the webhook's configuration says.

    Examples:

      helm upgrade daemun deploy/chart -n daemun-system --set mesh.enabled=true

      daemun inject --namespace daemun-system --image daemun:0.1.0
    """
    signals.end_when_told()

    from daemun.cli import program
    from daemun.programs.injector import Injection, InjectorApp

    program.log_at(log_level)
    client = program.connect(kube_context)
    injection = Injection(
        namespace=namespace or client.namespace,
        name=name,
        configuration=configuration,
        image=image,
        image_pull_policy=image_pull_policy,
        port=port,
    )
    program.run(client, lambda: InjectorApp(client, injection).run())
