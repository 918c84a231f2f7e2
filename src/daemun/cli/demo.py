"""`daemun demo`: see it work in one command."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from daemun.demo.lab import Lab
    from daemun.programs.app import App

_PATIENCE_SECONDS = 60.0


def demo(
    once: Annotated[bool, typer.Option("--once", help="Stop after the proof.")] = False,
) -> None:
    """Serve a Gateway, an HTTPRoute and a local httpbin, send a request through a real Envoy, and show the answer.

    Stays up until Ctrl-C; its manifests can be edited meanwhile.
    """
    import asyncio

    from daemun.cli.live import TextTeller
    from daemun.cli.output import console, fail
    from daemun.demo.lab import lab
    from daemun.programs.app import App
    from daemun.provision.errors import ProvisionError

    out = console()
    with lab() as scene:
        out.print(f"[bold]The lab[/]: a Gateway, an HTTPRoute and httpbin, in {scene.folder}")
        app = App([scene.folder], TextTeller(), run_dir=scene.base / "run", state_dir=scene.base / "state")
        try:
            proved = asyncio.run(_serve(app, scene, out, once))
        except ProvisionError as error:
            fail(error.text, error.mend, code=1)
    if not proved:
        raise typer.Exit(1)


async def _serve(app: "App", scene: "Lab", out: "Console", once: bool) -> bool:
    """Serve, prove, and stay or stop. Whether the proof succeeded."""
    import asyncio

    from daemun.cli.up import run_until_signal

    serving = asyncio.ensure_future(run_until_signal(app))
    proving = asyncio.ensure_future(_prove(app, scene, out, once))
    await asyncio.wait((serving, proving), return_when=asyncio.FIRST_COMPLETED)
    proved = proving.done() and await proving
    if once or (proving.done() and not proved):
        app.stop()
    await serving
    proving.cancel()
    return proved


async def _prove(app: "App", scene: "Lab", out: "Console", once: bool) -> bool:
    import asyncio

    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            await app.synced.wait()
    except TimeoutError:
        out.print("[bold red]The proxy did not take its configuration in time.[/] See what it says above.")
        return False
    expected = {"/get": 200, "/status/200": 404}
    proved = True
    for path, wanted in expected.items():
        status, reason, body = await asyncio.to_thread(scene.get, path)
        fine = status == wanted
        proved = proved and fine
        out.print(f"\n[bold]GET {path}[/]  Host: api.example.com")
        out.print(
            f"[{'green' if fine else 'bold red'}]HTTP {status} {reason}[/]" + ("" if fine else f" ({wanted} expected)")
        )
        out.print(body, end="", markup=False)
    if proved and not once:
        _more(scene, out)
    return proved


def _more(scene: "Lab", out: "Console") -> None:
    out.print("\n[bold]Try more[/]")
    url = f"http://127.0.0.1:{scene.port}"
    for line in (
        f"curl -H 'Host: api.example.com' {url}/get?hello=world",
        f"daemun explain {scene.folder} GET http://api.example.com:{scene.port}/get",
        f"daemun check {scene.folder}",
        f"$EDITOR {scene.folder}/httproute.yaml   # let it match /status too, save, and ask again",
    ):
        out.print(f"  {line}", markup=False)
    out.print("\nCtrl-C stops it.")
