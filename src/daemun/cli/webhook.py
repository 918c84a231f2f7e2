"""`daemun webhook`: judges what is to be stored in a cluster."""

from typing import Annotated

import typer

from daemun.cli import signals
from daemun.cli.options import Allowed, KubeContext, LogLevel, WatchNamespaces


def webhook(
    namespace: Annotated[
        str, typer.Option(envvar="POD_NAMESPACE", help="Daemun's own namespace, for its certificates and Settings.")
    ] = "",
    name: Annotated[str, typer.Option(envvar="DAEMUN_NAME", help="The name of this installation.")] = "daemun",
    configuration: Annotated[
        str, typer.Option(help="The ValidatingWebhookConfiguration that is told whom to trust.")
    ] = "daemun",
    port: Annotated[int, typer.Option(help="Where API servers ask, over HTTPS.")] = 8443,
    always_accept: Annotated[bool, typer.Option(help="Say what is wrong, and refuse only what cannot be read.")] = True,
    allow_warnings: Annotated[bool, typer.Option(help="Refuse nothing for a warning.")] = True,
    warn_missing_tls_secret: Annotated[bool, typer.Option(help="A certificate that is missing is a warning.")] = False,
    watch_namespace: WatchNamespaces = None,
    allow_address: Allowed = None,
    log_level: LogLevel = "info",
    kube_context: KubeContext = None,
) -> None:
    """Tell an API server what would be wrong with an object, before it stores it.

    It is what the chart runs with gateway.validation.enabled=true. `daemun check` says the same of files.

    Examples:

      helm upgrade daemun deploy/chart -n daemun-system --set gateway.validation.enabled=true

      daemun webhook --namespace daemun-system --no-always-accept
    """
    signals.end_when_told()

    from daemun.admission.judge import Policy
    from daemun.cli import program
    from daemun.programs.webhook import Hook, WebhookApp

    program.log_at(log_level)
    client = program.connect(kube_context)
    hook = Hook(
        namespace=namespace or client.namespace,
        name=name,
        configuration=configuration,
        port=port,
        policy=Policy(always_accept, allow_warnings, warn_missing_tls_secret),
        namespaces=tuple(watch_namespace or ()),
        allowed=tuple(allow_address or ()),
    )

    program.run(client, lambda: WebhookApp(client, hook).run())
