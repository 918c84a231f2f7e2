"""`daemun proxy`: one running proxy: where it answers, what it says, what it has and what it should have."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from daemun.cli.options import Address, Data, Files, KubeContext, RealPorts

if TYPE_CHECKING:
    from daemun.base.names import Name
    from daemun.cli.doors import FolderDoor, PodDoor
    from daemun.cli.loading import Loaded

app = typer.Typer(help="One running proxy: where it answers, what it says, and what it has.", no_args_is_help=True)

Which = Annotated[
    str | None, typer.Argument(metavar="GATEWAY", help="[NAMESPACE/]NAME; not needed if there is just one.")
]
Pod = Annotated[str | None, typer.Option("--pod", help="This pod; else the first that runs.", metavar="NAME")]


@app.command()
def url(
    gateway: Which = None,
    files: Files = None,
    address: Address = "127.0.0.1",
    real_ports: RealPorts = False,
    kube_context: KubeContext = None,
) -> None:
    """Print the URLs at which a Gateway answers, one a line."""
    from daemun.report.summary import urls

    loaded, name = _gateway(gateway, files, kube_context, address, real_ports)
    one = loaded.translation.gateways[name]
    for found in dict.fromkeys(told.partition(" ")[0] for told in urls(one, loaded.translation.reached_at(name))):
        typer.echo(found)


@app.command(name="address")
def address_of(
    gateway: Which = None,
    files: Files = None,
    address: Address = "127.0.0.1",
    real_ports: RealPorts = False,
    kube_context: KubeContext = None,
) -> None:
    """Print the addresses and ports at which a Gateway listens, one a line."""
    loaded, name = _gateway(gateway, files, kube_context, address, real_ports)
    ports = dict.fromkeys(one.bound_port for one in loaded.translation.gateways[name].merged() if one.serves)
    for host in loaded.translation.reached_at(name):
        for port in ports:
            typer.echo(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")


@app.command()
def logs(
    gateway: Which = None,
    files: Files = None,
    tail: Annotated[int, typer.Option(help="So many of the last lines.", min=0)] = 100,
    follow: Annotated[bool, typer.Option("--follow", help="Go on with what is logged, until Ctrl-C.")] = False,
    pod: Pod = None,
    kube_context: KubeContext = None,
) -> None:
    """Print the log of a proxy."""
    import contextlib

    _, door = _door(gateway, files, kube_context, pod)
    typer.echo(door.log(tail), nl=False)
    with contextlib.suppress(KeyboardInterrupt):
        for piece in door.follow() if follow else ():
            typer.echo(piece, nl=False)


@app.command()
def config(
    gateway: Which = None,
    files: Files = None,
    output: Annotated[Data, typer.Option("--output", "-o", help="How to answer.")] = Data.yaml,
    pod: Pod = None,
    kube_context: KubeContext = None,
) -> None:
    """Print the configuration that a proxy has, in Envoy's words. Envoy leaves out private keys."""
    import json

    from daemun.cli.output import dump_json, dump_yaml

    _, door = _door(gateway, files, kube_context, pod)
    found = json.loads(door.admin("/config_dump?include_eds"))
    typer.echo(dump_json(found) if output is Data.json else dump_yaml(found["configs"]).rstrip("\n"))


@app.command()
def stats(
    gateway: Which = None,
    files: Files = None,
    match: Annotated[str, typer.Option("--match", help="Only those in whose name this RE2 expression is found.")] = "",
    prometheus: Annotated[bool, typer.Option("--prometheus", help="In the format of Prometheus.")] = False,
    pod: Pod = None,
    kube_context: KubeContext = None,
) -> None:
    """Print the statistics of a proxy that are not zero since it began."""
    from urllib.parse import quote

    _, door = _door(gateway, files, kube_context, pod)
    path = "/stats/prometheus" if prometheus else "/stats"
    wanted = f"&filter={quote(match)}" if match else ""
    typer.echo(door.admin(f"{path}?usedonly{wanted}").decode(errors="replace"), nl=False)


@app.command()
def drain(
    gateway: Which = None,
    files: Files = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    pod: Pod = None,
    kube_context: KubeContext = None,
) -> None:
    """Let a proxy send its clients elsewhere, and stop listening after 45 seconds. Only its restart takes this back."""
    _, door = _door(gateway, files, kube_context, pod)
    if not yes and not typer.confirm(f"{door.name} will stop listening. Go on?"):
        raise typer.Exit(1)
    door.admin("/drain_listeners?graceful", "POST")
    typer.echo(f"{door.name} drains")


@app.command()
def diff(
    gateway: Which = None,
    files: Files = None,
    output: Annotated[str, typer.Option("--output", "-o", help="text or json.")] = "text",
    address: Address = "127.0.0.1",
    real_ports: RealPorts = False,
    pod: Pod = None,
    kube_context: KubeContext = None,
) -> None:
    """Tell what a proxy has that it should not have, the other way round, and what of it is not as it should be.

    What it should have is worked out anew from the manifests. Secrets are compared by their names, endpoints by their
    addresses, and Daemun's own servers not at all. Ends with 1 if there is a difference.
    """
    import json

    from daemun.cli.dumps import differences, options_of
    from daemun.cli.output import dump_json, fail

    if output not in ("text", "json"):
        fail(f"-o {output} is not a form of output", "Use text or json.")
    loaded, door = _door(gateway, files, kube_context, pod, address, real_ports)
    dump = json.loads(door.admin("/config_dump?include_eds"))
    log, absent = options_of(dump)
    if log or absent:
        loaded, _ = _gateway(gateway, files, kube_context, address, real_ports, log, absent)
    name = str(_named(loaded, gateway))
    found = differences(dump, loaded.translation.resources, name)
    if output == "json":
        typer.echo(dump_json(found))
    for one in found if output == "text" else ():
        typer.echo(f"{one.state:<8} {one.type} {one.name}{'  ' + ', '.join(one.fields) if one.fields else ''}")
    if output == "text":
        typer.echo(f"{door.name}: {len(found)} differences")
    if found:
        raise typer.Exit(1)


def _gateway(
    written: str | None,
    files: list[Path] | None,
    context: str | None,
    address: str = "127.0.0.1",
    real_ports: bool = False,
    access_log: str = "",
    absent: tuple[str, ...] = (),
) -> "tuple[Loaded, Name]":
    from daemun.cli.loading import Surroundings, load

    where = "" if context is None and not files else context
    loaded = load(files or [], Surroundings(where, address, real_ports, access_log, absent))
    return loaded, _named(loaded, written)


def _named(loaded: "Loaded", written: str | None) -> "Name":
    """The Gateway of this name; the only one if none is named."""
    from daemun.cli.output import fail
    from daemun.view.refs import nearest

    known = loaded.translation.gateways
    found = [name for name in known if written in (None, str(name), name.name)]
    if len(found) == 1:
        return found[0]
    if len(found) > 1:
        fail("there are several such Gateways", f"Name one of them: {', '.join(map(str, sorted(known)))}.")
    return fail(f"there is no Gateway {written or 'here'}", nearest(written or "", map(str, sorted(known))), code=1)


def _door(
    written: str | None,
    files: list[Path] | None,
    context: str | None,
    pod: str | None,
    address: str = "127.0.0.1",
    real_ports: bool = False,
) -> "tuple[Loaded, FolderDoor | PodDoor]":
    from daemun.cli.doors import door

    loaded, name = _gateway(written, files, context, address, real_ports)
    return loaded, door(files, context, name, loaded.translation.placements.get(name), pod)
