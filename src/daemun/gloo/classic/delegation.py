"""Delegation: the routes of a VirtualService, and in the places of those that delegate, the routes of RouteTables."""

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import NamedTuple

import msgspec

from daemun.api.gloo.common import ResourceRef
from daemun.api.gloo.matchers import Matcher
from daemun.api.gloo.virtual_service import DelegateAction, Route, RouteTable, RouteTableSelector
from daemun.base.names import GLOO_GATEWAY, Name, Ref
from daemun.flow import Collection, Index, Reader
from daemun.gatewayapi.kinds import place
from daemun.gloo.classic.labels import ALL_NAMESPACES, selects
from daemun.gloo.classic.matchers import Asked, Inherited, Mismatch, below, path_of, specificity
from daemun.gloo.classic.report import Report
from daemun.gloo.classic.scope import Scope

KIND = "RouteTable"
MOST = 20_000
"""Routes of one VirtualService: RouteTables that delegate to each other twice and twice again come to any number."""
_ONE_PREFIX = "Give it one matcher with a prefix, or none."


class Label(NamedTuple):
    """A label of RouteTables; with an empty key: any RouteTable of the namespace, or of all if that is empty."""

    namespace: str
    key: str = ""
    value: str = ""


def labels_of(name: Name, table: RouteTable) -> Iterator[Label]:
    """What a RouteTable can be found by."""
    for namespace in (name.namespace, ""):
        yield Label(namespace)
        for key, value in table.metadata.labels.items():
            yield Label(namespace, key, value)


class Tables(NamedTuple):
    """The RouteTables there are."""

    written: Collection[Name, RouteTable]
    by_label: Index[Label, Name, RouteTable]


class Placing(msgspec.Struct, frozen=True, gc=False):
    """A route in its place: the object it is written in, its matchers, and the routes above it, the next one first."""

    by: Ref
    where: str
    asked: tuple[Asked, ...]
    route: Route
    above: tuple["Placing", ...] = ()


class Flattening:
    """The routes of one VirtualService, in order, and what is found on the way."""

    def __init__(self, reader: Reader, tables: Tables, scope: Scope, report: Report, root: Ref) -> None:
        self._reader = reader
        self._tables = tables
        self._scope = scope
        self._report = report
        self._count = 0
        self._root = root

    def routes(
        self,
        by: Ref,
        where: str,
        routes: Iterable[Route],
        parent: Inherited | None = None,
        above: tuple[Placing, ...] = (),
    ) -> Iterator[Placing]:
        """The routes of an object, those that delegate replaced."""
        for index, route in enumerate(routes):
            here = place(where, index)
            self._count += 1
            if self._count > MOST:
                text = f"with all that it delegates to it has more than {MOST} routes"
                self._report.error(self._root, "TooManyRoutes", "", text, "Delegate to less.")
                return
            asked = self._asked(by, here, route, parent)
            if asked is None:
                continue
            placing = Placing(by, here, asked, route, above)
            if route.delegate_action is None:
                yield placing
            else:
                yield from self._delegated(placing, route.delegate_action, parent)

    def _asked(self, by: Ref, where: str, route: Route, parent: Inherited | None) -> tuple[Asked, ...] | None:
        """The matchers of a route, below those of the route that delegates to it; None when it can never be reached."""
        written = [Asked(place(f"{where}.matchers", at), one) for at, one in enumerate(route.matchers)]
        if parent is None:
            return tuple(written) or (Asked(where, Matcher()),)
        try:
            if not written:
                return (Asked(where, below(parent, None)),)
            return tuple(Asked(at, below(parent, one)) for at, one in written)
        except Mismatch as why:
            self._report.warning(by, "MatcherMismatch", where, f"{why}: the route is left out")
            return None

    def _delegated(self, placing: Placing, action: DelegateAction, parent: Inherited | None) -> Iterator[Placing]:
        by, where, route = placing.by, placing.where, placing.route
        at = f"{where}.delegateAction"
        paths = _either(route.inheritable_path_matchers, bool(parent and parent.paths))
        conditions = _either(route.inheritable_matchers, bool(parent and parent.conditions))
        if len(placing.asked) > 1:
            text = "a route that delegates has one matcher at most"
            self._report.error(by, "InvalidMatcher", f"{where}.matchers", text, _ONE_PREFIX)
            return
        matcher = placing.asked[0].matcher
        if not paths and path_of(matcher)[0] != "Start":
            text = "a route that delegates is for a prefix"
            self._report.error(by, "InvalidMatcher", placing.asked[0].where, text, _ONE_PREFIX)
            return
        inherited = Inherited(matcher, paths, conditions)
        seen = {by, *(one.by for one in placing.above)}
        found = list(self._tables_of(by, at, action))
        if action.ref is None and not found and action.selector is not None:
            self._report.warning(by, "RouteTableNotFound", f"{at}.selector", "no RouteTable is selected")
        for _, group in groupby(sorted(found, key=_weight), key=_weight):
            tables = list(group)
            routes = [list(self._table(table, inherited, placing, seen)) for table in tables]
            flat = [one for each in routes for one in each]
            if len(tables) > 1 or self._scope.by_path:
                flat.sort(key=lambda one: specificity(asked.matcher for asked in one.asked))
            yield from flat

    def _table(self, table: RouteTable, inherited: Inherited, placing: Placing, seen: set[Ref]) -> Iterator[Placing]:
        ref = Ref(GLOO_GATEWAY, KIND, *table.name)
        if ref in seen:
            text = f"it delegates to itself by way of {placing.by} {placing.where}"
            self._report.error(ref, "DelegationCycle", "spec.routes", text, "Break the cycle.")
            return
        yield from self.routes(ref, "spec.routes", table.spec.routes, inherited, (placing, *placing.above))

    def _tables_of(self, by: Ref, at: str, action: DelegateAction) -> Iterator[RouteTable]:
        """The RouteTables that are delegated to, by name or in the order of their names."""
        if action.selector is not None:
            yield from self._selected(by.namespace, action.selector)
            return
        ref = action.ref or ResourceRef(action.name, action.namespace)
        name = Name(ref.namespace or by.namespace, ref.name)
        table = self._reader.get(self._tables.written, name) if self._scope.watches(name.namespace) else None
        if table is None:
            self._report.warning(by, "RouteTableNotFound", at, f"{KIND} {name} does not exist")
        else:
            yield table

    def _selected(self, home: str, selector: RouteTableSelector) -> Iterator[RouteTable]:
        namespaces = dict.fromkeys(selector.namespaces or (home,))
        everywhere = ALL_NAMESPACES in namespaces
        key, value = next(iter(sorted(selector.labels.items())), ("", ""))
        found: dict[Name, RouteTable] = {}
        for namespace in ("",) if everywhere else namespaces:
            for table in self._reader.find(self._tables.by_label, Label(namespace, key, value)):
                found[table.name] = table
        for name, table in sorted(found.items()):
            if self._scope.watches(name.namespace) and selects(
                table.metadata.labels, selector.labels, selector.expressions
            ):
                yield table


def _either(said: bool | None, otherwise: bool) -> bool:
    """What a route says of itself or, if it says nothing, what holds above it."""
    return otherwise if said is None else said


def _weight(table: RouteTable) -> int:
    return table.spec.weight or 0
