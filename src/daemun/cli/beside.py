"""What the commands of Daemun's own servers beside the proxies have in common: their options and their end."""

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer


def _file(text: str) -> Any:
    return typer.Option(exists=True, dir_okay=False, metavar="FILE", help=text)


Xds: TypeAlias = Annotated[
    str, typer.Option(help="The control plane: host:port, or unix:/path.", metavar="ADDRESS", show_default=False)
]
TokenFile: TypeAlias = Annotated[
    Path | None, typer.Option(metavar="FILE", help="The token that the control plane is shown.")
]
Authority: TypeAlias = Annotated[Path | None, _file("Who signs the control plane's certificate.")]
Certificate: TypeAlias = Annotated[Path | None, _file("The certificate to listen with.")]
Key: TypeAlias = Annotated[Path | None, _file("The key of --certificate.")]
ClientAuthority: TypeAlias = Annotated[Path | None, _file("Who signs the certificates of those who ask.")]
RedisUrl: TypeAlias = Annotated[
    str, typer.Option(help="The Redis that all replicas share.", metavar="URL", envvar="DAEMUN_REDIS")
]
Health: TypeAlias = Annotated[
    str, typer.Option(help="Where /healthz, /readyz and /metrics answer; nowhere if empty.", metavar="HOST:PORT")
]


def check(xds: str, file: Path | None, what: str, certificate: Path | None, key: Path | None, clients: object) -> None:
    """End the program if these make no sense together. `file` holds `what`, in the place of the control plane."""
    from daemun.cli.output import fail

    if bool(xds) == (file is not None):
        fail(f"it is not told where its {what} come from", f"Use --xds or --{what}.")
    if (certificate is None) != (key is None):
        fail("--certificate and --key belong together", "Name both, or none to listen without TLS.")
    if clients is not None and certificate is None:
        fail("--client-ca is for a server with TLS", "Name --certificate and --key too.")


def serve(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Do the work until a signal; end the program with what is wrong with it."""
    from daemun.cli import program
    from daemun.cli.output import fail

    wrong: list[str] = []

    async def told() -> None:
        try:
            await work()
        except* (OSError, RuntimeError, ValueError) as group:
            wrong.extend(str(one) for one in group.exceptions)

    program.until_told(told)
    if wrong:
        fail(f"it cannot serve: {wrong[0]}", "Look at --listen, --health and the files that are named.", code=1)
