"""`daemun tree`: everything that is served, from the class to the endpoints."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from daemun.cli.options import Address, Files, Gateway, KubeContext, RealPorts, SomePaths, TextOrData

if TYPE_CHECKING:
    from rich.text import Text

    from daemun.view.tree import Node


def tree(
    paths: SomePaths = None,
    files: Files = None,
    gateway: Gateway = None,
    output: Annotated[TextOrData, typer.Option("--output", "-o", help="How to answer.")] = TextOrData.text,
    address: Address = "127.0.0.1",
    real_ports: RealPorts = False,
    kube_context: KubeContext = None,
) -> None:
    """Show the tree of what is served: GatewayClass, Gateway, listener, route, rule, backend, endpoints.

    What is wrong stands where it is wrong. What nobody serves comes last. Ends with 1 if there is something wrong.

    Examples:

      daemun tree manifests/

      daemun tree --gateway gloo-system/http -o json
    """
    from daemun.cli.loading import look
    from daemun.cli.output import console, dump_json, dump_yaml
    from daemun.view.tree import plain
    from daemun.view.tree import tree as tree_of

    loaded = look([*(paths or ()), *(files or ())], kube_context, address, real_ports)
    roots = tree_of(loaded.translation, loaded.gateway(gateway))
    if output is TextOrData.json:
        typer.echo(dump_json(plain(roots)))
    elif output is TextOrData.yaml:
        typer.echo(dump_yaml([plain(roots)]), nl=False)
    else:
        to = console()
        for line in _lines(roots, utf=(to.encoding or "").lower().startswith("utf")):
            to.print(line)
        if not roots:
            to.print("There is nothing to serve.")
    if any(node.wrong for root in roots for node in root.every()):
        raise typer.Exit(1)


_STYLES = {
    "class": "bold",
    "gateway": "bold cyan",
    "listener": "bold",
    "route": "cyan",
    "rule": "",
    "nowhere": "yellow",
}


def _lines(roots: Iterable["Node"], *, utf: bool) -> Iterator["Text"]:
    """The tree, a line for each thing; its lines are letters of ASCII where the terminal has no others."""
    branch, end, through = ("├─ ", "└─ ", "│  ") if utf else ("|- ", "`- ", "|  ")

    def walk(node: "Node", head: str, below: str) -> Iterator["Text"]:
        from rich.text import Text

        kind = (
            "" if node.kind in ("route", "backend", "endpoint", "nowhere") else f"{_TITLES.get(node.kind, node.kind)} "
        )
        told = f"  {node.told}" if node.told else ""
        yield Text.assemble((head, "dim"), kind, (node.name, _STYLES.get(node.kind, "")), (told, "dim"))
        inner = f"{below}{through if node.below else '   '}"
        for text in node.wrong:
            yield Text.assemble((inner, "dim"), ("! ", "bold red"), (text, "red"))
        for at, one in enumerate(node.below):
            last = at == len(node.below) - 1
            yield from walk(one, f"{below}{end if last else branch}", f"{below}{'   ' if last else through}")

    for root in roots:
        yield from walk(root, "", "")


_TITLES = {"class": "GatewayClass", "gateway": "Gateway"}
