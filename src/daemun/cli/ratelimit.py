"""`daemun ratelimit`: tells Envoys which requests are too many."""

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


def ratelimit(
    xds: Xds = "",
    limits: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, metavar="FILE", help="Limits as JSON, in the place of --xds."),
    ] = None,
    listen: Annotated[
        str, typer.Option(help="Where Envoys ask.", metavar="HOST:PORT", envvar="DAEMUN_RATELIMIT_LISTEN")
    ] = "127.0.0.1:9985",
    token_file: TokenFile = None,
    ca: Authority = None,
    certificate: Certificate = None,
    key: Key = None,
    client_ca: ClientAuthority = None,
    redis: RedisUrl = "",
    health: Health = "",
    log_level: LogLevel = "info",
) -> None:
    """Answer Envoys that ask whether a request is one too many (Envoy's rate limit service, rls v3).

    `daemun up` and the chart start it where limits need it. With a Redis it may run in as many replicas as it takes.

    Examples:

      daemun ratelimit --xds unix:/run/daemun/xds.sock --token-file /run/daemun/token

      daemun ratelimit --limits limits.json --listen 127.0.0.1:9985 --redis redis://127.0.0.1:6379
    """
    from daemun.cli import beside, program
    from daemun.programs.answering import Setup
    from daemun.programs.limitserver import LimitApp

    program.log_at(log_level)
    beside.check(xds, limits, "limits", certificate, key, client_ca)
    setup = Setup(
        listen=listen,
        xds=xds,
        given=limits,
        token_file=token_file,
        ca=ca,
        certificate=certificate,
        key=key,
        client_ca=client_ca,
        redis=redis,
        health=health,
    )
    beside.serve(lambda: LimitApp(setup).run())
