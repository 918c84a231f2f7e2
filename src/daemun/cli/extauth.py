"""`daemun extauth`: tells Envoys who may come in."""

from pathlib import Path
from typing import Annotated

import typer

from daemun.cli.beside import (
    Authority,
    Certificate,
    ClientAuthority,
    Health,
    Key,
    RedisUrl,
    TokenFile,
    Xds,
)
from daemun.cli.options import LogLevel


def extauth(
    xds: Xds = "",
    chains: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, metavar="FILE", help="Chains as JSON, in the place of --xds."),
    ] = None,
    listen: Annotated[
        str, typer.Option(help="Where Envoys ask.", metavar="HOST:PORT", envvar="DAEMUN_EXTAUTH_LISTEN")
    ] = "127.0.0.1:9983",
    token_file: TokenFile = None,
    ca: Authority = None,
    certificate: Certificate = None,
    key: Key = None,
    client_ca: ClientAuthority = None,
    redis: RedisUrl = "",
    health: Health = "",
    allow: Annotated[
        list[str] | None,
        typer.Option(metavar="NETWORK", help="Checks may ask this network though it is local; several times."),
    ] = None,
    opa: Annotated[
        str, typer.Option(help="The program of Open Policy Agent, for policies in Rego.", metavar="PATH")
    ] = "opa",
    opas: Annotated[
        int, typer.Option(min=1, help="How many of them may run, half of them for one namespace.", metavar="NUMBER")
    ] = 64,
    log_level: LogLevel = "info",
) -> None:
    """Answer Envoys that ask whether a request may come in (ext_authz over gRPC).

    `daemun up` and the chart start it where a policy needs it. It may run in as many replicas as it takes.

    Examples:

      daemun extauth --xds unix:/run/daemun/xds.sock --token-file /run/daemun/token

      daemun extauth --chains chains.json --listen 127.0.0.1:9983 --allow 127.0.0.0/8
    """
    import ipaddress

    from daemun.cli import beside, program
    from daemun.cli.output import fail
    from daemun.programs.authserver import AuthApp, Setup

    program.log_at(log_level)
    beside.check(xds, chains, "chains", certificate, key, client_ca)
    try:
        for network in allow or ():
            ipaddress.ip_network(network, strict=False)
    except ValueError as error:
        fail(f"--allow: {error}", "Name a network, as 127.0.0.0/8.")
    setup = Setup(
        listen=listen,
        xds=xds,
        given=chains,
        token_file=token_file,
        ca=ca,
        certificate=certificate,
        key=key,
        client_ca=client_ca,
        redis=redis,
        health=health,
        allow=tuple(allow or ()),
        opa=opa,
        opas=opas,
    )
    beside.serve(lambda: AuthApp(setup).run())
