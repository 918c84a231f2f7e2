"""`daemun translate`: the Envoy resources, each with the objects it came from."""

from typing import Annotated, Any

import typer

from daemun.cli.options import Address, Data, Paths, RealPorts


def translate(
    paths: Paths,
    gateway: Annotated[
        str | None, typer.Option("--gateway", help="Only for this Gateway.", metavar="NAMESPACE/NAME")
    ] = None,
    output: Annotated[Data, typer.Option("--output", "-o", help="How to answer.")] = Data.yaml,
    address: Address = "127.0.0.1",
    real_ports: RealPorts = False,
) -> None:
    """Show the Envoy resources that the manifests come to, each with the objects it came from.

    Private keys are never shown.

    Examples:

      daemun translate manifests/

      daemun translate manifests/ --gateway gloo-system/http -o json
    """
    from daemun.cli.loading import load
    from daemun.cli.output import console, dump_json, dump_yaml, fail, print_problems

    loaded = load(paths, address, real_ports)
    known = {str(name) for name in loaded.translation.gateways}
    if gateway is not None and gateway not in known:
        there = f"There are: {', '.join(sorted(known))}." if known else "There is none."
        fail(f"there is no Gateway {gateway}", there, code=1)
    documents = _documents(loaded.translation.resources, gateway)
    if output is Data.yaml:
        typer.echo(dump_yaml(documents), nl=False)
    else:
        typer.echo(dump_json(documents))
    print_problems(loaded.problems, console(stderr=True))


def _documents(parts: Any, gateway: str | None) -> list[dict[str, Any]]:
    from daemun.envoy.readable import readable

    return [
        {
            "gateway": one.proxy,
            "type": one.type_url.rpartition(".")[2],
            "name": one.name,
            "from": [str(origin) for origin in one.origins],
            "resource": one.resource,
        }
        for one in readable(parts)
        if gateway in (None, one.proxy)
    ]
