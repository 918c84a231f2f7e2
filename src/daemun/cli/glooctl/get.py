"""`glooctl get` and `glooctl delete`."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from daemun.base.names import GLOO, GLOO_GATEWAY
from daemun.cli.glooctl.common import Named, Where, common, group
from daemun.cli.output import fail

if TYPE_CHECKING:
    from daemun.manage.documents import Document
    from daemun.manage.store import Store

KEYS = {
    "authconfig": ("enterprise.gloo.solo.io", "AuthConfig"),
    "proxy": (GLOO, "Proxy"),
    "ratelimitconfig": ("ratelimit.solo.io", "RateLimitConfig"),
    "routetable": (GLOO_GATEWAY, "RouteTable"),
    "upstream": (GLOO, "Upstream"),
    "upstreamgroup": (GLOO, "UpstreamGroup"),
    "virtualservice": (GLOO_GATEWAY, "VirtualService"),
}
"""The words of the commands, and the kinds that they are for."""
_DELETED = ("proxy", "upstream", "upstreamgroup", "virtualservice")
_ROUTE = ("route", "routes", "r")

app = group("Show objects.")
delete = group("Delete objects.")


def _shows(word: str) -> Callable[..., None]:
    @common
    def command(where: Where, named: Named = None) -> None:
        _show(where, word, named)

    return command


def _show(where: Where, word: str, named: str | None) -> None:
    """One object, or all of a namespace."""
    from daemun.base.names import Name
    from daemun.cli.glooctl import rows
    from daemun.cli.glooctl.tables import show

    key, name = KEYS[word], named or where.name

    async def read(store: "Store") -> "list[Document]":
        if name:
            return [await store.read(key, Name(where.system, name))]
        return await store.list(key, where.system)

    header, lines = rows.OF[key[1]]
    show(where.ask(read), where.output, header, lines, single=bool(name))


def _deletes(word: str) -> Callable[..., None]:
    @common
    def command(where: Where, named: Named = None) -> None:
        name = where.named(named)
        where.ask(lambda store: store.delete(KEYS[word], name))
        print(f"{word} {name.name} deleted")

    return command


@common
def virtualservice(
    where: Where,
    named: Named = None,
    route: Annotated[
        str | None, typer.Argument(metavar="[route]", help="The word `route`: show its routes.", show_default=False)
    ] = None,
) -> None:
    """Show VirtualServices, or with the word `route` the routes of one, with their indexes."""
    from daemun.cli.glooctl import rows
    from daemun.cli.glooctl.tables import framed
    from daemun.manage import routes

    words = [word for word in (named, route) if word is not None]
    if not set(words) & set(_ROUTE):
        if route is not None:
            fail(f"{route!r} is one word too many", "Name one VirtualService.")
        return _show(where, "virtualservice", named)
    name = where.named(next((word for word in words if word not in _ROUTE), None))
    found = where.ask(lambda store: store.read(KEYS["virtualservice"], name))
    return print(framed(rows.ROUTES, rows.numbered(routes.routes_of(found))))


for _word, (_, _kind) in KEYS.items():
    _command = virtualservice if _word == "virtualservice" else _shows(_word)
    app.command(_word, help=f"Show {_kind}s." if _kind != "Proxy" else "Show Proxies.")(_command)
for _word in _DELETED:
    delete.command(_word, help=f"Delete a {KEYS[_word][1]}.")(_deletes(_word))
