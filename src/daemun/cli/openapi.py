"""`daemun openapi`: the document of an Upstream's gRPC services, as they are called with JSON."""

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from daemun.cli.options import Data, KubeContext, SomePaths

if TYPE_CHECKING:
    from daemun.base.names import Name
    from daemun.sources.functions.asking import Ask
    from daemun.translate import Translation


def openapi(
    upstream: Annotated[str, typer.Argument(metavar="UPSTREAM", help="Its namespace and name.")],
    paths: SomePaths = None,
    output: Annotated[Data, typer.Option("--output", "-o", help="How to answer.")] = Data.yaml,
    kube_context: KubeContext = None,
) -> None:
    """Print the OpenAPI document (3.0) of an Upstream whose gRPC services are called with JSON.

    Where it has no descriptors of its own, its server is asked for them, if it is one that Daemun would ask.

    Examples:

      daemun openapi shop/shelves manifests/

      daemun openapi shop/shelves --kube-context kind-lab -o json
    """
    from daemun.base.names import Name
    from daemun.cli.loading import Surroundings, load
    from daemun.cli.output import dump_json, dump_yaml, fail
    from daemun.gloo.functions.openapi import document

    namespace, slash, name = upstream.partition("/")
    if not (namespace and slash and name):
        fail(f"{upstream} is not the name of an Upstream", "Give its namespace, too: NAMESPACE/NAME.")
    made = load(paths or [], Surroundings(kube_context)).translation
    key = Name(namespace, name)
    _ask(made, key)
    found = made.upstreams.get(key)
    if found is None:
        fail(f"there is no Upstream {key}", code=1)
    if found.transcoder is None:
        why = f": {found.faults[0]}" if found.faults else ""
        fail(f"the gRPC services of Upstream {key} are not called with JSON{why}", code=1)
    answer = document(upstream, found.transcoder)
    typer.echo(dump_yaml([answer]) if output is Data.yaml else dump_json(answer), nl=output is Data.json)


def _ask(made: "Translation", key: "Name") -> None:
    """Ask the server, as the control plane would."""
    from daemun.gloo.upstreams.internals import guard_of
    from daemun.ir.discovered import Said
    from daemun.sources.functions.asking import asking
    from daemun.sources.functions.failure import AskError

    asked = made.asked.get(key)
    for question in asked.questions if asked is not None else ():
        if question.kind != "grpc":
            continue
        try:
            said = asyncio.run(_once(asking(question, guard_of(made.settings))))
            made.said.update({key: Said(question.kind, said)})
        except AskError as error:
            typer.echo(str(error), err=True)
        else:
            return


async def _once(ask: "Ask") -> bytes:
    return await ask()
