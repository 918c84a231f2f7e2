"""`daemun extauth`: tells Envoys who may come in."""

from pathlib import Path
from typing import Annotated

import typer


def extauth(
    xds: Annotated[str, typer.Option(help="The control plane: host:port, or unix:/path.", metavar="ADDRESS")] = "",
    chains: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, metavar="FILE", help="Chains as JSON, in the place of --xds."),
    ] = None,
    listen: Annotated[
        str, typer.Option(help="Where Envoys ask.", metavar="HOST:PORT", envvar="DAEMUN_EXTAUTH_LISTEN")
    ] = "127.0.0.1:9983",
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
        typer.Option(exists=True, dir_okay=False, metavar="FILE", help="Who signs the certificate of those who ask."),
    ] = None,
    redis: Annotated[
        str, typer.Option(help="The Redis that all replicas share.", metavar="URL", envvar="DAEMUN_REDIS")
    ] = "",
    health: Annotated[
        str, typer.Option(help="Where /healthz, /readyz and /metrics answer; nowhere if empty.", metavar="HOST:PORT")
    ] = "",
    allow: Annotated[
        list[str] | None,
        typer.Option(metavar="NETWORK", help="Checks may ask this network though it is local; several times."),
    ] = None,
    opa: Annotated[
        str, typer.Option(help="The program of Open Policy Agent, for policies in Rego.", metavar="PATH")
    ] = "opa",
    log_level: Annotated[str, typer.Option(envvar="DAEMUN_LOG_LEVEL", help="debug, info, warning or error.")] = "info",
) -> None:
    """Answer Envoys that ask whether a request may come in (ext_authz over gRPC).

    `daemun up` and the chart start it where a policy needs it. It may run in as many replicas as it takes.

    Examples:

      daemun extauth --xds unix:/run/daemun/xds.sock --token-file /run/daemun/token

      daemun extauth --chains chains.json --listen 127.0.0.1:9983 --allow 127.0.0.0/8
    """
    import ipaddress

    from daemun.authserver import AuthApp, Setup
    from daemun.cli import program
    from daemun.cli.output import fail

    program.log_at(log_level)
    if bool(xds) == (chains is not None):
        fail("it is not told where its chains come from", "Use --xds or --chains.")
    if (certificate is None) != (key is None):
        fail("--certificate and --key belong together", "Name both, or none to listen without TLS.")
    if client_ca is not None and certificate is None:
        fail("--client-ca is for a server with TLS", "Name --certificate and --key too.")
    try:
        for network in allow or ():
            ipaddress.ip_network(network, strict=False)
    except ValueError as error:
        fail(f"--allow: {error}", "Name a network, as 127.0.0.0/8.")
    setup = Setup(
        listen=listen,
        xds=xds,
        chains=chains,
        token_file=token_file,
        ca=ca,
        certificate=certificate,
        key=key,
        client_ca=client_ca,
        redis=redis,
        health=health,
        allow=tuple(allow or ()),
        opa=opa,
    )

    wrong: list[str] = []

    async def serve() -> None:
        try:
            await AuthApp(setup).run()
        except* (OSError, RuntimeError, ValueError) as group:
            wrong.extend(str(one) for one in group.exceptions)

    program.until_told(serve)
    if wrong:
        fail(f"it cannot serve: {wrong[0]}", "Look at --listen, --health and the files that are named.", code=1)
