"""`daemun up`: serve the manifests of a folder."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from daemun.cli.options import (
    ISTIO_AUTHORITY,
    ISTIO_TOKEN,
    Address,
    Allowed,
    IstioAuthority,
    Istiod,
    IstioToken,
    Paths,
    RealPorts,
)

if TYPE_CHECKING:
    from daemun.gatewayapi.settings import Settings
    from daemun.programs.app import App, Tell
    from daemun.sources.identities import istio


def up(
    paths: Paths,
    address: Address = "127.0.0.1",
    real_ports: RealPorts = False,
    output: Annotated[
        str, typer.Option("--output", "-o", help="text, or json: one JSON object a line, for programs.")
    ] = "text",
    access_log: Annotated[
        bool, typer.Option("--access-log", help="Let the proxies write a line for every request, as JSON.")
    ] = False,
    linger: Annotated[
        float,
        typer.Option(help="How long the proxies wait for a successor if this program is killed, in seconds."),
    ] = 6.0,
    allow_address: Allowed = None,
    istiod: Istiod = "",
    istio_token: IstioToken = ISTIO_TOKEN,
    istio_authority: IstioAuthority = ISTIO_AUTHORITY,
) -> None:
    """Serve the manifests with one Envoy per Gateway, and follow every change of the files.

    Ctrl-C drains and stops the proxies. Start it again with the same PATHs while it runs, and the new one takes the
    proxies over without losing a request.

    Examples:

      daemun up manifests/

      daemun up shop/ payments/gateway.yaml --address 0.0.0.0 --real-ports
    """
    from daemun.cli.loading import check_paths
    from daemun.cli.output import fail

    if output not in ("text", "json"):
        fail(f"-o {output} is not a form of output", "Use text or json.")
    check_paths(paths)
    if output == "text":
        from daemun.cli.output import console

        console().print(f"Serving {', '.join(map(str, paths))}; Ctrl-C stops.", style="dim", markup=False)
    from daemun.gatewayapi.settings import Settings
    from daemun.provision import authorities
    from daemun.sources.identities import istio

    settings = Settings(
        address=address,
        port_shift=0 if real_ports else 8000,
        system_authorities=authorities.find(),
        allowed=tuple(allow_address or ()),
    )
    asked = istio.Istiod(istiod, istio_token, istio_authority) if istiod else None
    serve(paths, teller(output), settings, access_log, linger, asked)


def teller(output: str) -> "Tell":
    """Whoever prints what changes."""
    if output == "json":
        from daemun.cli.live import tell_json

        return tell_json
    from daemun.cli.live import TextTeller

    return TextTeller()


def serve(
    paths: list[Path],
    tell: "Tell",
    settings: "Settings",
    access_log: bool,
    linger: float,
    istiod: "istio.Istiod | None" = None,
) -> None:
    """Run the app until a signal; a second one cuts the draining short."""
    import asyncio

    from daemun.cli.output import fail
    from daemun.programs.app import App
    from daemun.provision.errors import ProvisionError

    app = App(paths, tell, settings, access_log="/dev/stdout" if access_log else "", linger=linger, istiod=istiod)
    try:
        asyncio.run(run_until_signal(app))
    except ProvisionError as error:
        fail(error.text, error.mend, code=1)


async def run_until_signal(app: "App") -> None:
    """Serve until SIGINT or SIGTERM, which drain and stop the proxies; a second one cuts the draining short.

    SIGHUP is for restarts: it ends Daemun and leaves the proxies to its successor.
    """
    import asyncio
    import contextlib
    import signal

    task = asyncio.ensure_future(app.run())
    loop = asyncio.get_running_loop()
    hurried: list[asyncio.Future[None]] = []

    def stop() -> None:
        if task.cancelling():
            hurried.append(asyncio.ensure_future(app.proxies.stop(drain=0)))
        else:
            task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    loop.add_signal_handler(signal.SIGHUP, app.leave)
    with contextlib.suppress(asyncio.CancelledError):
        await task
