"""`daemun ratelimit`: tells Envoys which requests are too many."""

from pathlib import Path
from typing import Annotated

import typer


def ratelimit(
    xds: Annotated[str, typer.Option(help="The control plane: host:port, or unix:/path.", metavar="ADDRESS")] = "",
    limits: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, metavar="FILE", help="Limits as JSON, in the place of --xds."),
    ] = None,
    listen: Annotated[
        str, typer.Option(help="Where Envoys ask.", metavar="HOST:PORT", envvar="DAEMUN_RATELIMIT_LISTEN")
    ] = "127.0.0.1:9985",
    token_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The token that the control plane is shown.")
    ] = None,
    ca: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, metavar="FILE", help="Who signs the control plane's certificate."),
    ] = None,
    certificate: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, metavar="FILE", help="The certificate to listen with."),
    ] = None,
    key: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, metavar="FILE", help="The key of --certificate.")
    ] = None,
    client_ca: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, metavar="FILE", help="Who signs the certificates of who may ask."),
    ] = None,
    redis: Annotated[
        str, typer.Option(help="The Redis that all replicas share.", metavar="URL", envvar="DAEMUN_REDIS")
    ] = "",
    health: Annotated[
        str, typer.Option(help="Where /healthz, /readyz and /metrics answer; nowhere if empty.", metavar="HOST:PORT")
    ] = "",
    log_level: Annotated[str, typer.Option(envvar="DAEMUN_LOG_LEVEL", help="debug, info, warning or error.")] = "info",
) -> None:
    """Answer Envoys that ask whether a request is one too many (Envoy's rate limit service, rls v3).

    `daemun up` and the chart start it where limits need it. With a Redis it may run in as many replicas as it takes.

    Examples:

      daemun ratelimit --xds unix:/run/daemun/xds.sock --token-file /run/daemun/token

      daemun ratelimit --limits limits.json --listen 127.0.0.1:9985 --redis redis://127.0.0.1:6379
    """
    from daemun.cli import program
    from daemun.cli.output import fail
    from daemun.limitserver import LimitApp, Setup

    program.log_at(log_level)
    if bool(xds) == (limits is not None):
        fail("it is not told where its limits come from", "Use --xds or --limits.")
    if (certificate is None) != (key is None):
        fail("--certificate and --key belong together", "Name both, or none to listen without TLS.")
    if client_ca is not None and certificate is None:
        fail("--client-ca needs TLS", "Name --certificate and --key too.")
    setup = Setup(
        listen=listen,
        xds=xds,
        limits=limits,
        token_file=token_file,
        ca=ca,
        certificate=certificate,
        key=key,
        client_ca=client_ca,
        redis=redis,
        health=health,
    )

    wrong: list[str] = []

    async def serve() -> None:
        try:
            await LimitApp(setup).run()
        except* (OSError, RuntimeError, ValueError) as group:
            wrong.extend(str(one) for one in group.exceptions)

    program.until_told(serve)
    if wrong:
        fail(f"it cannot serve: {wrong[0]}", "Look at --listen, --health and the files that are named.", code=1)
