"""`daemun migrate`: manifests of another API as manifests of Gateway API."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from daemun.cli.options import Data, Paths

if TYPE_CHECKING:
    from collections.abc import Iterator

    from daemun.gloo.migrate import Made
    from daemun.sources.texts import Text

app = typer.Typer(
    help="Turn manifests of another API into manifests of Gateway API.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


class Prefixes(StrEnum):
    """What a prefix of Gloo's is taken for."""

    elements = "elements"
    characters = "characters"


@app.command()
def gloo(
    paths: Paths,
    output: Annotated[Data, typer.Option("--output", "-o", help="How to answer.")] = Data.yaml,
    only_converted: Annotated[
        bool, typer.Option("--only-converted", help="Leave out what is no classic resource, instead of handing it on.")
    ] = False,
    prefixes: Annotated[
        Prefixes,
        typer.Option(
            "--prefixes",
            help="A prefix becomes one of path elements, which /ab is not below /a for; or stays one of characters, as "
            "a regular expression.",
        ),
    ] = Prefixes.elements,
    flatten: Annotated[
        bool, typer.Option("--flatten", help="Put the routes of RouteTables where they are delegated to.")
    ] = False,
    gateway_class: Annotated[
        str, typer.Option("--gateway-class", help="The class of the Gateways.", metavar="NAME")
    ] = "gloo-gateway",
    keep_ports: Annotated[
        bool,
        typer.Option("--keep-ports", help="Keep 8080 and 8443, instead of 80 and 443 of the Service before the proxy."),
    ] = False,
    strict: Annotated[bool, typer.Option("--strict", help="End with 1 if anything is lost or changes.")] = False,
) -> None:
    """Turn Gloo's classic resources into Gateway API's, with Gloo's policies attached.

    Gateway, VirtualService, RouteTable and UpstreamGroup become Gateways, HTTPRoutes, TCPRoutes, TLSRoutes and
    ReferenceGrants. Upstreams, Secrets and everything else is handed on as it is written. What cannot be carried over
    is told on stderr, with its place, why, and what to do. Nothing is changed.

    Examples:

      daemun migrate gloo manifests/ > gateway-api.yaml

      daemun migrate gloo manifests/ --only-converted --strict > routes.yaml && daemun check routes.yaml rest/

      daemun migrate gloo virtualservice.yaml -o json | jq '.told[] | select(.warning | not)'
    """
    from daemun.api.meta import Resource
    from daemun.cli.loading import check_paths, progress
    from daemun.cli.output import console, dump_json, fail, print_problems
    from daemun.gloo.migrate import CLASSIC, Wishes, migrate
    from daemun.report.journal import file_line, problem_line
    from daemun.sources.reader import Folder
    from daemun.sources.texts import others, values

    check_paths(paths)
    wishes = Wishes(gateway_class, keep_ports, characters=prefixes is Prefixes.characters, flatten=flatten)
    with progress("reading"):
        folder = Folder(paths, None)
        batch = folder.load()
        objects = {ref: value for ref, value in batch.objects.items() if isinstance(value, Resource)}
        made, told = migrate(objects, wishes)
        rest = [] if only_converted else list(others(folder, CLASSIC))
    unread = [file_line(one) for one in batch.problems if not one.warning]
    lines = sorted([*unread, *(problem_line(one, folder.place) for one in told)])
    if output is Data.json:
        handed = [value for one in rest for value in (*values(one.text), *one.values)]
        typer.echo(dump_json({"objects": [*(one.document for one in made), *handed], "told": lines}))
    else:
        typer.echo("".join(_texts(made, rest)), nl=False)
        print_problems(lines, console(stderr=True), codes=True)
    if not objects:
        fail("nothing could be read", "Name files or folders with manifests of Gloo.", code=1)
    if strict and lines:
        raise typer.Exit(1)


def _texts(made: "list[Made]", rest: "list[Text]") -> "Iterator[str]":
    """The objects as YAML, each after a few words about it; then what is handed on, as it is written."""
    from daemun.cli.output import dump_yaml

    for one in made:
        notes = "".join(f"# {note}\n" for note in one.notes)
        yield f"---\n{notes}{dump_yaml([one.document])}"
    for each in rest:
        if each.text:
            yield f"---\n{each.text}\n"
        for value in each.values:
            yield f"---\n{dump_yaml([value])}"
