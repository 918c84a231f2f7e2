"""`glooctl add route`, `remove route` and `route sort`."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from daemun.cli.glooctl.common import SYSTEM, Named, Output, Where, common, group
from daemun.cli.glooctl.get import KEYS
from daemun.cli.glooctl.making import Several
from daemun.cli.output import fail

if TYPE_CHECKING:
    from daemun.base.names import Name
    from daemun.manage.documents import Document
    from daemun.manage.store import Store

Index = Annotated[int, typer.Option("--index", "-x", help="Which route, counted from 0.", min=0)]
_DEFAULT = "default"

add = group("Add to an object.")
remove = group("Remove from an object.")
sort = group("Change the order of routes.")


@add.command("route")
@common
def add_route(
    where: Where,
    named: Named = None,
    index: Annotated[int, typer.Option("--index", "-x", help="Before which route it comes.", min=0)] = 0,
    path_prefix: Annotated[str, typer.Option("--path-prefix", "-p", help="What paths begin with.")] = "",
    path_exact: Annotated[str, typer.Option("--path-exact", "-e", help="A path.")] = "",
    path_regex: Annotated[str, typer.Option("--path-regex", "-r", help="A regular expression for paths.")] = "",
    method: Annotated[Several, typer.Option("--method", "-m", help="Methods, with commas.")] = None,
    headers: Annotated[Several, typer.Option("--header", "-d", help="NAME=REGEX, with commas.")] = None,
    query: Annotated[Several, typer.Option("--queryParameter", "-q", help="NAME=REGEX, with commas.")] = None,
    dest_name: Annotated[str, typer.Option("--dest-name", "-u", help="The Upstream.")] = "",
    dest_namespace: Annotated[str, typer.Option("--dest-namespace", "-s", help="Its namespace.")] = SYSTEM,
    group_name: Annotated[str, typer.Option("--upstream-group-name", help="The UpstreamGroup.")] = "",
    group_namespace: Annotated[str, typer.Option("--upstream-group-namespace", help="Its namespace.")] = SYSTEM,
    table_name: Annotated[str, typer.Option("--delegate-name", help="The RouteTable.")] = "",
    table_namespace: Annotated[str, typer.Option("--delegate-namespace", help="Its namespace.")] = SYSTEM,
    prefix_rewrite: Annotated[str | None, typer.Option("--prefix-rewrite", help="What the prefix becomes.")] = None,
    function: Annotated[str, typer.Option("--aws-function-name", "-a", help="The Lambda function.")] = "",
    alb: Annotated[bool, typer.Option("--aws-alb-unwrap", help="Its answer is one for an ALB.")] = False,
    api: Annotated[bool, typer.Option("--aws-api-gw-unwrap", help="Its answer is one for API Gateway.")] = False,
    unescape: Annotated[bool, typer.Option("--aws-unescape", help="Its answer is not JSON.")] = False,
    rest_function: Annotated[str, typer.Option("--rest-function-name", "-f", help="The REST function.")] = "",
    rest_parameters: Annotated[
        Several, typer.Option("--rest-parameters", help="NAME=EXTRACTOR: what it gets of the request.")
    ] = None,
    to_route_table: Annotated[
        bool, typer.Option("--to-route-table", help="The object is a RouteTable, not a VirtualService.")
    ] = False,
    everywhere: Annotated[
        bool, typer.Option("--cluster-scoped-vs-client", help="Look for one for any host in all namespaces.")
    ] = False,
) -> None:
    """Add a route to a VirtualService.

    Without a name it goes to one for any host (*); if there is none, `default` is made.
    """
    from daemun.base.names import Name
    from daemun.manage import routes
    from daemun.manage.documents import WrongInput, pairs, words

    try:
        wanted = routes.Wanted(
            prefix=path_prefix,
            exact=path_exact,
            regex=path_regex,
            methods=words(method or []),
            headers=pairs(headers or [], "--header"),
            query=pairs(query or [], "--queryParameter"),
            upstream=Name(dest_namespace, dest_name) if dest_name else None,
            group=Name(group_namespace, group_name) if group_name else None,
            table=Name(table_namespace, table_name) if table_name else None,
            function=function,
            rest_function=rest_function,
            rest_parameters=pairs(rest_parameters or [], "--rest-parameters"),
            unwrap_alb=alb,
            unwrap_api_gateway=api,
            unescape=unescape,
            prefix_rewrite=prefix_rewrite,
        )
        new = routes.route(wanted)
    except WrongInput as error:
        fail(error.text, error.mend)
    word = "routetable" if to_route_table else "virtualservice"
    name = named or where.name

    async def work(store: "Store") -> "Document":
        there = await _target(store, where, word, Name(where.system, name) if name else None, everywhere)
        exists = "resourceVersion" in there["metadata"]
        routes.add(there, new, index)
        if where.dry_run:
            return there
        return await (store.replace(there) if exists else store.create(there))

    _tell(where, where.ask(work))


async def _target(store: "Store", where: Where, word: str, name: "Name | None", everywhere: bool) -> "Document":
    """The object that gets the route: the one that is named, or the first for any host; else a new one."""
    from daemun.base.names import Name
    from daemun.manage import routes

    new = routes.route_table if word == "routetable" else _for_any_host
    if name is not None:
        return await store.find(KEYS[word], name) or new(name)
    if word == "virtualservice":
        for one in await store.list(KEYS[word], "" if everywhere else where.system):
            if one.get("spec", {}).get("virtualHost", {}).get("domains", ["*"]) == ["*"]:
                return one
    return new(Name(where.system, _DEFAULT))


def _for_any_host(name: "Name") -> "Document":
    from daemun.manage import routes

    return routes.virtual_service(name, [])


def _tell(where: Where, changed: "Document") -> None:
    from daemun.cli.glooctl import rows
    from daemun.cli.glooctl.tables import show

    output = where.output or (Output.kube_yaml if where.dry_run else None)
    header, lines = rows.OF[changed["kind"]]
    show([changed], output, header, lines, single=True)


def change(where: Where, name: "Name", act: "Callable[[Document], Document]", word: str = "virtualservice") -> None:
    """Read an object, change it, write it unless nothing is to be written, and show it."""
    from daemun.manage.store import changed

    key, version = KEYS[word], where.resource_version
    _tell(where, where.ask(lambda store: changed(store, key, name, act, version, write=not where.dry_run)))


@remove.command("route")
@common
def remove_route(where: Where, named: Named = None, index: Index = 0) -> None:
    """Remove a route from a VirtualService."""
    from daemun.manage import routes

    change(where, where.named(named), lambda there: routes.remove(there, index))


@sort.command("sort")
@common
def sort_routes(where: Where, named: Named = None) -> None:
    """Sort the routes of a VirtualService: the most specific paths first."""
    from daemun.manage import routes

    change(where, where.named(named), routes.sort)
