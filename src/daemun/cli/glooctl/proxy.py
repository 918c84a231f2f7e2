"""`glooctl proxy`: where a proxy is reached, what it says, and what it has."""

from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from daemun.cli.glooctl.common import Group, Where, common

if TYPE_CHECKING:
    from daemun.cli.doors import PodDoor
    from daemun.manage.documents import Document
    from daemun.manage.reaching import Address
    from daemun.manage.store import Store

_PROXY = "gateway-proxy"
_OF_GATEWAY = "gateway.networking.k8s.io/gateway-name"
Port = Annotated[str, typer.Option("--port", help="The port of the Service, by its name or number.", metavar="NAME")]
Local = Annotated[bool, typer.Option("--local-cluster", "-l", hidden=True, help="Found out without it.")]
LocalName = Annotated[str, typer.Option("--local-cluster-name", "-p", hidden=True, help="Found out without it.")]

app = typer.Typer(rich_markup_mode=None, cls=Group, no_args_is_help=True)


@app.callback()
@common
def proxy(ctx: typer.Context, where: Where, port: Port = "http") -> None:
    """Where a proxy is reached, what it says, and what it has.

    Without a name it is `gateway-proxy`, or the only one of the namespace.
    """
    ctx.obj = msgspec.structs.replace(where, port=port)


@app.command()
@common
def url(where: Where, port: Port = "", local: Local = False, local_name: LocalName = "") -> None:
    """Print the URL at which a proxy is reached."""
    del local, local_name
    print(_address(where, port).url)


@app.command()
@common
def address(where: Where, port: Port = "", local: Local = False, local_name: LocalName = "") -> None:
    """Print the address at which a proxy is reached, as HOST:PORT."""
    del local, local_name
    print(_address(where, port).text)


def _address(where: Where, port: str) -> "Address":
    from daemun.manage.reaching import reach

    async def find(store: "Store") -> "Address":
        return await reach(store.client, await _service(store, where), port or where.port)

    return where.ask(find)


async def _service(store: "Store", where: Where) -> "Document":
    """The Service of the proxy: the one that is named, `gateway-proxy`, or the only one of a Gateway."""
    from daemun.kube.errors import KubeError
    from daemun.manage.workloads import services

    found = {one["metadata"]["name"]: one for one in await services(store.client, where.system)}
    if where.name or _PROXY in found:
        name = where.name or _PROXY
        if name not in found:
            raise KubeError(f"there is no Service {where.system}/{name}", f"There are {', '.join(sorted(found))}.")
        return found[name]
    of_gateways = {name: one for name, one in found.items() if _OF_GATEWAY in one["metadata"].get("labels", {})}
    if len(of_gateways) == 1:
        return next(iter(of_gateways.values()))
    there = f"Name one of {', '.join(sorted(of_gateways))} with --name." if of_gateways else "Is it in another, -n?"
    raise KubeError(f"no Service in the namespace {where.system} is called {_PROXY}", there)


@app.command()
@common
def logs(
    where: Where,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what it says from now on.")] = False,
    debug: Annotated[bool, typer.Option("--debug", "-d", hidden=True, help="Set the log level of the proxy.")] = False,
) -> None:
    """Print what a proxy has said."""
    from daemun.manage import workloads

    del debug

    async def read(store: "Store") -> None:
        pod = await _pod(store, where)
        name = pod["metadata"]["name"]
        if not follow:
            typer.echo(await workloads.log(store.client, where.system, name), nl=False)
            return
        async for piece in workloads.follow(store.client, where.system, name):
            typer.echo(piece, nl=False)

    where.ask(read)


async def _pod(store: "Store", where: Where) -> "Document":
    """A pod behind the proxy's Service."""
    from daemun.kube.errors import KubeError
    from daemun.manage.workloads import pods

    service = await _service(store, where)
    selector = ",".join(f"{key}={value}" for key, value in service["spec"].get("selector", {}).items())
    found = await pods(store.client, where.system, selector)
    running = [one for one in found if one.get("status", {}).get("phase") == "Running"]
    if not running:
        raise KubeError(f"no pod of {service['metadata']['name']} runs", "Look at its Deployment.")
    return running[0]


@app.command()
@common
def dump(where: Where) -> None:
    """Print the configuration that a proxy has, in Envoy's words. Envoy leaves out private keys."""
    typer.echo(_door(where).admin("/config_dump"), nl=False)


@app.command()
@common
def snapshot(
    where: Where,
    include_eds: Annotated[bool, typer.Option("--include-eds/--no-include-eds", help="Endpoints, too.")] = True,
) -> None:
    """Print the same, with endpoints."""
    typer.echo(_door(where).admin(f"/config_dump{'?include_eds' if include_eds else ''}"), nl=False)


@app.command()
@common
def stats(where: Where) -> None:
    """Print the statistics of a proxy."""
    typer.echo(_door(where).admin("/stats"), nl=False)


@app.command("served-config")
@common
def served_config(where: Where) -> None:
    """Print what the control plane wants a proxy to have, worked out anew from what is in the cluster."""
    from daemun.cli.options import Data
    from daemun.cli.translate import translate

    service = where.ask(lambda store: _service(store, where))
    labels = service["metadata"].get("labels", {})
    gateway = labels.get(_OF_GATEWAY, service["metadata"]["name"])
    translate([], f"{where.system}/{gateway}", Data.yaml, kube_context=where.kube_context or "")


def _door(where: Where) -> "PodDoor":
    from daemun.cli.doors import PodDoor

    service = where.ask(lambda store: _service(store, where))
    return PodDoor(where.kube_context or "", where.system, service["metadata"]["name"])
