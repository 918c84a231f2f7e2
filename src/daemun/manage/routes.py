"""VirtualServices and RouteTables (Gloo) from a few words, and changes of their routes."""

from typing import Any

import msgspec

from daemun.api.gloo.matchers import Matcher
from daemun.base.names import GLOO_GATEWAY, Name
from daemun.gloo.classic.matchers import specificity
from daemun.manage.documents import Document, WrongInput, document, reference

VIRTUAL_SERVICE, ROUTE_TABLE = "VirtualService", "RouteTable"
_ONE_PATH = "Give one of --path-prefix, --path-exact and --path-regex."


class Wanted(msgspec.Struct, frozen=True):
    """A route as the flags of `add route` say it. Values of headers and query parameters are regular expressions."""

    prefix: str = ""
    exact: str = ""
    regex: str = ""
    methods: list[str] = []
    headers: dict[str, str] = {}
    query: dict[str, str] = {}
    upstream: Name | None = None
    group: Name | None = None
    table: Name | None = None
    function: str = ""
    rest_function: str = ""
    rest_parameters: dict[str, str] = {}
    unwrap_alb: bool = False
    unwrap_api_gateway: bool = False
    unescape: bool = False
    prefix_rewrite: str | None = None


def route(wanted: Wanted) -> Document:
    """The route. Raises WrongInput without one path, or without one place where requests go."""
    made: dict[str, Any] = {"matchers": [_matcher(wanted)]}
    places = [one for one in (wanted.upstream, wanted.group, wanted.table) if one is not None]
    if len(places) != 1:
        said = "more than one place" if places else "no place"
        raise WrongInput(
            f"the route has {said} where requests go",
            "Give one of --dest-name, --upstream-group-name and --delegate-name.",
        )
    if wanted.table is not None:
        made["delegateAction"] = {"ref": reference(wanted.table)}
    elif wanted.group is not None:
        made["routeAction"] = {"upstreamGroup": reference(wanted.group)}
    elif wanted.upstream is not None:
        destination = {"upstream": reference(wanted.upstream)} | _function(wanted)
        made["routeAction"] = {"single": destination}
    if wanted.prefix_rewrite is not None:
        made["options"] = {"prefixRewrite": wanted.prefix_rewrite}
    return made


def virtual_service(name: Name, domains: list[str], display_name: str = "") -> Document:
    """A VirtualService without routes, for any host if there are no `domains`."""
    spec: dict[str, Any] = {"displayName": display_name} if display_name else {}
    return document(GLOO_GATEWAY, VIRTUAL_SERVICE, name, spec=spec | {"virtualHost": {"domains": domains or ["*"]}})


def route_table(name: Name) -> Document:
    """A RouteTable without routes."""
    return document(GLOO_GATEWAY, ROUTE_TABLE, name, spec={})


def routes_of(written: Document) -> list[Document]:
    """The routes of a VirtualService or RouteTable: the list itself, which may be changed."""
    spec = written.setdefault("spec", {})
    place = spec.setdefault("virtualHost", {}) if written["kind"] == VIRTUAL_SERVICE else spec
    found: list[Document] = place.setdefault("routes", [])
    return found


def add(written: Document, new: Document, index: int = 0) -> Document:
    """The object with the route before the one that has the index now.

    Raises WrongInput for a place that there is not.
    """
    found = routes_of(written)
    if not 0 <= index <= len(found):
        raise WrongInput(f"there is no place {index} among {len(found)} routes", f"Give --index 0 to {len(found)}.")
    found.insert(index, new)
    return written


def at(written: Document, index: int) -> Document:
    """The route with the index. Raises WrongInput if there is none."""
    found = routes_of(written)
    if not 0 <= index < len(found):
        there = f"Give --index 0 to {len(found) - 1}." if found else "It has no routes."
        raise WrongInput(f"{written['kind']} {written['metadata']['name']} has no route {index}", there)
    return found[index]


def remove(written: Document, index: int) -> Document:
    """The object without the route that has the index."""
    routes_of(written).remove(at(written, index))
    return written


def sort(written: Document) -> Document:
    """The object with the most specific paths first: exact, then regular expressions, then prefixes, longer before
    shorter. Routes that are equal in that keep their order.
    """
    routes_of(written).sort(key=lambda one: specificity(_read(one)))
    return written


def secure(written: Document, secret: Name | None, names: list[str]) -> Document:
    """The VirtualService with TLS: a Secret, the server names it is for, or both; what else is said stays."""
    config = written.setdefault("spec", {}).setdefault("sslConfig", {})
    if secret is not None:
        config["secretRef"] = reference(secret)
    if names:
        config["sniDomains"] = names
    return written


def open_up(written: Document) -> Document:
    """The VirtualService without TLS."""
    written.get("spec", {}).pop("sslConfig", None)
    return written


def _read(one: Document) -> list[Matcher]:
    return msgspec.convert(one.get("matchers", []), list[Matcher])


def _matcher(wanted: Wanted) -> Document:
    paths = {"prefix": wanted.prefix, "exact": wanted.exact, "regex": wanted.regex}
    given = {key: value for key, value in paths.items() if value}
    if len(given) != 1:
        raise WrongInput("the route has more than one path" if given else "the route has no path", _ONE_PATH)
    made: dict[str, Any] = dict(given)
    if wanted.methods:
        made["methods"] = [method.upper() for method in wanted.methods]
    for key, values in (("headers", wanted.headers), ("queryParameters", wanted.query)):
        if values:
            made[key] = [{"name": name, "value": value, "regex": True} for name, value in sorted(values.items())]
    return made


def _function(wanted: Wanted) -> Document:
    """Which function of the Upstream is called, and how."""
    if wanted.function:
        flags = {
            "unwrapAsAlb": wanted.unwrap_alb,
            "unwrapAsApiGateway": wanted.unwrap_api_gateway,
            "responseTransformation": wanted.unescape,
        }
        aws = {"logicalName": wanted.function} | {key: True for key, value in flags.items() if value}
        return {"destinationSpec": {"aws": aws}}
    if wanted.rest_function:
        rest: dict[str, Any] = {"functionName": wanted.rest_function}
        if wanted.rest_parameters:
            rest["parameters"] = {"headers": dict(wanted.rest_parameters)}
        return {"destinationSpec": {"rest": rest}}
    return {}
