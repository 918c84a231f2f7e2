"""`daemun policy`: all that is in force on a route, with where each field came from and what lost to it."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from daemun.cli.options import Address, Files, KubeContext, RealPorts, SomePaths, View

if TYPE_CHECKING:
    from daemun.base.names import Ref
    from daemun.cli.loading import Loaded
    from daemun.view.effective import Effective

_LONGEST = 100


def policy(
    route: Annotated[str, typer.Argument(metavar="ROUTE", help="[KIND/][NAMESPACE/]NAME of a route.")],
    paths: SomePaths = None,
    files: Files = None,
    output: Annotated[View, typer.Option("--output", "-o", help="How to answer.")] = View.text,
    address: Address = "127.0.0.1",
    real_ports: RealPorts = False,
    kube_context: KubeContext = None,
) -> None:
    """Show all that is in force on a route: each field with the object it came from, and those that lost to it.

    That is what its rules say, policies for it, routes that delegate to it with their policies, and what is in force on
    its listeners.

    Examples:

      daemun policy httproute/shop/cart manifests/

      daemun policy cart -o json
    """
    from daemun.cli.loading import look

    show(look([*(paths or ()), *(files or ())], kube_context, address, real_ports), route, output)


def show(loaded: "Loaded", name: str, output: View) -> None:
    """Print what is in force on the route of this name; end with one error if there is none."""
    from daemun.cli.output import console, dump_json, dump_yaml, fail, plain
    from daemun.view.effective import ROUTES, effective
    from daemun.view.refs import NoSuchObject, find

    try:
        ref = find(loaded.translation, name, ROUTES)
    except NoSuchObject as error:
        fail(error.text, error.mend, code=1)
    found = effective(loaded.translation, ref)
    if not found and (below := _below(loaded, ref)):
        fail(f"{ref} hands all that it gets on to other routes", f"Ask for one of them: {', '.join(below)}.", code=1)
    if not found:
        fail(f"{ref} has no rule that is served", f"daemun check tells what is wrong with {ref}.", code=1)
    if output is View.json:
        typer.echo(dump_json(plain(found)))
    elif output is View.yaml:
        typer.echo(dump_yaml(plain(found)), nl=False)
    else:
        for one in found:
            _print(loaded, one, console())


def _below(loaded: "Loaded", ref: "Ref") -> list[str]:
    """The routes that a route delegates to."""
    from daemun.view.refs import spelled

    ways = loaded.translation.routes.values()
    return sorted({spelled(one.ref) for one in ways if one.through and one.through[0] == ref})


def _print(loaded: "Loaded", one: "Effective", to: Any) -> None:
    from rich.text import Text

    def at(by: "Ref", where: str) -> str:
        file, line = loaded.place(by, where)
        return f"{by} {where}{f' at {file}:{line}' if file else ''}"

    name = f" ({one.name})" if one.name else ""
    to.print(Text(f"{one.route} {one.rule}{name}", "bold cyan"), Text(f"  {' or '.join(one.matches)}"), sep="")
    if one.through:
        to.print(Text(f"  delegated to by {', then by '.join(map(str, one.through))}", "dim"))
    to.print(Text(f"  on {', '.join(one.listeners) or 'no listener'}", "dim"))
    for field in one.fields:
        to.print(Text(f"  {field.name}", "bold"), Text(_short(field.value)), Text(f"  [{field.level}]", "green"))
        to.print(Text(f"      {at(field.by, field.where)}", "dim"))
    for lost in one.lost:
        to.print(Text(f"  {lost.name}", "yellow"), Text(_short(lost.value)), Text(f"  [lost: {lost.why}]", "yellow"))
        to.print(Text(f"      {at(lost.by, lost.where)}", "dim"))
    if not one.fields and not one.lost:
        to.print(Text("  nothing but its backends", "dim"))


def _short(value: Any) -> str:
    text = "" if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
