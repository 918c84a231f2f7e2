"""`daemun translate`: the Envoy resources, each with the objects it came from."""

from typing import Annotated, Any

import typer

from daemun.cli.options import Address, Data, Gateway, KubeContext, RealPorts, SomePaths


def translate(
    paths: SomePaths = None,
    gateway: Gateway = None,
    output: Annotated[Data, typer.Option("--output", "-o", help="How to answer.")] = Data.yaml,
    address: Address = "127.0.0.1",
    real_ports: RealPorts = False,
    kube_context: KubeContext = None,
) -> None:
    """Show the Envoy resources that the manifests come to, each with the objects it came from.

    Private keys are never shown.

    Examples:

      daemun translate manifests/

      daemun translate manifests/ --gateway gloo-system/http -o json

      daemun translate --kube-context kind-lab --gateway gloo-system/http
    """
    from daemun.cli.loading import Surroundings, load
    from daemun.cli.output import console, dump_json, dump_yaml, print_problems

    loaded = load(paths or [], Surroundings(kube_context, address, real_ports))
    loaded.gateway(gateway)
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
